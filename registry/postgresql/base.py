"""Django's PostgreSQL backend for a server that answers: a database that says nothing is not waited for.

A stopped server, a frozen machine or a network that swallows packets breaks no connection: whoever waits for it waits
for ever. Here a statement that takes long makes the worker ask in a second connection whether the database answers at
all. Where it does, the statement is slow and goes on; where it does not, all who wait are told, and nobody tries again
before it answers.
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable, Generator
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from django.db.utils import InterfaceError, OperationalError
from psycopg.errors import ConnectionTimeout

from registry.outages import AWAY, COMMITTED_AT, UNDECIDED, outage_of

SILENCE = "the database does not answer"
# Of the patience: how long a statement may take before the database is asked, and how long that may take.
BEFORE_ASKING, FOR_THE_ANSWER = 0.35, 0.5
# A database that answered so many seconds ago is not asked again.
FRESH = 0.5


class Pulse:
    """Whether the database answers, found out by connecting; one question at a time, for all threads of the process."""

    def __init__(self) -> None:
        self.patience = 0.0
        self._connect: Callable[[], Any] | None = None
        self._lock = threading.Lock()
        self._asked_at: float | None = None
        self._answered_at = -1e9

    def begin(self, patience: float, connect: Callable[[], Any]) -> None:
        """From now on watch; `connect` connects anew, or fails in its own time."""
        self._connect, self.patience = connect, patience

    @property
    def is_silent(self) -> bool:
        """True while a question has been waiting for its answer for too long."""
        asked = self._asked_at
        return asked is not None and time.monotonic() - asked > self.patience * FOR_THE_ANSWER

    def ask(self) -> None:
        """Begin to ask, unless somebody does or the last answer is fresh."""
        with self._lock:
            now = time.monotonic()
            if self._asked_at is not None or now - self._answered_at < FRESH:
                return
            self._asked_at = now
        threading.Thread(target=self._await_answer, name="pulse", daemon=True).start()

    def _await_answer(self) -> None:
        assert self._connect is not None
        while True:
            try:
                self._connect().close()
            except ConnectionTimeout:
                continue
            except Exception:
                pass  # refused is an answer too: then waiting connections break by themselves
            break
        with self._lock:
            self._answered_at = time.monotonic()
            self._asked_at = None


pulse = Pulse()


class WatchedConnection(psycopg.Connection[Any]):
    """A connection whose statements end with OperationalError when the database has gone silent."""

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        return super().wait(self._watched(gen) if pulse.patience else gen, *args, **kwargs)

    def _watched(self, gen: Any) -> Generator[Any, Any, Any]:
        began = time.monotonic()
        try:
            state = next(gen)
            while True:
                ready = yield state
                # Nothing came for a tenth of a second.
                if not ready:
                    if pulse.is_silent:
                        self.pgconn.finish()
                        raise psycopg.OperationalError(SILENCE)
                    if time.monotonic() - began > pulse.patience * BEFORE_ASKING:
                        pulse.ask()
                state = gen.send(ready)
        except StopIteration as end:
            return end.value


def is_broken(connection: psycopg.Connection[Any]) -> bool:
    """Whether the server closed a connection that lay idle, as after a restart; asks it only where it said something.

    A server that closes a connection says so on it. Of one that vanished without a word nobody hears before the first
    statement, and that ends with its silence.
    """
    said = select.poll()
    try:
        said.register(connection.fileno(), select.POLLIN)
        if said.poll(0):
            connection.execute("")
    except psycopg.OperationalError:
        return True
    return False


class DatabaseWrapper(base.DatabaseWrapper):
    """With `patience` among its OPTIONS no lock and no silence is waited for longer than so many seconds."""

    def get_connection_params(self) -> dict[str, Any]:
        params = super().get_connection_params()
        patience = params.pop("patience", 0)
        # Behind a pooler a connection is not ours to set.
        if patience and params.get("prepare_threshold") is not None:
            # Compiling a statement (jit) and parallel workers are for reports: a page that reads some hundred rows they
            # cost seconds.
            ours = f"-c jit=off -c max_parallel_workers_per_gather=0 -c lock_timeout={round(patience * 1000)}"
            params["options"] = f"{ours} {params.get('options', '')}".strip()
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        patience = self.settings_dict["OPTIONS"].get("patience", 0)
        if patience and not pulse.patience:
            asking = {**conn_params, "connect_timeout": max(2, round(patience))}
            pulse.begin(patience, lambda: psycopg.connect(**asking))
        if pulse.is_silent:
            raise psycopg.OperationalError(SILENCE)
        while True:
            connection = super().get_new_connection(conn_params)
            if not is_broken(connection):
                return connection
            # The pool throws it away and makes another.
            self.pool.putconn(connection)

    def _commit(self) -> None:
        try:
            super()._commit()
        except (OperationalError, InterfaceError) as error:
            if (outage := outage_of(error)) is not None and outage.what == AWAY:
                setattr(error, UNDECIDED, True)
            raise
        setattr(self, COMMITTED_AT, time.monotonic())


def watch(options: dict[str, Any], patience: float) -> None:
    """Make all connections by these OPTIONS watched ones, before the first of them is made."""
    options["patience"] = patience
    options["pool"] = {**options["pool"], "connection_class": WatchedConnection}
