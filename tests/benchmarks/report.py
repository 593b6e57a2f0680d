"""The results as a page: one table a state, the bars beside, and how much a full group costs more than an empty one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

# CPU in milliseconds a call, of the whole server.
BARS = {"register": 6.0, "describe": 3.0, "list 100": 8.0, "update": 6.0}
GROWTH = 15
OURS = "this registry"


@dataclass
class Row:
    """One measurement; times in milliseconds."""

    server: str
    operation: str
    clients: int
    calls: int
    cpu: float
    p50: float
    p95: float
    errors: int
    error: str
    highest: int = 0
    held: int = 0

    def __str__(self) -> str:
        who = f"{self.operation}, {self.clients} client{'s' * (self.clients > 1)}"
        said = f"{who}: {self.cpu:.2f} ms CPU, p50 {self.p50:.1f}, p95 {self.p95:.1f}"
        return f"{said}, {self.errors} of {self.calls} failed {self.error}" if self.errors else said


def bar(row: Row) -> str:
    """Whether one of our own lines keeps its bar; nothing for the others."""
    if not row.server.startswith(OURS):
        return ""
    limit = BARS[row.operation]
    return f"{'≤' if row.cpu <= limit else '**over**'} {limit:g}"


def table(rows: list[Row]) -> list[str]:
    """Lines of a Markdown table; the ratio is to this registry on SQLite."""
    own = {(r.operation, r.clients): r.cpu for r in rows if r.server == f"{OURS}, SQLite"}
    lines = [
        "| operation | clients | server | CPU ms a call | times ours | bar | p50 ms | p95 ms | failed |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in sorted(rows, key=lambda r: (list(BARS).index(r.operation), r.clients)):
        base = own.get((row.operation, row.clients))
        ratio = f"{row.cpu / base:.1f}" if base else ""
        lines.append(
            f"| {row.operation} | {row.clients} | {row.server} | {row.cpu:.2f} | {ratio} | {bar(row)} "
            f"| {row.p50:.1f} | {row.p95:.1f} | {row.errors} of {row.calls} |"
        )
    return lines


def growth(rows: list[Row]) -> list[str]:
    """How the CPU of a call changes from an empty group to a full one, one client."""
    lines = ["| server | operation | empty | full | change |", "|---|---|---|---|---|"]
    for full in (row for row in rows if row.held and row.clients == 1):
        empty = next(r for r in rows if not r.held and _same(r, full))
        change = (full.cpu / empty.cpu - 1) * 100 if empty.cpu else float("nan")
        mark = f" **over {GROWTH} %**" if full.server.startswith(OURS) and change > GROWTH else ""
        lines.append(
            f"| {full.server} | {full.operation} | {empty.cpu:.2f} | {full.cpu:.2f} ({full.held:,} more) "
            f"| {change:+.0f} %{mark} |"
        )
    return lines


def _same(one: Row, other: Row) -> bool:
    return (one.server, one.operation, one.clients) == (other.server, other.operation, other.clients)


def page(rows: list[Row], conditions: list[str]) -> str:
    """The whole page."""
    failures = {(row.server, row.operation): row.error for row in rows if row.errors}
    parts = [
        "# What a call costs",
        "",
        f"Measured on {datetime.now(UTC):%Y-%m-%d} by `make bench`. CPU is that of all processes of the server",
        "(PostgreSQL's included); compare it and its ratios, not the times, which depend on what else the machine did.",
        "",
        *(f"- {line}." for line in conditions),
        "",
        "## A group with what the run registers",
        "",
        *table([row for row in rows if not row.held]),
        "",
        "## The same group with thousands of versions more",
        "",
        *table([row for row in rows if row.held]),
        "",
        "## From empty to full (one client, CPU ms a call)",
        "",
        *growth(rows),
        "",
    ]
    if failures:
        parts += ["## What failed", "", *(f"- {s}, {o}: `{e}`" for (s, o), e in failures.items()), ""]
    return "\n".join(parts)


def put_section(path: Path, text: str) -> None:
    """Put a section, which begins with its "# " heading, in the place of the one with that heading, else at the end."""
    there = path.read_text(encoding="utf-8") if path.exists() else ""
    sections = [part for part in re.split(r"^(?=# )", there, flags=re.MULTILINE) if part.strip()]
    heading = text.splitlines()[0]
    kept = [text if part.splitlines()[0] == heading else part for part in sections]
    if text not in kept:
        kept.append(text)
    path.write_text("\n".join(part.rstrip("\n") + "\n" for part in kept), encoding="utf-8")
