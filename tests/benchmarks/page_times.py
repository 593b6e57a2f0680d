"""Measure pages in one process: `python -m tests.benchmarks.page_times` says JSON, one line a page.

The database is the one that the environment names; it holds demo data. Beside each page stands its floor: its own
statements through the database's driver, and an empty signed-in page behind the same middleware. The three take turns,
so that a machine that becomes slower becomes so for all. `--asked`: names come by standard input, and the answer to
each is one turn, for whoever lets several registries take turns (page_runs.py), or its weight after a "?".
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import psycopg

from tests.api.signing import SignedCall

from .asking import HOST, Asker, Statement, noted_statements, run_plainly
from .pages import CALLS, PAGES, Places

# Of tests/benchmarks/empty_page.py, which needs settings to be imported.
EMPTY, NOTHING = "/empty/", "/nothing/"

WARM = 3
TURNS = 5
SECONDS = 6.0  # for one page, whatever it costs

# One turn of a page: CPU a call in ms of each measured thing, `times` of each request in ms, and what it is.
Turn = dict[str, Any]


class Meter:
    """CPU of this process and of its connections' processes in PostgreSQL, in seconds."""

    def __init__(self) -> None:
        # Nanoseconds on the processor, by process; the ticks of `stat` are too coarse for a turn of some calls.
        self.backends: dict[Path, int] = {}

    def look(self) -> None:
        """Find the connections' processes."""
        from django.db import connection

        if connection.vendor == "postgresql":
            clients = "datname = current_database() AND backend_type = 'client backend'"
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT pid FROM pg_stat_activity WHERE {clients}")
                self.backends = {Path(f"/proc/{pid}/schedstat"): 0 for (pid,) in cursor.fetchall()}

    def now(self) -> float:
        for path in self.backends:
            # One that has lain idle for minutes is ended by the pool.
            with suppress(FileNotFoundError):
                self.backends[path] = int(path.read_text().split()[0])
        return time.process_time() + sum(self.backends.values()) / 1e9

    def measure(self, things: dict[str, Callable[[], Any]], calls: int) -> tuple[dict[str, float], list[float]]:
        """CPU a call of each thing, and the times of all calls of the first, in ms.

        They take turns, call by call: as at work, each finds what another left in the processor's caches. The calls
        end early where they take too long.
        """
        spent = dict.fromkeys(things, 0.0)
        times: list[float] = []
        first, end = next(iter(things)), time.monotonic() + SECONDS / TURNS
        while len(times) < calls and (time.monotonic() < end or len(times) < 2):
            for name, call in things.items():
                before, began = self.now(), time.perf_counter()
                call()
                took = (time.perf_counter() - began) * 1000
                spent[name] += self.now() - before
                if name == first:
                    times.append(took)
        return {name: cpu * 1000 / len(times) for name, cpu in spent.items()}, times


@dataclass(frozen=True)
class Asked:
    """A page or a call, ready to be asked for: its floor, its own statements, and how large the answer is."""

    bar: float
    floor: str
    ask: Callable[[], bytes]
    statements: list[Statement]
    size: int


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=100, help="requests of a page in all its turns")
    parser.add_argument("--only", default="", help="pages with this in their names")
    parser.add_argument("--asked", action="store_true", help="one turn for each name that comes by standard input")
    options = parser.parse_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry.settings")

    from django.conf import settings

    settings.ROOT_URLCONF = "tests.benchmarks.empty_page"
    application = import_module("registry.wsgi").application

    from registry.accounts.models import User

    user = User.objects.get(username="bench")
    bench = Bench(Asker(application, user), Places.find(), access_key(user), max(1, options.calls // TURNS))
    if options.asked:
        for line in sys.stdin:
            name = line.strip()
            print(json.dumps(bench.weigh(name[1:]) if name.startswith("?") else bench.turn(name)), flush=True)
    else:
        for name in page_names(options.only):
            if bench.has(name):
                print(json.dumps(told(name, [bench.turn(name) for _ in range(TURNS)])), flush=True)
    return 0


def page_names(only: str = "") -> list[str]:
    """Names of all pages and calls, or of those with `only` in them, in the order of the tables."""
    names = (*(page.name for page in PAGES), *(call.name for call in CALLS))
    return [name for name in names if only in name]


def told(name: str, turns: list[Turn]) -> dict[str, Any]:
    """One row from the turns of a page: CPU as the median of the turns, times of all requests together, in ms."""

    def middle(what: str) -> float:
        return median(turn[what] for turn in turns)

    times = [one for turn in turns for one in turn["times"]]
    return {
        "name": name,
        "bar": turns[0]["bar"],
        "p50": median(times),
        "p95": quantiles(times, n=20)[-1],
        "cpu": middle("cpu"),
        "anew": middle("anew"),
        # Whichever costs less: a plan that PostgreSQL keeps, or a new one each time.
        "queries": min(middle("queries"), middle("queries_planned")),
        "empty": middle("empty"),
        "statements": turns[0]["statements"],
        "bytes": turns[0]["bytes"],
    }


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
    """Measures pages of one registry, `calls` requests in each turn."""

    def __init__(self, asker: Asker, places: Places, key: tuple[str, str], calls: int) -> None:
        self.asker, self.places, self.key, self.calls = asker, places, key, calls
        self.pages, self.wire = {page.name: page for page in PAGES}, {call.name: call for call in CALLS}
        self.meter = Meter()
        self.cursor = own_cursor()
        # The statements that every such answer makes.
        self.usual = {address: self.statements_of(partial(self.ask, address)) for address in (EMPTY, NOTHING)}
        self.ready: dict[str, Asked] = {}

    def has(self, name: str) -> bool:
        return name in self.wire or bool(self.places.address(self.pages[name]))

    def ask(self, address: str, headers: dict[str, str] | None = None, sent: bytes = b"") -> bytes:
        status, body = self.asker.get(address, headers, sent)
        if status not in (200, 204):
            raise RuntimeError(f"{address} answers {status}")
        return body

    def statements_of(self, ask: Callable[[], bytes]) -> list[Statement]:
        for _ in range(WARM):
            ask()
        with noted_statements() as noted:
            ask()
        return noted

    def asked(self, name: str) -> Asked:
        """The page or call of that name, asked for some times."""
        if call := self.wire.get(name):
            body = json.dumps(self.places.members(call)).encode()
            headers, sent = signed(
                SignedCall(key=self.key, operation=call.operation, body=body, headers={"host": HOST})
            )
            ask, bar, floor = partial(self.ask, "/", headers, sent), call.bar, NOTHING
        else:
            page = self.pages[name]
            ask, bar = partial(self.ask, self.places.address(page), page.headers), page.bar
            floor = NOTHING if page.headers else EMPTY
        usual = {sql for sql, _ in self.usual[floor]}
        own = [statement for statement in self.statements_of(ask) if statement[0] not in usual]
        return Asked(bar, floor, ask, own, len(ask()))

    def weigh(self, name: str) -> int:
        """Bytes of the page; 0 where this registry has nothing that it could be about."""
        try:
            return self._made_ready(name).size if self.has(name) else 0
        except RuntimeError:
            return 0

    def _made_ready(self, name: str) -> Asked:
        if name not in self.ready:
            # One at a time: what is measured is all that is kept.
            self.ready = {name: self.asked(name)}
        return self.ready[name]

    def turn(self, name: str) -> Turn:
        """Some requests of the page and what its floor takes at that time."""
        from registry.web.drawn import drawings

        page = self._made_ready(name)
        self.meter.look()
        cpu, times = self.meter.measure(
            {
                "cpu": page.ask,
                "queries": partial(run_all, self.cursor, page.statements, True),
                "empty": partial(self.ask, page.floor),
                "queries_planned": partial(run_all, self.cursor, page.statements, False),
            },
            self.calls,
        )

        def ask_anew() -> None:
            drawings.clear()
            page.ask()

        # By a worker that has drawn no row yet.
        anew, _ = self.meter.measure({"anew": ask_anew}, max(1, self.calls // 5))
        said = {"bar": page.bar, "times": times, "statements": len(page.statements), "bytes": page.size}
        return said | cpu | anew


def own_cursor() -> Any:
    """A cursor of the database's driver that the pages' connections, which go back to their pool, have no part in."""
    from django.db import connection

    if connection.vendor == "sqlite":
        import sqlite3

        return connection.get_new_connection(connection.get_connection_params()).cursor(factory=sqlite3.Cursor)
    # A plan that is kept may read all events for a rare kind, minutes from a cold disk: then the other is the floor.
    patience = f"-c statement_timeout={int(SECONDS * 1000)}"
    return psycopg.connect(os.environ["DATABASE_URL"], autocommit=True, options=patience).cursor()


def run_all(cursor: Any, statements: Iterable[Statement], keep_plan: bool) -> None:
    for statement in statements:
        with suppress(psycopg.errors.QueryCanceled):
            run_plainly(cursor, statement, keep_plan=keep_plan)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
