"""`manage.py verifylog` and `exportlog`: what they say, how they end, and what a file is worth elsewhere."""

import io
import json
import os
import re
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from registry.catalog import services
from registry.events.models import Event
from tests.factories import an_actor, make_group, make_version
from tests.log import behind_the_triggers

pytestmark = pytest.mark.django_db


@pytest.fixture
def group():
    group = make_group("fraud")
    for number in range(3):
        services.set_tags(actor=an_actor(), owner=group, tags=[("step", str(number))])
    make_version(make_group("churn"))
    return group


def run(*arguments, **options):
    out = io.StringIO()
    call_command(*arguments, stdout=out, stderr=io.StringIO(), **options)
    return out.getvalue()


def edit():
    with behind_the_triggers():
        Event.objects.filter(group_name="fraud", position=2).update(comment="never said")


def test_a_log_that_is_right(group):
    said = run("verifylog")
    assert said.startswith("The log is as it was written: 3 chains, 6 events, ")
    assert "1 chain, 4 events" in run("verifylog", group="us-east-1/fraud")
    told = json.loads(run("verifylog", json=True))
    assert (told["ok"], told["chains"], told["events"], told["findings"]) == (True, 3, 6, [])


def test_a_log_that_is_not(group):
    edit()
    event = Event.objects.get(group_name="fraud", position=2)
    out = io.StringIO()
    with pytest.raises(CommandError, match="1 thing wrong with the log: 3 chains, 6 events, ") as caught:
        call_command("verifylog", stdout=out)
    assert caught.value.returncode == 1
    assert out.getvalue() == (
        f"EDITED  us-east-1/fraud event 2 (id {event.pk}, {event.at:%Y-%m-%d %H:%M:%S} UTC): "
        "its content does not give its digest.\n"
    )
    out = io.StringIO()
    with pytest.raises(CommandError):
        call_command("verifylog", json=True, stdout=out)
    told = json.loads(out.getvalue())
    assert told["ok"] is False
    assert told["findings"][0]["event_id"] == event.pk
    assert "2 events" in run("verifylog", group="us-east-1/churn")


@pytest.mark.parametrize("name", ["fraud", "us-east-1/", "us-east-1/nothing", "a/b\x00"])
def test_a_group_that_is_not_there(group, name):
    for command in ("verifylog", "exportlog"):
        with pytest.raises(CommandError) as caught:
            call_command(command, group=name, stdout=io.StringIO())
        assert caught.value.returncode == 2


def test_the_chains_of_deleted_groups_belong_to_their_name(group):
    services.delete_model_package_group(actor=an_actor(), group=make_group("gone"))
    make_group("gone")
    assert "2 chains, 3 events" in run("verifylog", group="us-east-1/gone")


def test_an_export_is_checked_offline(group, tmp_path, django_assert_num_queries):
    path = tmp_path / "log.jsonl"
    assert "Exported 6 events" in run("exportlog", str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with django_assert_num_queries(0):
        assert "2 chains, 6 events" in run("verifylog", file=str(path))
    assert run("exportlog", "-") == path.read_text()
    path.write_text(path.read_text().replace('"step"', '"stop"', 1))
    with pytest.raises(CommandError) as caught:
        run("verifylog", file=str(path))
    assert caught.value.returncode == 1


def test_an_export_replaces_nothing_unasked(group, tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text("mine")
    with pytest.raises(CommandError, match="is there already"):
        run("exportlog", str(path))
    assert path.read_text() == "mine"
    run("exportlog", str(path), force=True, group="us-east-1/fraud")
    assert len(path.read_text().splitlines()) == 4
    assert [file.name for file in tmp_path.iterdir()] == ["log.jsonl"]


def test_an_event_that_cannot_be_read_ends_an_export(group, tmp_path):
    """Half a log under the name of a whole one would be worse than none."""
    path = tmp_path / "log.jsonl"
    assert not path.exists()
    with pytest.raises(CommandError):
        run("exportlog", str(tmp_path / "no folder" / "log.jsonl"))
    with pytest.raises(CommandError):
        run("verifylog", file=str(path))
    with pytest.raises(CommandError):
        run("verifylog", file=str(path), group="us-east-1/fraud")


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "2026-02-30T00:00:00", "9" * 30])
def test_dates_that_are_none(group, text):
    with pytest.raises(CommandError, match="is no date"):
        run("exportlog", since=text)


def test_dates(group):
    assert run("exportlog", since="2026-01-01", until="2100-01-01T00:00:00Z").count("\n") == 6
    assert run("exportlog", since="2100-01-01") == ""
    assert run("exportlog", until="2020-01-01") == ""


@pytest.mark.sqlite_only
def test_a_copy_of_the_file_whose_triggers_were_dropped(tmp_path):
    """As whoever gets hold of the file can do it, with nothing but SQLite."""
    path = tmp_path / "registry.sqlite3"
    with closing(sqlite3.connect(path)) as copy, closing(sqlite3.connect(settings.DATABASES["default"]["NAME"])) as own:
        own.backup(copy)
    environ = {
        "PATH": os.environ["PATH"],
        "REGISTRY_DATA_DIR": str(tmp_path / "var"),
        "DATABASE_URL": f"sqlite:///{path}",
    }
    done = subprocess.run([sys.executable, "-c", ATTACK], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    right, wrong = done.stdout.split("ATTACKED\n")
    assert "The log is as it was written" in right
    assert "UNPROTECTED  the trigger events_event_no_delete is missing" in wrong
    assert re.search(r"CUT OFF  us-east-1/fill-[a-z0-9-]+: event [0-9]+ is no longer there", wrong)


ATTACK = """
import os, sqlite3, sys
sys.argv = ["manage.py"]
os.environ["DJANGO_SETTINGS_MODULE"] = "registry.settings"
import django
from django.conf import settings
from django.core.management import call_command, execute_from_command_line
django.setup()
call_command("filldemo", "--groups", "3", "--versions", "30", verbosity=0)
call_command("verifylog")
print("ATTACKED", flush=True)
database = sqlite3.connect(os.environ["DATABASE_URL"].removeprefix("sqlite://"))
for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
    database.execute(f"DROP TRIGGER {name}")
database.execute("DELETE FROM events_event WHERE id = (SELECT max(id) FROM events_event WHERE chain > 0)")
database.commit()
database.close()
execute_from_command_line(["manage.py", "verifylog"])
"""
