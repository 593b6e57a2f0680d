"""A few seconds of `make faults`: one kill -9 under load, and one silence of the database."""

from __future__ import annotations

import pytest

from .checker import check
from .doors import all_say_503, all_well
from .load import Load
from .places import Postgresql, Registry, Sqlite
from .reading import of_registry


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
def test_a_silent_postgresql_is_said_within_three_seconds(registry: Registry):
    assert isinstance(registry.database, Postgresql)
    all_well(registry)
    with registry.database.frozen():
        all_say_503(registry)
    all_well(registry, within=6)


@pytest.mark.sqlite_only
def test_a_foreign_writer_on_sqlite_is_said_within_three_seconds(registry: Registry):
    assert isinstance(registry.database, Sqlite)
    all_well(registry)
    with registry.database.locked():
        all_say_503(registry, reads=True)
    all_well(registry, within=6)
