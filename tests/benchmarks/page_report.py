"""The part of the results that speaks of pages: one table a database, and what stands out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

RATIO = 2.5
GROWTH = 1.3
# Below this part of a page's weight the small registry shows less, and what grew is the page.
AS_MUCH = 0.9
HEADING = "# What a page costs"


@dataclass(frozen=True)
class PageRow:
    """One page on one database: as it is with many versions, and its CPU with few."""

    large: dict[str, Any]
    small: dict[str, Any] | None

    @property
    def ratio(self) -> float:
        """CPU over the floor: its own statements alone, and an empty signed-in page."""
        return self.large["cpu"] / max(self.large["queries"] + self.large["empty"], 1e-9)

    @property
    def anew(self) -> float:
        """The same for a page of which no row was drawn before."""
        return self.large["anew"] / max(self.large["queries"] + self.large["empty"], 1e-9)

    @property
    def growth(self) -> float | None:
        return self.large["cpu"] / self.small["cpu"] if self.small and self.small["cpu"] else None

    @property
    def shows_more(self) -> bool:
        """True where the page says more in the large registry than in any small one."""
        return self.small is not None and self.small["bytes"] < AS_MUCH * self.large["bytes"]


def _marked(value: float, limit: float, text: str) -> str:
    return f"**{text}**" if value > limit else text


def page_table(rows: Sequence[PageRow]) -> list[str]:
    """Lines of a Markdown table; what is over its limit is bold."""
    lines = [
        "| page | p95 ms | bar | CPU ms | its statements | empty page | times the floor | drawn anew | growth "
        "| kB (small) |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        large, growth = row.large, row.growth
        small = f" ({row.small['bytes'] / 1000:.1f})" if row.small else ""
        grown = "" if growth is None else _marked(growth, GROWTH, f"{growth:.2f}")
        if row.shows_more:
            grown += " †"
        lines.append(
            f"| {large['name']} | {_marked(large['p95'], large['bar'], format(large['p95'], '.1f'))} "
            f"| {large['bar']:g} | {large['cpu']:.1f} | {large['queries']:.1f} ({large['statements']}) "
            f"| {large['empty']:.1f} | {_marked(row.ratio, RATIO, format(row.ratio, '.1f'))} "
            f"| {large['anew']:.1f} ({_marked(row.anew, RATIO, format(row.anew, '.1f'))}) | {grown} "
            f"| {large['bytes'] / 1000:.1f}{small} |"
        )
    return lines


def page_section(measured: dict[str, list[PageRow]], conditions: Sequence[str]) -> list[str]:
    """The section of the results page, with one table for each database."""
    if not measured:
        return []
    parts = [
        HEADING,
        "",
        "Server time of each page, asked by one signed-in admin in the server's own process, without the network.",
        "The floor, in the same run: the page's own statements through sqlite3 or psycopg alone, and an empty",
        "signed-in page behind the same middleware (the navigation around nothing; for a fragment an empty answer).",
        "`wire` rows are calls of the SageMaker protocol, signed as boto3 signs them; nothing is drawn for them.",
        "A worker keeps the text of rows that it drew; `drawn anew` is the CPU, and the times of the floor, of a page",
        "of which it kept none.",
        f"Bold: over the bar, over {RATIO:g} times the floor, or grown by more than {GROWTH:g} from the small registry",
        "to the large one (CPU). The page, its floor and both registries take turns, call by call and by twenties, so",
        "a slow minute of the machine counts for all. Beside what a page weighs stands its weight in the small",
        f"registry. †: no small registry has as much to show (less than {AS_MUCH:.0%} of the weight), so what grew is",
        "the page too.",
        "",
        *(f"- {line}." for line in conditions),
        "",
    ]
    for name, rows in measured.items():
        parts += [f"## Pages, {name}", "", *page_table(rows), ""]
    return parts
