"""Measure every page in one process of its own: `python -m tests.benchmarks.page_times`; says JSON, one line a page.

The database is the one that the environment names; it holds demo data. Beside each page stands its floor: its own
statements through the database's driver, and an empty signed-in page behind the same middleware.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from statistics import median, quantiles
from typing import Any

from tests.api.signing import SignedCall

from .asking import HOST, Asker, Statement, noted_statements, plain_cursor, run_plainly
from .pages import CALLS, PAGES, Places
from .servers import cpu_of

# Of tests/benchmarks/empty_page.py, which needs settings to be imported.
EMPTY, NOTHING = "/empty/", "/nothing/"

WARM = 3
ANEW = 20  # calls at most in which each row is drawn anew
SECONDS = 6.0  # for one page, whatever it costs


class Meter:
    """CPU of this process and of its connections' processes in PostgreSQL, in seconds."""

    def __init__(self) -> None:
        from django.db import connection

        self.backends: list[int] = []
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
                self.backends = [pid for (pid,) in cursor.fetchall()]

    def now(self) -> float:
        return time.process_time() + sum(map(cpu_of, self.backends))

    def measure(self, call: Callable[[], Any], calls: int) -> tuple[float, list[float]]:
        """CPU a call in ms and the times of all, in ms; the calls end early where they take too long."""
        times: list[float] = []
        end, before = time.monotonic() + SECONDS, self.now()
        while len(times) < calls and (time.monotonic() < end or len(times) < 5):
            began = time.perf_counter()
            call()
            times.append((time.perf_counter() - began) * 1000)
        return (self.now() - before) * 1000 / len(times), times


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--only", default="")
    options = parser.parse_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry.settings")

    from django.conf import settings

    settings.ROOT_URLCONF = "tests.benchmarks.empty_page"
    application = import_module("registry.wsgi").application

    from registry.accounts.models import User

    asker, places = Asker(application, User.objects.get(username="bench")), Places.find()
    bench = Bench(asker, Meter(), options.calls)
    for page in PAGES:
        address = places.address(page)
        if options.only in page.name and address:
            row = {"name": page.name, "bar": page.bar} | bench.row(address, page.headers)
            print(json.dumps(row), flush=True)
    key = access_key(User.objects.get(username="bench"))
    for call in CALLS:
        if options.only in call.name:
            body = json.dumps(places.members(call)).encode()
            sent = signed(SignedCall(key=key, operation=call.operation, body=body, headers={"host": HOST}))
            print(json.dumps({"name": call.name, "bar": call.bar} | bench.row("/", *sent)), flush=True)
    return 0


def access_key(user: Any) -> tuple[str, str]:
    """The id and the secret of a new access key, which takes the place of the one of the last time."""
    from registry.accounts.access_keys import create_access_key, delete_access_key
    from registry.accounts.permissions import Actor

    actor = Actor.system("benchmark")
    for key in user.access_keys.filter(name="page-times"):
        delete_access_key(actor=actor, key=key)
    key, secret = create_access_key(actor=actor, user=user, name="page-times")
    return key.key_id, secret


def signed(call: SignedCall) -> tuple[dict[str, str], bytes]:
    """Headers and body of a call, good for a quarter of an hour."""
    headers = call.all_headers()
    return headers | {"authorization": call.authorization(headers)}, call.body


class Bench:
    """Measures pages; begins with the empty ones."""

    def __init__(self, asker: Asker, meter: Meter, calls: int) -> None:
        self.asker, self.meter, self.calls = asker, meter, calls
        # The floor of a page and of a fragment: CPU, and the statements that every such answer makes.
        self.floors = {address: self.floor(address) for address in (EMPTY, NOTHING)}

    def floor(self, address: str) -> tuple[float, set[str]]:
        for _ in range(WARM):
            self.ask(address)
        with noted_statements() as noted:
            self.ask(address)
        cpu, _ = self.meter.measure(lambda: self.ask(address), max(self.calls, 50))
        return cpu, {sql for sql, _ in noted}

    def ask(self, address: str, headers: dict[str, str] | None = None, sent: bytes = b"") -> bytes:
        status, body = self.asker.get(address, headers, sent)
        if status not in (200, 204):
            raise RuntimeError(f"{address} answers {status}")
        return body

    def row(self, address: str, headers: dict[str, str], sent: bytes = b"") -> dict[str, Any]:
        """What one request takes, with its floor; CPU and times in ms."""
        from registry.web.drawn import drawings

        ask = partial(self.ask, address, headers, sent)
        for _ in range(WARM):
            body = ask()
        with noted_statements() as noted:
            ask()
        empty, usual = self.floors[NOTHING if headers else EMPTY]
        own = [statement for statement in noted if statement[0] not in usual]
        cpu, times = self.meter.measure(ask, self.calls)
        # By a worker that has drawn no row yet.
        anew, _ = self.meter.measure(lambda: (drawings.clear(), ask()), min(self.calls, ANEW))
        with plain_cursor() as cursor:
            # Whichever costs less: a plan that PostgreSQL keeps, or a new one each time.
            queries = min(
                self.meter.measure(partial(run_all, cursor, own, keep), self.calls)[0] for keep in (True, False)
            )
        return {
            "p50": median(times),
            "p95": quantiles(times, n=20)[-1],
            "cpu": cpu,
            "anew": anew,
            "queries": queries,
            "empty": empty,
            "statements": len(own),
            "bytes": len(body),
        }


def run_all(cursor: Any, statements: list[Statement], keep_plan: bool) -> None:
    for statement in statements:
        run_plainly(cursor, statement, keep_plan=keep_plan)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
