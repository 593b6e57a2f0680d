"""The entry point for WSGI servers; `manage.py serve` uses it too."""

import gc
import os
import sqlite3
import sys

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from registry.capacity import counting
from registry.monitoring import instruments
from registry.sqlite.base import line_up
from registry.web.server import SUPERVISOR_VARIABLE, end_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry.settings")

if SUPERVISOR_VARIABLE in os.environ:
    # A worker whose server was killed would go on answering with nobody to stop it.
    end_with_parent()

application = counting(get_wsgi_application())


def limit_waiting() -> None:
    """Who waits for an answer waits no longer than the patience for a lock, or for a database that says nothing.

    Commands wait longer: nobody sits before them.
    """
    database = settings.DATABASES["default"]
    if database["ENGINE"] == "registry.sqlite":
        database["OPTIONS"]["timeout"] = settings.REGISTRY_PATIENCE
    elif database["ENGINE"] == "registry.postgresql":
        # Only here: on SQLite nobody has use for psycopg.
        from registry.postgresql.base import watch

        watch(database["OPTIONS"], settings.REGISTRY_PATIENCE)


limit_waiting()


def hold_sqlite_open() -> sqlite3.Connection | None:
    """A connection that this worker keeps and never uses; None on another database. It also joins the writers' line.

    Requests open and close their own. The last connection to a SQLite file that closes writes the whole log back and
    syncs it: without this one, on a quiet server, every request would pay for that.
    """
    database = settings.DATABASES["default"]
    if database["ENGINE"] != "registry.sqlite":
        return None
    line_up(database["NAME"])
    held = sqlite3.connect(database["NAME"], check_same_thread=False)
    held.execute("SELECT 1 FROM sqlite_master").fetchone()
    return held


_held = hold_sqlite_open()

if settings.REGISTRY_METRICS_TOKEN:
    instruments.enable()

# Who holds the write lock must not wait 5 ms for the interpreter after each statement while others compute: with 8
# clients that register a quarter more a second, and the slowest of them a third faster; pages are the same.
sys.setswitchinterval(0.001)

# What is loaded now stays: the collector of cyclic garbage need not walk it again and again, which took a quarter of
# the time of a page that makes 100,000 values. Most make some thousand; the default of 700 interrupts each of them.
gc.collect()
gc.freeze()
gc.set_threshold(10_000, 20, 20)
