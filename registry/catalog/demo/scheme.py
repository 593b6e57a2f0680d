"""How much demo data, and which group's turn it is: sizes, the groups with their shares, and their order in time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import exp, floor
from random import Random

from . import words

# Name of a standard size -> groups and versions.
SIZES = {"small": (100, 1_000), "medium": (1_000, 100_000), "big": (10_000, 1_000_000)}
SPAN = timedelta(days=365)
_LARGEST = 0.1  # of all versions are in one group
_EMPTY = 0.02  # of all groups have no version yet
_STRETCH = 5_000  # versions among which the order is drawn
# What takes a person a day takes no longer than it takes to register this many: memory stays the same at any size.
_PENDING = 500


@dataclass(frozen=True)
class Scheme:
    """Everything that a run of filldemo is made from; the same scheme gives the same rows."""

    groups: int
    versions: int
    seed: int
    prefix: str
    region: str
    until: datetime

    @property
    def packages(self) -> int:
        """How many unversioned packages are registered beside the versions."""
        return min(self.versions // 200 + 2, 5_000)

    @property
    def start(self) -> datetime:
        return self.until - SPAN

    @property
    def step(self) -> timedelta:
        """The time from one registration to the next."""
        return SPAN / max(self.versions, 1)

    @property
    def unit(self) -> timedelta:
        """What a person takes a day for, or less where registrations come fast."""
        return min(timedelta(days=1), self.step * _PENDING)

    def label(self) -> str:
        """What the log says that was loaded; names this data and no other."""
        return f"filldemo {self.prefix}, seed {self.seed}"


@dataclass(frozen=True)
class Plot:
    """A group to be: its place among the groups, name, topic and how many versions it will have."""

    place: int
    name: str
    topic: words.Topic
    segment: str
    versions: int
    offset: float


def draw_plots(chance: Random, scheme: Scheme) -> list[Plot]:
    """All groups with their numbers of versions, the largest first; few have many, some have none, as everywhere."""
    largest = int(scheme.versions * _LARGEST) if scheme.groups > 1 else scheme.versions
    others = max(scheme.groups - 1, 0)
    empty = int(others * _EMPTY)
    shares = [exp(chance.gauss(0, 1.2)) for _ in range(others - empty)] + [0.0] * empty
    counts = _shared_out(scheme.versions - largest, shares)
    plots = []
    for place, versions in enumerate([largest, *counts][: scheme.groups]):
        topic, segment = chance.choice(words.TOPICS), chance.choice(words.SEGMENTS)
        name = f"{scheme.prefix}-{topic.name}-{segment}-{place + 1:05d}"
        plots.append(Plot(place, name, topic, segment, versions, chance.random()))
    return plots


def _shared_out(total: int, shares: list[float]) -> list[int]:
    """`total` in whole numbers by shares; what is left over goes to the first."""
    weight = sum(shares)
    counts = [int(total * share / weight) for share in shares] if weight else [0] * len(shares)
    for place in range(total - sum(counts) if weight else 0):
        counts[place % max(sum(1 for share in shares if share), 1)] += 1
    return counts


def turns(chance: Random, scheme: Scheme, plots: list[Plot]) -> Iterator[tuple[Plot, datetime]]:
    """Whose next version it is, and when, in order of time; every group is spread over the whole span."""
    stretches = max(1, scheme.versions // _STRETCH)
    number = 0
    for stretch in range(stretches):
        due: list[Plot] = []
        for plot in plots:
            begin = floor(plot.versions * stretch / stretches + plot.offset)
            end = floor(plot.versions * (stretch + 1) / stretches + plot.offset)
            due += [plot] * (end - begin)
        chance.shuffle(due)
        for plot in due:
            yield plot, scheme.start + scheme.step * (number + chance.random())
            number += 1
