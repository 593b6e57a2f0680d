"""The queue before SQLite's write lock: first come, first served, and nobody keeps what he does not hold."""

import sqlite3
import stat
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.db.backends.sqlite3 import base

from registry.configuration import PROJECT_ROOT
from registry.sqlite.base import Turn, turn
from tests.test_serve import wait_until

pytestmark = pytest.mark.sqlite_only


def test_who_came_first_writes_first():
    line, order = Turn(), []
    assert line.take(1)

    def wait(number: int) -> None:
        assert line.take(10)
        order.append(number)
        line.give()

    threads = []
    for number in range(6):
        threads.append(threading.Thread(target=wait, args=(number,)))
        threads[-1].start()
        wait_until(lambda: len(line._waiting) == len(threads))
    line.give()
    for thread in threads:
        thread.join()
    assert order == list(range(6))
    assert line.take(0.1)


def test_who_gives_up_is_left_out():
    line, began = Turn(), time.monotonic()
    assert line.take(1)
    assert not line.take(0.2)
    assert 0.2 <= time.monotonic() - began < 5
    line.give()
    assert line.take(0.1)


HOLDER = """
import sys, time
from registry.sqlite.base import Turn
line = Turn()
line.share(sys.argv[1])
assert line.take(1)
print("mine", flush=True)
time.sleep(60)
"""


def test_another_process_is_waited_for_and_loses_its_turn_when_killed(tmp_path):
    path = str(tmp_path / "turn")
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True
    )  # fmt: skip
    assert other.stdout is not None
    assert other.stdout.readline() == "mine\n"
    line, got = Turn(), []
    line.share(path)
    waiter = threading.Thread(target=lambda: got.append(line.take(1)))
    waiter.start()
    time.sleep(0.3)
    assert not got
    other.kill()
    other.wait()
    waiter.join(timeout=10)
    assert got == [True]


def in_thread(do) -> list[object]:
    """What `do` does on a connection of its own, and whether it was an error."""
    said: list[object] = []

    def run() -> None:
        connection.settings_dict["OPTIONS"]["timeout"] = 1
        try:
            said.append(do())
        except Exception as error:
            said.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return said


def write() -> str:
    with transaction.atomic():
        return "written"


@pytest.mark.django_db(transaction=True)
def test_a_transaction_holds_the_turn_until_its_end_however_it_ends():
    with transaction.atomic():
        assert turn._taken
        with transaction.atomic():
            pass
        assert turn._taken
    assert not turn._taken
    with pytest.raises(KeyError), transaction.atomic():
        raise KeyError
    assert not turn._taken

    def leave() -> None:
        connection.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
        assert turn._taken
        connection.close()

    assert in_thread(leave) == [None]
    assert not turn._taken
    assert in_thread(write) == ["written"]


@pytest.mark.django_db(transaction=True)
def test_a_writer_who_waits_too_long_is_told_as_by_sqlite_itself():
    patience = connection.settings_dict["OPTIONS"]["timeout"]
    try:
        with transaction.atomic():
            (said,) = in_thread(write)
        assert isinstance(said, OperationalError)
        assert "database is locked" in str(said)
        assert in_thread(write) == ["written"]
    finally:
        connection.settings_dict["OPTIONS"]["timeout"] = patience


@contextmanager
def foreign_writer():
    """The write lock in the hands of somebody who does not stand in line."""
    with closing(sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.mark.django_db(transaction=True)
def test_behind_a_foreign_writer_all_wait_as_long_as_they_have_and_not_one_after_the_other(monkeypatch):
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "timeout", 1)
    with foreign_writer():
        began, threads, said = time.monotonic(), [], []
        for _ in range(6):
            threads.append(threading.Thread(target=lambda: said.extend(in_thread(write))))
            threads[-1].start()
        for thread in threads:
            thread.join()
        took = time.monotonic() - began
    assert all("database is locked" in str(error) for error in said)
    assert len(said) == 6
    # One after the other it would be six seconds.
    assert took < 3
    assert in_thread(write) == ["written"]
    assert not turn.is_open


@pytest.mark.django_db(transaction=True)
def test_when_a_foreign_writer_lets_go_in_time_those_who_wait_get_through():
    with foreign_writer():
        thread = threading.Thread(target=lambda: said.extend(in_thread(write)))
        said: list[object] = []
        thread.start()
        wait_until(lambda: turn.is_open, seconds=5)
    thread.join()
    assert said == ["written"]
    assert not turn._taken


def test_an_opened_line_sends_all_on_without_the_turn():
    line, said = Turn(), []
    assert line.take(1)
    threads = [threading.Thread(target=lambda: said.append(line.take(20))) for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(line._waiting) == 3)
    line.open()
    for thread in threads:
        thread.join(timeout=5)
    assert said == [False] * 3
    line.give()
    assert line.take(0.1)


@pytest.mark.django_db(transaction=True)
def test_who_waited_in_vain_does_not_wait_as_long_again_in_the_same_breath(monkeypatch):
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "timeout", 1)
    with foreign_writer():
        began = time.monotonic()
        for _ in range(3):
            with pytest.raises(OperationalError, match="locked"):
                write()
        assert time.monotonic() - began < 2
    wait_until(lambda: write_or_none() == "written", seconds=5)


def write_or_none() -> str | None:
    try:
        return write()
    except OperationalError:
        return None


@pytest.mark.django_db(transaction=True)
def test_who_comes_when_others_have_waited_in_vain_is_told_soon(monkeypatch):
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "timeout", 1)
    with foreign_writer():
        assert "locked" in str(in_thread(write)[0])
        began = time.monotonic()
        assert "locked" in str(in_thread(write)[0])
        assert time.monotonic() - began < 0.8
    assert in_thread(write) == ["written"]
    assert turn.patience_left(7) == 7


@pytest.mark.django_db
def test_a_new_file_and_what_lies_beside_it_are_their_owner_s_alone(tmp_path):
    other = connection.copy("other")
    other.settings_dict["NAME"] = tmp_path / "new.sqlite3"
    try:
        with other.cursor() as cursor:
            cursor.execute("CREATE TABLE kept (id integer)")
        found = {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in tmp_path.iterdir()}
    finally:
        other.close()
    assert found == dict.fromkeys(["new.sqlite3", "new.sqlite3-shm", "new.sqlite3-wal"], "0o600")


def test_times_are_read_as_django_reads_them():
    naive, aware = datetime(2026, 3, 1, 12, 30), datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    ours, django = connection.ops, base.DatabaseOperations(connection)
    for value in (naive, aware, "2026-03-01 12:30:00", None):
        read = ours.convert_datetimefield_value(value, None, connection)
        assert read == django.convert_datetimefield_value(value, None, connection)
        assert read is None or read.tzinfo is not None
