"""What a server carries: registrations and pages a second, its memory and its start; a section of results.md.

`python -m tests.benchmarks.throughput [--quick] [--databases sqlite,postgresql]`; `make bench` runs it too.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from registry.configuration import PROJECT_ROOT

from . import report, servers
from .loads import THREADS, Load, Throng, sign_in

HEADING = "# What a server carries"
GROWTH = 5.0
AT_REST = 250.0
START = 2.0
DEMO = PROJECT_ROOT / "registry" / "api" / "sagemaker" / "demo" / "registry.jsonl"


@dataclass(frozen=True)
class Plan:
    """Calls of each client, the longest time of one load; how many requests the memory is watched over, how long."""

    calls: int
    pages: int
    seconds: float
    warm: int
    watched: int
    minutes: float


FULL = Plan(calls=250, pages=250, seconds=120, warm=16_000, watched=100_000, minutes=40)
QUICK = Plan(calls=40, pages=60, seconds=20, warm=1_000, watched=5_000, minutes=3)


@dataclass
class Line:
    """One load; times in milliseconds, CPU of the whole server a call."""

    server: str
    load: str
    clients: int
    rate: float
    cpu: float
    p50: float
    p99: float
    calls: int
    failed: dict[str, int]

    def __str__(self) -> str:
        said = f"{self.load}, {self.clients} clients: {self.rate:.0f}/s, {self.cpu:.2f} ms CPU a call"
        return f"{said}, p50 {self.p50:.1f}, p99 {self.p99:.1f}, failed {self.failed or 'none'}"


@dataclass
class Memory:
    """Megabytes of a server: at rest everything that runs, then what the web workers keep for themselves."""

    server: str
    rest: float
    start: float
    before: float = 0.0
    after: float = 0.0
    requests: int = 0
    replaced: int = 0

    @property
    def growth(self) -> float:
        return (self.after / self.before - 1) * 100 if self.before else float("nan")


@dataclass
class Results:
    lines: list[Line] = field(default_factory=list)
    memories: list[Memory] = field(default_factory=list)


def megabytes(pids: set[int], entry: str) -> float:
    """Sum of one entry of smaps_rollup ("Pss": shared pages in parts, "Pss_Anon": without files) over processes."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith(f"{entry}:"))
    return total / 1024


def web_workers(root: int) -> set[int]:
    """The processes that answer: the children of the server's master."""
    family = servers.tree([root]) - {root}
    masters = {pid for pid in family if b"granian" in Path(f"/proc/{pid}/cmdline").read_bytes()}
    return {pid for pid in family if (fields := servers.stat(pid)) and int(fields[1]) in masters}


class Bench:
    """Measures one running server."""

    def __init__(self, target: servers.Target, throng: Throng, plan: Plan, results: Results) -> None:
        self.target, self.throng, self.plan, self.results = target, throng, plan, results
        self.cookie = sign_in(target.port, "bench")
        self.key = tuple(sorted(target.key.items()))

    def loads(self, kind: str, clients: int, calls: int, groups: tuple[str, ...]) -> list[Load]:
        return [
            Load(kind, self.target.port, self.key, self.cookie, calls, self.plan.seconds, groups, first)
            for first in range(0, clients, THREADS)
        ]

    def line(self, name: str, kind: str, clients: int, calls: int, groups: tuple[str, ...] = ()) -> None:
        # Threads, connections and caches of all workers.
        self.throng.run(self.loads(kind, clients, 5, groups))
        cpu, began = self.target.cpu_seconds(), time.monotonic()
        told = self.throng.run(self.loads(kind, clients, calls, groups))
        took, used = time.monotonic() - began, self.target.cpu_seconds() - cpu
        times = sorted(told.seconds)
        made = len(times) + sum(told.failed.values())
        if len(times) < 2:
            raise RuntimeError(f"{name}: {told.failed}")
        p99 = times[min(len(times) - 1, round(len(times) * 0.99))]
        line = Line(
            self.target.name, name, clients, len(times) / took, used / made * 1000,
            median(times) * 1000, p99 * 1000, made, told.failed,
        )  # fmt: skip
        self.results.lines.append(line)
        print(f"  {line}", flush=True)

    def make_groups(self, count: int) -> tuple[str, ...]:
        from .clients import SageMaker

        client = SageMaker(self.target.port, self.target.key).client
        names = tuple(f"load-{number}" for number in range(count))
        for name in names:
            client.create_model_package_group(ModelPackageGroupName=name)
        return names

    def carry(self) -> tuple[str, ...]:
        names = self.make_groups(8)
        self.line("registrations, one group", "register", 8, self.plan.calls, names[:1])
        self.line("registrations, 8 groups", "register", 8, self.plan.calls, names)
        self.line("pages: index, group, version", "pages", 16, self.plan.pages)
        return names

    def watch(self, memory: Memory, names: tuple[str, ...]) -> None:
        """How much the workers' own memory grows over many requests of all kinds by 8 clients."""
        self.throng.run(self.loads("mixed", 8, self.plan.warm // 8, names))
        workers = web_workers(self.target.roots[0])
        memory.before = megabytes(workers, "Pss_Anon")
        print(f"  web workers warm: {memory.before:.1f} MB", flush=True)
        done, end = 0, time.monotonic() + self.plan.minutes * 60
        while done < self.plan.watched and time.monotonic() < end:
            told = self.throng.run(self.loads("mixed", 8, min(1_000, (self.plan.watched - done) // 8), names))
            done += len(told.seconds) + sum(told.failed.values())
            if told.failed:
                print(f"  failed: {told.failed}", flush=True)
            print(f"  {done:,} requests: {megabytes(workers, 'Pss_Anon'):.1f} MB", flush=True)
        memory.after, memory.requests = megabytes(workers, "Pss_Anon"), done
        memory.replaced = len(workers - web_workers(self.target.roots[0]))


@contextmanager
def again(target: servers.Target, folder: Path, environ: dict[str, str]) -> Iterator[tuple[servers.Target, float]]:
    """The same server on its migrated database, and how long it took until it answered a page."""
    environ = {"PATH": os.environ["PATH"], "REGISTRY_DATA_DIR": str(folder / "var"), **environ}
    port, began = servers.free_port(), time.monotonic()
    command = [sys.executable, "manage.py", "serve", f"127.0.0.1:{port}"]
    with servers.process(folder, command, port, "/login/", environ, PROJECT_ROOT) as pid:
        took = time.monotonic() - began
        roots = [pid, *target.roots[1:]]
        yield servers.Target(target.name, "sagemaker", port, roots, target.version, target.key), took


def measure(name: str, folder: Path, throng: Throng, plan: Plan, results: Results) -> str:
    """All lines of one database; what it is."""
    with servers.PLACES[name](folder) as (title, environ, roots, version):
        with servers.ours(folder, title, environ, roots, version) as first:
            data = {"PATH": os.environ["PATH"], "REGISTRY_DATA_DIR": str(folder / "var"), **environ}
            servers.manage(data, "importdump", str(DEMO))
        print(first.name, flush=True)
        starts = []
        for _ in range(2):
            with again(first, folder, environ) as (_target, took):
                starts.append(took)
        with again(first, folder, environ) as (target, took):
            starts.append(took)
            # The background worker starts when the server is ready.
            time.sleep(5)
            memory = Memory(target.name, megabytes(servers.tree([target.roots[0]]), "Pss"), median(starts))
            print(f"  start {memory.start:.2f} s, at rest {memory.rest:.0f} MB", flush=True)
            results.memories.append(memory)
            bench = Bench(target, throng, plan, results)
            bench.watch(memory, bench.carry())
        return f"{first.name}: {version}"


def section(results: Results, conditions: list[str]) -> str:
    """The section of the page."""
    lines = [
        HEADING,
        "",
        "By `python -m tests.benchmarks.throughput`. Clients are threads with one connection each, on the same cores.",
        "",
        *(f"- {line}." for line in conditions),
        "",
        "| load | clients | server | a second | CPU ms a call | p50 ms | p99 ms | failed |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for line in sorted(results.lines, key=lambda line: line.load, reverse=True):
        failed = ", ".join(f"{times} × {name}" for name, times in line.failed.items()) or "0"
        lines.append(
            f"| {line.load} | {line.clients} | {line.server} | {line.rate:.0f} | {line.cpu:.2f} "
            f"| {line.p50:.1f} | {line.p99:.1f} | {failed} of {line.calls} |"
        )
    lines += [
        "",
        f"Memory in MB: at rest all processes of the server (PSS, bar {AT_REST:.0f}); under load what its web workers",
        f"keep for themselves, before and after so many requests of all kinds (bar {GROWTH:.0f} % more). Start:",
        f"seconds until `serve` on a migrated database answers a page (median of three, bar {START:.0f}).",
        "",
        "| server | start s | at rest | web workers warm | after | requests | growth |",
        "|---|---|---|---|---|---|---|",
    ]
    for memory in results.memories:
        over = [
            " **over**" if figure > bar else ""
            for figure, bar in ((memory.start, START), (memory.rest, AT_REST), (memory.growth, GROWTH))
        ]
        note = f", {memory.replaced} workers replaced" if memory.replaced else ""
        lines.append(
            f"| {memory.server} | {memory.start:.2f}{over[0]} | {memory.rest:.0f}{over[1]} | {memory.before:.1f} "
            f"| {memory.after:.1f} | {memory.requests:,} | {memory.growth:+.1f} %{over[2]}{note} |"
        )
    return "\n".join([*lines, ""])


def run(plan: Plan, *, output: Path, databases: str = "sqlite,postgresql") -> None:
    """Measure and put the section into `output`."""
    load = ", ".join(f"{figure:.1f}" for figure in os.getloadavg())
    kind = "Quick run" if plan.calls == QUICK.calls else "Full run"
    said = [f"{datetime.now(UTC):%Y-%m-%d}; {os.cpu_count()} cores, load {load} when the run began; {kind}"]
    results, throng = Results(), Throng(16)
    try:
        with tempfile.TemporaryDirectory(prefix="registry-throughput-") as folder:
            for name in databases.split(","):
                said.append(measure(name, Path(folder) / name, throng, plan, results))
                # Written as soon as it is known: the next database may take long.
                report.put_section(output, section(results, said))
    finally:
        throng.stop()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.throughput", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer calls: a minute a database")
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--watched", type=int, help="over how many requests the memory is watched")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("results.md"))
    parser.add_argument("--minutes", type=float, help="for how long at most")
    options = parser.parse_args(arguments)
    plan = QUICK if options.quick else FULL
    if options.watched is not None:
        plan = replace(plan, watched=options.watched)
    if options.minutes is not None:
        plan = replace(plan, minutes=options.minutes)
    run(plan, output=options.output, databases=options.databases)
    print(f"Written: {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
