"""A few seconds of `make faults`: one kill -9 under load, and one silence of the database."""

from __future__ import annotations

import pytest

from .checker import check
from .doors import all_say_503, all_well
from .load import Load
from .places import Postgresql, Registry, Sqlite
from .reading import of_registry

# Other tests compute beside this one; `make faults` holds all doors to three seconds.
IN_TIME = 5.0


def test_a_killed_worker_loses_nothing(registry: Registry):
    load = Load(registry.port, registry.key, ["smoke-a", "smoke-b"]).start()
    load.await_progress(20)
    registry.kill_worker()
    load.await_progress(20)
    load.stop()
    assert check(load.history, of_registry(registry, "smoke")) == []
    assert load.refused == []
    assert len(load.answered()) >= 16


@pytest.mark.postgresql_only
def test_a_postgresql_that_is_silent_or_gone_is_said_in_time(registry: Registry):
    assert isinstance(registry.database, Postgresql)
    all_well(registry)
    with registry.database.frozen():
        all_say_503(registry, in_time=IN_TIME)
    all_well(registry)
    with registry.database.shut_down():
        all_say_503(registry, in_time=IN_TIME)
    all_well(registry)


@pytest.mark.sqlite_only
def test_a_foreign_writer_on_sqlite_is_said_in_time(registry: Registry):
    assert isinstance(registry.database, Sqlite)
    all_well(registry)
    with registry.database.locked():
        all_say_503(registry, reads=True, in_time=IN_TIME)
    all_well(registry)
