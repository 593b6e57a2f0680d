"""Django's SQLite backend with a queue before the one write lock, so that who came first writes first.

SQLite's own way of waiting is to sleep for up to 100 ms and look again; whoever comes just then overtakes. Here the
threads of a process line up, and the first of each process of the server waits in the kernel until another lets go.
The line helps among those that stand in it: while somebody else holds the lock, it is opened, and all wait each for as
long as they have.
Measured with 8 clients that register, two workers, two busy cores: p99 from 2.1 to 0.5 s, the longest from 3.7 s.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections import deque
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from django.db.backends.sqlite3 import base, operations
from django.db.utils import OperationalError

from registry.monitoring import instruments
from registry.outages import COMMITTED_AT

BUSY = 5  # SQLite's code
# Who is first in line and does not get the lock within so many seconds found somebody who does not stand in it.
FOREIGN_AFTER = 0.3
# The line stays open for so long, or until somebody gets the lock.
OPEN_FOR = 1.0
# Who comes when the others have waited in vain already looks for so long: a thread that waits answers nobody.
BRIEFLY = 0.25


class _Waiting:
    """One who stands in line."""

    def __init__(self) -> None:
        self.called = threading.Lock()
        self.called.acquire()
        self.has_turn = False


class Turn:
    """The right to begin a transaction: one in a process, and with `share` one in all processes that do."""

    def __init__(self) -> None:
        self.open_until = self._foreign_since = 0.0
        self._lock = threading.Lock()
        self._waiting: deque[_Waiting] = deque()
        self._taken = False
        self._file = -1

    def share(self, path: str) -> None:
        """Line up with the processes that share this file too; for short transactions, since nothing ends this wait."""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def take(self, seconds: float) -> bool:
        """Wait for the turn in the order of arrival; False when it did not come in time, or the line was opened."""
        with self._lock:
            if not self._taken:
                self._taken = True
                mine = None
            else:
                mine = _Waiting()
                self._waiting.append(mine)
        if mine is not None:
            if not mine.called.acquire(timeout=seconds):
                with self._lock:
                    if mine in self._waiting:
                        self._waiting.remove(mine)
                        return False
                # It came while we gave up.
            if not mine.has_turn:
                return False
        if self._file >= 0:
            fcntl.flock(self._file, fcntl.LOCK_EX)
        return True

    def give(self) -> None:
        """Let the next one in."""
        if self._file >= 0:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        with self._lock:
            if self._waiting:
                first = self._waiting.popleft()
                first.has_turn = True
                first.called.release()
            else:
                self._taken = False

    @property
    def is_open(self) -> bool:
        """True while standing in line is of no use."""
        return time.monotonic() < self.open_until

    def close(self) -> None:
        """Somebody got the lock: it is of use again to stand in line."""
        self.open_until = 0.0

    def patience_left(self, patience: float) -> float:
        """How long to wait now: less, the longer somebody else has been holding the lock already."""
        now = time.monotonic()
        if now > self.open_until + OPEN_FOR:
            return patience
        return max(BRIEFLY, patience - (now - self._foreign_since))

    def open(self) -> None:
        """Let all who wait go on; they need not give back what they did not get."""
        with self._lock:
            now = time.monotonic()
            if now > self.open_until + OPEN_FOR:
                self._foreign_since = now
            self.open_until = now + OPEN_FOR
            while self._waiting:
                self._waiting.popleft().called.release()


turn = Turn()


def line_up(database: str | os.PathLike[str]) -> None:
    """Wait for the turn together with the other processes of the server on that database file."""
    turn.share(f"{os.fspath(database)}-turn")


class Cursor(base.SQLiteCursorWrapper):
    """Django's cursor, which puts SQLite's signs into each statement; here into each text once."""

    def convert_query(self, query: str, *, param_names: list[str] | None = None) -> str:
        return _converted(query) if param_names is None else super().convert_query(query, param_names=param_names)


@lru_cache(maxsize=1024)
def _converted(query: str) -> str:
    return base.FORMAT_QMARK_REGEX.sub("?", query).replace("%%", "%")


class Operations(operations.DatabaseOperations):
    """Django's, with times read in one step: a page reads some hundred, an answer of evidence thousands."""

    def convert_datetimefield_value(self, value: Any, expression: Any, connection: Any) -> Any:
        # Stored in UTC; what is no time yet, such as the text of an expression, Django parses.
        if type(value) is datetime and value.tzinfo is None:
            return value.replace(tzinfo=UTC)
        return super().convert_datetimefield_value(value, expression, connection)


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that waits for its turn before it begins to write."""

    ops_class = Operations
    _has_turn = False
    _gave_up_at = 0.0

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """As Django's, but a new file is its owner's alone; SQLite gives the files beside it the same rights."""
        if not self.is_in_memory_db():
            # What stands against it, SQLite says in its own words.
            with contextlib.suppress(OSError):
                os.close(os.open(conn_params["database"], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        return super().get_new_connection(conn_params)

    def create_cursor(self, name: str | None = None) -> Cursor:
        return self.connection.cursor(factory=Cursor)

    def _start_transaction_under_autocommit(self) -> None:
        patience = self.settings_dict["OPTIONS"].get("timeout", 5)
        now = time.monotonic()
        # The same request waited as long as it may, for something that could be left out.
        deadline = now + (turn.patience_left(patience) if now - self._gave_up_at > OPEN_FOR else 0)
        if not turn.is_open:
            self._has_turn = turn.take(max(deadline - now, 0.05))
            if not self._has_turn and not turn.is_open:
                raise OperationalError("database is locked")
        try:
            self._begin(deadline, patience)
        except BaseException:
            self._give_turn()
            self._gave_up_at = time.monotonic()
            raise
        finally:
            instruments.note_write_wait(time.monotonic() - now)

    def _begin(self, deadline: float, patience: float) -> None:
        left = max(deadline - time.monotonic(), 0.05)
        if self._has_turn and left > FOREIGN_AFTER:
            try:
                self._begin_within(FOREIGN_AFTER, patience)
                return
            except OperationalError as error:
                if getattr(error.__cause__, "sqlite_errorcode", 0) & 0xFF != BUSY:
                    raise
            # Not one of ours: nobody need stand behind us for it.
            turn.open()
            self._give_turn()
            left = max(deadline - time.monotonic(), 0.05)
        try:
            self._begin_within(left, patience)
        except OperationalError:
            turn.open()
            raise
        turn.close()

    def _begin_within(self, seconds: float, patience: float) -> None:
        """BEGIN IMMEDIATE, waiting so long for the lock; whatever comes after it waits as it did before."""
        execute = self.connection.execute
        execute(f"PRAGMA busy_timeout={round(seconds * 1000)}")
        try:
            super()._start_transaction_under_autocommit()
        finally:
            execute(f"PRAGMA busy_timeout={round(patience * 1000)}")

    def _give_turn(self) -> None:
        if self._has_turn:
            self._has_turn = False
            turn.give()

    def _commit(self) -> Any:
        super()._commit()
        # Where it fails, the rollback follows.
        self._give_turn()
        setattr(self, COMMITTED_AT, time.monotonic())

    def _rollback(self) -> Any:
        try:
            super()._rollback()
        finally:
            self._give_turn()

    def _close(self) -> None:
        try:
            super()._close()
        finally:
            self._give_turn()
