"""The server's counters for Prometheus: what they are, and the few lines by which other code moves them.

They cost nothing until `enable` was called, which the workers do when REGISTRY_METRICS_TOKEN is set. Each process
writes into a file of its own in PROMETHEUS_MULTIPROC_DIR; whoever is asked for the metrics adds all files up. No label
holds anything that a visitor chose: names of routes and operations, error codes, and fixed words.
"""

from __future__ import annotations

import os
import time
from typing import Any

from django.conf import settings
from django.db import connections

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
# Seconds: a call, a page, a slow page, a limit of the server's own (the database may be away for three).
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 3, 10)
WAIT_BUCKETS = (0.001, 0.01, 0.1, 1, 5, 20)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
POOL_SECONDS = 1


class Instruments:
    """All counters of one process, and for each combination of labels what it is written to."""

    def __init__(self) -> None:
        # Here: its import is for those who want it.
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = CollectorRegistry()
        known: dict[str, Any] = {"registry": self.registry}
        live = {**known, "multiprocess_mode": "livesum"}
        self.requests = Counter(
            "registry_requests",
            "Requests by route, method and class of status.",
            ("route", "method", "status"),
            **known,
        )
        self.seconds = Histogram(
            "registry_request_seconds", "Time to the answer, by route.", ("route",), buckets=BUCKETS, **known
        )
        self.calls = Counter(
            "registry_calls", "Calls over the wire by operation and error code.", ("operation", "error"), **known
        )
        self.sign_ins = Counter("registry_sign_ins", "Tries to sign in, by how they ended.", ("result",), **known)
        self.shed = Counter("registry_requests_shed", "Requests refused for want of room.", ("reason",), **known)
        self.in_flight = Gauge(
            "registry_requests_in_flight", "Requests being worked on, and bodies on their way.", ("state",), **live
        )
        self.write_wait = Histogram(
            "registry_sqlite_write_wait_seconds", "Time in the line of SQLite's writers.", buckets=WAIT_BUCKETS, **known
        )
        self.pool = Gauge("registry_database_pool", "Connections to PostgreSQL, and who waits.", ("state",), **live)
        self.by_request: dict[tuple[str, str, int], tuple[Any, Any]] = {}
        self.by_call: dict[tuple[str, str], Any] = {}
        self.working = self.in_flight.labels("working")
        self.receiving = self.in_flight.labels("receiving")
        for reason in ("working", "receiving"):
            self.shed.labels(reason)
        for result in ("ok", "failed", "throttled"):
            self.sign_ins.labels(result)
        self.pool_seen = 0.0


_on: Instruments | None = None


def enable() -> Instruments:
    """Begin to count in this process; the counters, made once."""
    global _on
    if _on is None:
        _on = Instruments()
    return _on


def disable() -> None:
    """Count no more in this process."""
    global _on
    _on = None


def folder() -> str:
    """Where the processes of this server keep their counters; nothing for a process that counts for itself alone."""
    return os.environ.get(FOLDER_VARIABLE, "")


def note_request(route: str, method: str, status: int, seconds: float) -> None:
    """One request was answered; `route` is a name out of the code."""
    if (on := _on) is None:
        return
    key = (route, method, status // 100)
    kept = on.by_request.get(key)
    if kept is None:
        counter = on.requests.labels(route, method if method in METHODS else "other", f"{status // 100}xx")
        kept = counter, on.seconds.labels(route)
        if method in METHODS:
            on.by_request[key] = kept
    kept[0].inc()
    kept[1].observe(seconds)
    now = time.monotonic()
    if now - on.pool_seen >= POOL_SECONDS:
        on.pool_seen = now
        _note_pool(on)


def _note_pool(on: Instruments) -> None:
    if "pool" not in settings.DATABASES["default"].get("OPTIONS", {}):
        return
    connection: Any = connections["default"]
    found = connection.pool.get_stats()
    on.pool.labels("open").set(found.get("pool_size", 0))
    on.pool.labels("idle").set(found.get("pool_available", 0))
    on.pool.labels("waiting").set(found.get("requests_waiting", 0))


def note_call(operation: str, error: str) -> None:
    """One call over the wire was answered; both are names out of the code, `error` is nothing where it went well."""
    if (on := _on) is None:
        return
    key = (operation, error)
    kept = on.by_call.get(key)
    if kept is None:
        kept = on.by_call[key] = on.calls.labels(operation, error)
    kept.inc()


def note_sign_in(result: str) -> None:
    """A sign-in ended: ok, failed or throttled."""
    if _on is not None:
        _on.sign_ins.labels(result).inc()


def note_work(working: int, receiving: int) -> None:
    """How many requests this process works on now, and how many bodies are on their way to it."""
    if _on is not None:
        _on.working.set(working)
        _on.receiving.set(receiving)


def note_shed(reason: str) -> None:
    """A request was refused because too many are being worked on, or received."""
    if _on is not None:
        _on.shed.labels(reason).inc()


def note_write_wait(seconds: float) -> None:
    """A transaction on SQLite waited so long for its turn."""
    if _on is not None:
        _on.write_wait.observe(seconds)
