"""The pages' part of `make bench`: fill a small and a large registry on each database and measure all pages on both."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from registry.configuration import PROJECT_ROOT
from tests.databases import AS_INSTALLED, running_postgresql

from .page_report import PageRow
from .pages import ALL_METRICS
from .servers import manage

# As few groups as fill the index, so that both sizes draw as much: a row of the index has up to 24 versions.
SMALL = (30, 1_000)
LARGE = (10_000, 1_000_000)
# Its largest group has the 10,000 versions whose metrics are one page.
MIDDLE = (1_000, 100_000)
QUICK_LARGE = (1_000, 50_000)


@dataclass
class PageRun:
    """What came out: the rows of each database, and what a reader must know of how they were filled."""

    measured: dict[str, list[PageRow]] = field(default_factory=dict)
    conditions: list[str] = field(default_factory=list)


def measure_pages(folder: Path, databases: list[str], *, quick: bool, calls: int, keep: bool = False) -> PageRun:
    """Fill and measure; a database that cannot be measured is a line of the conditions.

    `keep`: what was filled stays in `folder`, and is measured again the next time instead of being filled anew.
    """
    run = PageRun()
    size = QUICK_LARGE if quick else LARGE
    run.conditions.append(
        f"{'Quick' if quick else 'Full'} run: {calls} requests a page; small is {SMALL[1]:,} versions in {SMALL[0]:,} "
        f"groups, large {size[1]:,} in {size[0]:,}, a tenth of them in one group (`manage.py filldemo`)"
    )
    for name in databases:
        title = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[name]
        try:
            rows = {}
            kinds = {"small": SMALL, "large": size} | ({} if quick else {"middle": MIDDLE})
            for kind, (groups, versions) in kinds.items():
                print(f"{title}, pages, {versions:,} versions", flush=True)
                # One at a time: a large registry takes gigabytes.
                with database(folder / f"pages-{name}-{versions}", name, keep=keep) as environ:
                    said = fill_once(environ, groups, versions)
                    if kind == "large":
                        run.conditions.append(f"{title}: {said}")
                    rows[kind] = times_of(environ, calls, ALL_METRICS if kind == "middle" else "")
            small = {row["name"]: row for row in rows["small"]}
            run.measured[title] = [PageRow(row, small.get(row["name"])) for row in rows["large"]]
            for row in rows.get("middle", ()):
                run.measured[title].append(PageRow(row | {"name": "metrics of 10,000 versions", "bar": 150}, None))
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            run.conditions.append(f"{title} could not be measured: {str(error).splitlines()[-1]}")
    return run


@contextmanager
def database(folder: Path, name: str, *, keep: bool) -> Iterator[dict[str, str]]:
    """The environment of a registry on that database; without `keep` gone with the block, for what it takes of disk."""
    folder.mkdir(exist_ok=True)
    environ = {
        "PATH": os.environ["PATH"],
        "REGISTRY_DATA_DIR": str(folder / "var"),
        "DJANGO_SUPERUSER_PASSWORD": "quiet-harbour-42",
    }
    sockets = folder.with_name(f"{folder.name}-server")
    try:
        if name == "sqlite":
            yield environ
        else:
            # Filled in a hurry, but read as from any other.
            with running_postgresql(sockets, keep=keep, shared_buffers=AS_INSTALLED["shared_buffers"]):
                yield environ | {"DATABASE_URL": f"postgresql://postgres@/postgres?host={sockets}"}
    finally:
        if not keep:
            shutil.rmtree(folder)
            shutil.rmtree(sockets, ignore_errors=True)


def fill_once(environ: dict[str, str], groups: int, versions: int) -> str:
    """What the fill said, now or when it was kept; with the static files as they are now."""
    manage(environ, "collectstatic", "--noinput", "-v0")
    told = Path(environ["REGISTRY_DATA_DIR"]) / "filled"
    if not told.exists():
        told.write_text(fill(environ, groups, versions), encoding="utf-8")
    return told.read_text(encoding="utf-8")


def fill(environ: dict[str, str], groups: int, versions: int) -> str:
    """Migrate, fill, make the admin; what the fill said."""
    manage(environ, "migrate", "-v0")
    began = time.monotonic()
    said = manage(environ, "filldemo", "--groups", str(groups), "--versions", str(versions)).strip().splitlines()[-1]
    print(f"  {said} ({time.monotonic() - began:.0f} s)", flush=True)
    manage(environ, "createsuperuser", "--noinput", "--username", "bench")
    return said.rstrip(".")


def times_of(environ: dict[str, str], calls: int, only: str = "") -> list[dict[str, Any]]:
    """What page_times says of every page, or of those that are named so."""
    command = [sys.executable, "-m", "tests.benchmarks.page_times", "--calls", str(calls), "--only", only]
    with subprocess.Popen(command, cwd=PROJECT_ROOT, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        rows = []
        for line in process.stdout:
            row = json.loads(line)
            rows.append(row)
            print(f"  {row['name']}: {row['cpu']:.1f} ms CPU, p95 {row['p95']:.1f}", flush=True)
    if process.returncode:
        raise RuntimeError(f"The pages could not be measured to their end ({process.returncode}).")
    return rows
