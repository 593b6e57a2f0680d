"""A stop finishes what was taken: whoever asks for it, whichever process hears it, and within a known time."""

import os
import signal
import socket
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from registry.web.server import GRACE_SECONDS
from tests.test_capacity import Registry, writers_wait
from tests.test_serve import alive, wait_until

pytestmark = pytest.mark.sqlite_only

# Who waits for a lock does so for longer than a stop takes.
LONG = "30"


class Registering:
    """A client whose call is being worked on: it waits for the one write lock."""

    def __init__(self, server: Registry, name: str) -> None:
        self.name, self.answer = name, None
        self.client = server.client()
        self.thread = threading.Thread(target=self.call)
        self.thread.start()
        wait_until(lambda: waits_for_the_lock(server))

    def call(self) -> None:
        try:
            self.answer = self.client.create_model_package_group(ModelPackageGroupName=self.name)
        except (BotoCoreError, ClientError) as error:
            self.answer = error

    def is_answered(self) -> bool:
        self.thread.join(timeout=30)
        return isinstance(self.answer, dict) and self.name in self.answer["ModelPackageGroupArn"]


def waits_for_the_lock(server: Registry) -> bool:
    """True when a worker has come to the write lock with a call."""
    return any(is_busy(pid) for pid in server.family())


def is_busy(pid: int) -> bool:
    """True when a thread of that process holds the file by which writers line up."""
    try:
        locks = Path("/proc/locks").read_text()
    except OSError:
        return False
    return any(line.split()[4] == str(pid) and "FLOCK" in line for line in locks.splitlines())


def rows_named(served: Path, name: str) -> int:
    with closing(sqlite3.connect(served / "var" / "registry.sqlite3")) as database:
        query = "SELECT count(*) FROM catalog_modelpackagegroup WHERE name = ?"
        return database.execute(query, (name,)).fetchone()[0]


def refuses(server: Registry) -> bool:
    try:
        socket.create_connection(("127.0.0.1", server.port), timeout=2).close()
    except OSError:
        return True
    return False


def whole_family(server: Registry, number: int) -> None:
    """As a service manager does that tells every process of the unit."""
    for pid in [server.process.pid, *server.family()]:
        os.kill(pid, number)


def supervisor(server: Registry, number: int) -> None:
    server.process.send_signal(number)


@pytest.mark.operations
@pytest.mark.parametrize(
    ("who", "number", "name"),
    [
        (supervisor, signal.SIGTERM, "stop-term"),
        (supervisor, signal.SIGINT, "stop-int"),
        (whole_family, signal.SIGTERM, "stop-all"),
    ],
)
def test_what_was_taken_is_finished_and_nothing_else_is_taken(serve, served, who, number, name):
    server = serve(REGISTRY_PATIENCE=LONG)
    family = server.family()
    with writers_wait(served):
        registering = Registering(server, name)
        who(server, number)
        wait_until(lambda: refuses(server), seconds=5)
        # Once more, as Ctrl-C typed twice or a service manager's second try: not yet a reason to drop what was taken.
        server.process.send_signal(number)
        time.sleep(0.5)
        assert server.process.poll() is None
    released = time.monotonic()
    assert registering.is_answered(), registering.answer
    assert server.process.wait(timeout=10) == 0
    assert time.monotonic() - released < 5
    assert rows_named(served, name) == 1
    assert not [pid for pid in family if alive(pid)]


@pytest.mark.operations
def test_a_second_signal_after_three_seconds_ends_it_at_once(serve, served):
    server = serve(REGISTRY_PATIENCE=LONG)
    family = server.family()
    with writers_wait(served):
        registering = Registering(server, "stop-now")
        supervisor(server, signal.SIGTERM)
        time.sleep(3.5)
        assert server.process.poll() is None
        asked = time.monotonic()
        supervisor(server, signal.SIGTERM)
        assert server.process.wait(timeout=GRACE_SECONDS) == 0
        assert time.monotonic() - asked < 3
    assert not registering.is_answered()
    assert not [pid for pid in family if alive(pid)]


@pytest.mark.operations
def test_a_request_without_end_holds_nobody_longer_than_the_grace(serve, served):
    server = serve(REGISTRY_PATIENCE=LONG)
    family = server.family()
    with writers_wait(served):
        registering = Registering(server, "stop-late")
        asked = time.monotonic()
        supervisor(server, signal.SIGTERM)
        assert server.process.wait(timeout=GRACE_SECONDS + 10) == 0
        assert GRACE_SECONDS - 2 < time.monotonic() - asked < GRACE_SECONDS + 5
    assert not registering.is_answered()
    assert rows_named(served, "stop-late") == 0
    assert not [pid for pid in family if alive(pid)]
