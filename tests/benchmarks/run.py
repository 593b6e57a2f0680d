"""`make bench`: this registry beside moto's and MLflow's servers in one run, then its pages; writes results.md.

Every server is measured with a group that holds only what the run registers, and again with 16,000 versions in it, by
one client and by eight. What counts is the CPU of all of a server's processes a call (PostgreSQL's too): times depend
on what else the machine does.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from . import browsing, page_report, page_runs, report, servers, throughput
from .clients import OPERATIONS, Crowd, Done, Work, make_client

CROWD = 8
# No measurement goes on for longer, whatever the server does.
SECONDS = 120.0


@dataclass(frozen=True)
class Plan:
    """How often a client calls, what fills the group (`by_calls` where only calls can), how often a page is asked."""

    alone: int
    together: int
    versions: int
    by_calls: int
    pages: int


FULL = Plan(alone=300, together=60, versions=16_000, by_calls=16_000, pages=100)
QUICK = Plan(alone=100, together=20, versions=16_000, by_calls=1_000, pages=40)
SERVERS: dict[str, Callable[[Path], AbstractContextManager[servers.Target]]] = {
    "sqlite": servers.ours_on_sqlite,
    "postgresql": servers.ours_on_postgresql,
    "moto": servers.moto,
    "mlflow": servers.mlflow,
}


def measure(crowd: Crowd, target: servers.Target, operation: str, clients: int, plan: Plan, top: int) -> report.Row:
    """One line: so many clients make so many calls at once, on the newest versions of `top`."""
    calls = plan.alone if clients == 1 else plan.together
    status = "Approved" if clients == 1 else "Rejected"

    def parts(calls: int, operation: str) -> list[Work]:
        return [Work(target.reach, operation, calls, top - index, clients, status, SECONDS) for index in range(clients)]

    # Connections, imports and caches of all workers; reading leaves the versions as they are.
    crowd.run(parts(3, "describe"))
    before = target.cpu_seconds()
    done = crowd.run(parts(calls, operation))
    cpu = target.cpu_seconds() - before
    return row(target, operation, clients, done, cpu)


def row(target: servers.Target, operation: str, clients: int, done: list[Done], cpu: float) -> report.Row:
    """Sum up what the clients saw and what it cost."""
    times = sorted(second for part in done for second in part.seconds)
    errors = [error for part in done for error in part.errors]
    calls = len(times) + len(errors)
    high = quantiles(times, n=20)[-1] if len(times) > 1 else float("nan")
    return report.Row(
        server=target.name,
        operation=operation,
        clients=clients,
        calls=calls,
        cpu=cpu / max(calls, 1) * 1000,
        p50=median(times) * 1000 if times else float("nan"),
        p95=high * 1000,
        errors=len(errors),
        error=errors[0] if errors else "",
        highest=max(part.highest for part in done),
    )


def measure_server(crowd: Crowd, target: servers.Target, plan: Plan, rows: list[report.Row]) -> None:
    """Add all lines of a server to `rows`: with what the run itself registers, then filled."""
    first = make_client(target.reach)
    first.make_group()
    # So that a page of a hundred is full from the first call on.
    top = max(first.register(0, "") for _ in range(120))
    for filled in (False, True):
        held = 0
        if filled:
            held = plan.versions if target.fill else plan.by_calls
            print(f"  filling with {held:,} versions", flush=True)
            if target.fill:
                target.fill(held, top)
            else:
                done = crowd.run([Work(target.reach, "register", held, 0, 1, "", SECONDS * 4)])[0]
                held = len(done.seconds)
            # The first one's connection stood still for too long.
            top = make_client(target.reach).register(0, "") or top
        for operation in OPERATIONS:
            for clients in (1, CROWD):
                line = measure(crowd, target, operation, clients, plan, top)
                line.held = held
                # Lists and updates work on the versions that were registered just now.
                top = max(top, line.highest)
                rows.append(line)
                print(f"  {line}", flush=True)


def conditions(plan: Plan, quick: bool, versions: list[str]) -> list[str]:
    """What a reader must know to compare."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    load = ", ".join(f"{figure:.1f}" for figure in os.getloadavg())
    return [
        f"{os.cpu_count()} cores ({model}), load {load} when the run began; Python {platform.python_version()}",
        ("Quick run" if quick else "Full run")
        + f": {plan.alone} calls by one client, {plan.together} by each of {CROWD}; clients are boto3 in processes of "
        "their own with keep-alive, on the same cores; MLflow's are plain HTTP",
        "Each registration carries one container and five metadata pairs; two server workers where there are workers",
        f"Servers: {'; '.join(versions)}",
    ]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make bench BENCH=…", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer calls, and less in moto: some minutes")
    parser.add_argument("--servers", default=",".join(SERVERS), help=f"which of {', '.join(SERVERS)}")
    parser.add_argument("--parts", default="wire,pages,carried,browsing", help="what to measure, of the default")
    parser.add_argument("--keep", type=Path, help="a folder for the filled registries of pages, to measure them again")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("results.md"))
    options = parser.parse_args(arguments)
    plan = QUICK if options.quick else FULL
    names = [name for name in options.servers.split(",") if name in SERVERS]
    pages = page_runs.PageRun()
    skipped: list[str] = []
    versions: list[str] = []
    rows: list[report.Row] = []
    began = conditions(plan, options.quick, [])[:3]
    crowd = Crowd(CROWD)
    try:
        with tempfile.TemporaryDirectory(prefix="registry-bench-") as folder:
            if "pages" in options.parts:
                own = [name for name in names if name in ("sqlite", "postgresql")]
                if options.keep:
                    options.keep.mkdir(parents=True, exist_ok=True)
                pages = page_runs.measure_pages(
                    options.keep or Path(folder), own, quick=options.quick, calls=plan.pages, keep=bool(options.keep)
                )
            for name in names if "wire" in options.parts else []:
                if name == "mlflow" and not servers.mlflow_is_there():
                    skipped.append("MLflow's server is not installed here (`make .clients/mlflow/.installed`)")
                    continue
                try:
                    with SERVERS[name](Path(folder) / name) as target:
                        print(target.name, flush=True)
                        versions.append(f"{target.name}: {target.version}")
                        measure_server(crowd, target, plan, rows)
                except (RuntimeError, OSError, subprocess.SubprocessError) as error:
                    skipped.append(f"{name} could not be measured to its end: {str(error).splitlines()[0]}")
    finally:
        crowd.stop()
    said = [*began, f"Servers: {'; '.join(versions)}", *skipped]
    if rows:
        report.put_section(options.output, report.page(rows, said))
    if pages.measured:
        shown = page_report.page_section(pages.measured, [*began[:1], *pages.conditions])
        report.put_section(options.output, "\n".join(shown))
    if "carried" in options.parts:
        throughput.run(throughput.QUICK if options.quick else throughput.FULL, output=options.output)
    if "browsing" in options.parts:
        browsing.run(output=options.output, quick=options.quick)
    print(f"Written: {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
