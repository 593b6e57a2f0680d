"""Twenty rounds of each fault under eight clients; in the end everything that was acknowledged is there, once."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest
from django.conf import settings

from .checker import Call, check
from .doors import all_say_503, all_well
from .load import Load
from .places import Disk, Postgresql, Registry, Sqlite
from .reading import faults_of_log, of_file, of_registry

pytestmark = pytest.mark.faults

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "20"))
# One round of an absence is as long as people notice it, the others as long as it takes to ask every door.
AWAY = float(os.environ.get("FAULT_AWAY", "30"))
# After a fault every client has to get through within so many seconds.
RECOVERED = 30.0


class Story:
    """One fault under load: its rounds, how long the clients had to wait after each, and the check in the end."""

    def __init__(self, registry: Registry, name: str, tell: Callable[[str, object], None]) -> None:
        self.registry, self.name, self.tell = registry, name, tell
        self.began = time.monotonic()
        self.recoveries: list[float] = []
        self.longest = 0.0
        self.load = Load(registry.port, registry.key, [f"{name}-{number}" for number in range(3)]).start()
        self.load.await_progress(RECOVERED)

    def rounds(self) -> Iterator[int]:
        """The numbers of the rounds; after each all clients have to get through again."""
        for number in range(ROUNDS):
            yield number
            self.recoveries.append(self.load.await_progress(RECOVERED))

    def end(self) -> None:
        """Stop the clients and compare."""
        self.load.stop()
        wrong = check(self.load.history, of_registry(self.registry, self.name))
        facts = {
            "fault": self.name,
            "database": self.registry.database.name,
            "rounds": len(self.recoveries),
            "wanted": len(self.load.history),
            "acknowledged": len(self.load.answered()),
            "errors seen": len(self.load.errors),
            "wrong": len(wrong),
            "answered in s": f"{self.longest:.1f}" if self.longest else "",
            "recovered in s": f"{median(self.recoveries):.1f}/{max(self.recoveries):.1f}",
            "minutes": f"{(time.monotonic() - self.began) / 60:.1f}",
        }
        for name, value in facts.items():
            self.tell(name, value)
        assert wrong == []
        assert self.load.refused == []
        assert len(self.load.answered()) >= 8 * ROUNDS


@pytest.fixture
def story(registry: Registry, request: pytest.FixtureRequest, record_property) -> Iterator[Callable[..., Story]]:
    """Makes the one story of a test; its clients end with the test, however that ends."""
    told: list[Story] = []

    def begin(name: str, at: Registry = registry) -> Story:
        told.append(Story(at, name, record_property))
        return told[-1]

    yield begin
    for one in told:
        one.load.stop()


def test_kill_of_a_web_worker(story):
    tale = story("worker")
    for number in tale.rounds():
        # A worker that dies twice within 5.5 s takes its server with it, which then is started anew: so in some rounds.
        time.sleep(6 if number % 4 else 0.5)
        tale.registry.kill_worker()
    tale.end()


def test_kill_of_the_whole_server(story):
    tale = story("server")
    for number in tale.rounds():
        time.sleep(0.05 * (number % 7))
        tale.registry.kill_server()
        tale.registry.start()
    tale.end()


@pytest.mark.postgresql_only
def test_kill_of_postgresql(story):
    tale = story("postgresql")
    database = tale.registry.database
    assert isinstance(database, Postgresql)
    for number in tale.rounds():
        time.sleep(0.05 * (number % 7))
        database.kill()
        time.sleep(0.1 * (number % 4))
        database.start()
    tale.end()


# ---------- absences ----------


def hold(tale: Story, away: Callable[[], AbstractContextManager[None]], *, reads: bool = False) -> None:
    """Let the database be away in each round, long in the first, and ask every door meanwhile."""
    for _ in range(4):
        # Both workers have drawn each page once: the first time takes longer.
        all_well(tale.registry)
    for number in tale.rounds():
        with away():
            ends = time.monotonic() + (AWAY if number == 0 else 0)
            while True:
                tale.longest = max(tale.longest, all_say_503(tale.registry, reads=reads))
                if time.monotonic() >= ends:
                    break
                time.sleep(1)
        all_well(tale.registry, within=RECOVERED)
    tale.end()


@pytest.mark.postgresql_only
def test_postgresql_stands_still(story):
    tale = story("silent")
    hold(tale, tale.registry.database.frozen)


@pytest.mark.postgresql_only
def test_postgresql_is_shut_down(story):
    tale = story("shut-down")
    hold(tale, tale.registry.database.shut_down)


@pytest.mark.sqlite_only
def test_somebody_else_holds_the_lock_of_sqlite(story):
    tale = story("locked")
    hold(tale, tale.registry.database.locked, reads=True)


# ---------- disks ----------


@pytest.mark.sqlite_only
def test_power_cut_with_sqlite(story, tmp_path: Path):
    """The copy is what a power cut leaves: all that was acknowledged by then, and nothing by halves."""
    tale = story("power-cut")
    database = tale.registry.database
    assert isinstance(database, Sqlite)
    for number in tale.rounds():
        time.sleep(0.03 * (number % 7))
        with tale.registry.frozen():
            at = time.monotonic()
            copy = database.copy(tmp_path / "copy")
        if number % 2:
            # The write that was under way arrived in part.
            with copy.with_name(f"{copy.name}-wal").open("ab") as log:
                log.write(os.urandom(3000))
        assert check(known_at(tale.load, at), of_file(copy, tale.name)) == []
        if number % 5 == 0:
            assert faults_of_log(tale.registry, DATABASE_URL=f"sqlite:///{copy}") == []
        shutil.rmtree(copy.parent)
    tale.end()


def known_at(load: Load, at: float) -> list[Call]:
    """The history as the clients knew it then; what was answered later was not acknowledged yet."""
    return [
        call if call.answered is not None and call.answered <= at else replace(call, answered=None, number=call.number)
        for call in list(load.history)
    ]


@pytest.fixture
def small() -> Iterator[tuple[Registry, Disk]]:
    """A registry whose database has a small disk of its own."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    folder = settings.TEST_FOLDER / "small"
    folder.mkdir(mode=0o711)
    folder.chmod(0o711)
    disk = Disk(folder / "disk", 400)
    registry = None
    try:
        registry = Registry(folder, settings.TEST_DB, disk=disk.folder)
        registry.start()
        yield registry, disk
    finally:
        disk.free()
        if registry is not None:
            registry.close()
        disk.unmount()


def test_full_disk(story, small: tuple[Registry, Disk]):
    registry, disk = small
    tale = story("full-disk", at=registry)
    for _ in tale.rounds():
        disk.fill()
        await_refusal(tale.load)
        # What is read needs no room.
        page = registry.ask("GET", "/login/")
        assert page.seconds < 3, page.seconds
        disk.free()
        if isinstance(registry.database, Postgresql) and registry.database.server.process.poll() is not None:
            # Without room for its log it ends itself; whoever keeps services starts it again.
            registry.database.start()
    tale.end()


def await_refusal(load: Load) -> None:
    """Wait until a client is told that there is no room, or that the database is gone for the lack of it."""
    seen, ends = len(load.errors), time.monotonic() + 30
    while time.monotonic() < ends:
        if any("no room left" in error or "cannot reach" in error for error in load.errors[seen:]):
            return
        time.sleep(0.05)
    raise AssertionError("the disk is full, and nobody was told")
