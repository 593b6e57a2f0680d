"""The pages' part of `make bench`: fill a small and a large registry on each database and measure all pages on both."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from registry.configuration import PROJECT_ROOT
from tests.databases import AS_INSTALLED, running_postgresql

from .page_report import PageRow
from .page_times import TURNS, Turn, page_names, told
from .pages import ALL_METRICS, SOME
from .servers import manage


@dataclass(frozen=True)
class Size:
    """A registry as it is filled: options of `filldemo`, once or more often."""

    versions: int
    groups: int
    fills: tuple[tuple[str, ...], ...]


def _one_fill(groups: int, versions: int) -> Size:
    return Size(versions, groups, (("--groups", str(groups), "--versions", str(versions)),))


def _alike(groups: int, versions: int) -> tuple[tuple[str, ...], ...]:
    """Options of so many fills that each make one group, which differ."""
    of_each = "--groups", "1", "--versions", str(versions), "--add"
    return tuple((*of_each, "--prefix", f"fill-{place}", "--seed", str(place)) for place in range(1, groups + 1))


# What shows more costs more, so a page is compared with one that says about as much. No 1,000 versions have all at
# once: many groups for their filters, groups with as many versions as a row draws, and one with all that a trend
# covers or that few of a filter are among. So there are four small registries.
SMALL = (
    Size(1_000, 21, (("--groups", "1", "--versions", str(SOME), "--prefix", "fill-largest"), *_alike(20, 20))),
    _one_fill(1, 1_000),
    Size(1_000, 40, _alike(40, 25)),
    _one_fill(200, 1_000),
)
LARGE = _one_fill(10_000, 1_000_000)
# Its largest group has the 10,000 versions whose metrics are one page.
MIDDLE = _one_fill(1_000, 100_000)
QUICK_LARGE = _one_fill(1_000, 50_000)


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
        f"{'Quick' if quick else 'Full'} run: {calls} requests a page; small are four registries of 1,000 versions "
        f"each, in {_among(SMALL)} groups, of which each page is compared with the one "
        "where it weighs most nearly the same; "
        f"large {size.versions:,} in {size.groups:,}, a tenth of them in one (`manage.py filldemo`)"
    )
    for name in databases:
        title = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[name]
        opened = partial(registry, folder, name, calls=calls, run=run, title=title, keep=keep)
        try:
            with ExitStack() as stack:
                # They are asked in turns, so that one slow minute of the machine does not pass for growth.
                many, *few = (stack.enter_context(opened(of)) for of in (size, *SMALL))
                for page in page_names():
                    large, small = rows_of(page, [many, most_alike(page, many, few)])
                    run.measured.setdefault(title, []).append(PageRow(large, None if page == ALL_METRICS else small))
            if not quick:
                with opened(MIDDLE) as middle:
                    [row] = rows_of(ALL_METRICS, [middle])
                run.measured[title].append(PageRow(row | {"name": "metrics of 10,000 versions", "bar": 150}, None))
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            run.conditions.append(f"{title} could not be measured: {str(error).splitlines()[-1]}")
    return run


@contextmanager
def registry(
    folder: Path, name: str, of: Size, *, calls: int, run: PageRun, title: str, keep: bool
) -> Iterator[subprocess.Popen[str]]:
    """A process that measures the pages of a registry of so many groups and versions when it is asked to."""
    print(f"{title}, {of.versions:,} versions", flush=True)
    command = [sys.executable, "-m", "tests.benchmarks.page_times", "--asked", "--calls", str(calls)]
    with database(folder / f"pages-{name}-{of.versions}-{of.groups}", name, keep=keep) as environ:
        said = fill_once(environ, of)
        if of not in (*SMALL, MIDDLE):
            run.conditions.append(f"{title}: {said}")
        pipe = subprocess.PIPE
        with subprocess.Popen(command, cwd=PROJECT_ROOT, env=environ, stdin=pipe, stdout=pipe, text=True) as process:
            yield process


def rows_of(page: str, processes: Sequence[subprocess.Popen[str]]) -> list[dict[str, Any]]:
    """The page's row in each registry, whose processes take turns."""
    turns: list[list[Turn]] = [[] for _ in processes]
    for _ in range(TURNS):
        for process, told_so_far in zip(processes, turns, strict=True):
            told_so_far.append(_answer(process, page))
    rows = [told(page, of_one) for of_one in turns]
    print(f"  {page}: " + ", ".join(f"{row['cpu']:.1f} ms CPU, p95 {row['p95']:.1f}" for row in rows), flush=True)
    return rows


def _among(sizes: Sequence[Size]) -> str:
    *most, last = (str(of.groups) for of in sizes)
    return f"{', '.join(most)} and {last}"


def most_alike(page: str, large: subprocess.Popen[str], few: Sequence[subprocess.Popen[str]]) -> subprocess.Popen[str]:
    """Of the small registries the one where the page weighs most nearly what it does in the large one.

    Where that is much the same it is the first, whose largest group has all that a trend covers: a trend weighs the
    same however much that is.
    """
    weight = _answer(large, f"?{page}")
    weights = [_answer(process, f"?{page}") for process in few]
    if weight and any(weights):
        few, weights = zip(*(pair for pair in zip(few, weights, strict=True) if pair[1]), strict=True)
    return min(zip(few, weights, strict=True), key=lambda one: round(10 * abs(one[1] - weight) / max(weight, 1)))[0]


def _answer(process: subprocess.Popen[str], asked: str) -> Any:
    assert process.stdin and process.stdout
    print(asked, file=process.stdin, flush=True)
    answer = process.stdout.readline()
    if not answer:
        raise RuntimeError(f"{asked} could not be measured.")
    return json.loads(answer)


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


def fill_once(environ: dict[str, str], size: Size) -> str:
    """What the fill said, now or when it was kept; with the static files as they are now."""
    manage(environ, "collectstatic", "--noinput", "-v0")
    told = Path(environ["REGISTRY_DATA_DIR"]) / "filled"
    if not told.exists():
        told.write_text(fill(environ, size), encoding="utf-8")
    return told.read_text(encoding="utf-8")


def fill(environ: dict[str, str], size: Size) -> str:
    """Migrate, fill, make the admin; what the fill said."""
    manage(environ, "migrate", "-v0")
    began = time.monotonic()
    for options in size.fills:
        said = manage(environ, "filldemo", *options).strip().splitlines()[-1]
    print(f"  {said} ({time.monotonic() - began:.0f} s)", flush=True)
    manage(environ, "createsuperuser", "--noinput", "--username", "bench")
    return said.rstrip(".")
