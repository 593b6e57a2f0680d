"""One run of filldemo: histories become rows, events wait for their time, groups keep their counts."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

from registry.accounts.permissions import Actor
from registry.events.models import Event
from registry.events.services import CATEGORIES

from ..models import Container, CustomerMetadataProperty, Metric, ModelPackage, ModelPackageGroup, Tag
from ..services.locks import user_context
from ..services.packages import STATUS_COUNTERS, image_parts
from ..services.states import group_state, tag_state
from . import words
from .histories import Happening, History, draw_history
from .rows import TABLES, Log, Table, reserve_ids
from .scheme import Plot, Scheme, draw_plots, turns


@dataclass(slots=True)
class GroupSoFar:
    """What a group's row says at this moment of the history."""

    pk: int
    name: str
    created_at: datetime
    updated_at: datetime
    updated_by_name: str
    last_version: int = 0
    waiting_count: int = 0
    approved_count: int = 0
    rejected_count: int = 0
    latest_created_at: datetime | None = None
    approved_version: int | None = None
    approved_at: datetime | None = None

    def columns(self) -> dict[str, Any]:
        """The columns that change after the group was made."""
        return {
            "updated_at": self.updated_at,
            "updated_by_name": self.updated_by_name,
            "last_version": self.last_version,
            "version_count": self.last_version,
            "waiting_count": self.waiting_count,
            "approved_count": self.approved_count,
            "rejected_count": self.rejected_count,
            "latest_created_at": self.latest_created_at,
            "approved_version": self.approved_version,
            "approved_at": self.approved_at,
        }


@dataclass(frozen=True, slots=True)
class Subject:
    """What an event speaks of."""

    group: GroupSoFar | None
    package_id: int | None = None
    package_name: str = ""
    version: int | None = None


class Filling:
    """Draws a scheme's whole history in order of time; `save` writes what is there so far."""

    def __init__(self, scheme: Scheme) -> None:
        self.scheme, self.chance = scheme, Random(scheme.seed)
        self.plots = draw_plots(self.chance, scheme)
        self.tables = {model: Log() if model is Event else Table(model) for model in TABLES}
        self.groups: dict[int, GroupSoFar] = {}
        self.changed: dict[int, GroupSoFar] = {}
        self.waiting: list[tuple[datetime, int, Subject, Happening]] = []
        self.order = 0
        self.reader = Actor.system()

    def reserve(self) -> None:
        """Take the ids of all groups and packages."""
        self.next_group = reserve_ids(ModelPackageGroup, len(self.plots))
        self.next_package = reserve_ids(ModelPackage, self.scheme.versions + self.scheme.packages)

    def advance(self) -> Iterator[int]:
        """Go on, one registration a time; yields how many there were."""
        scheme, done = self.scheme, 0
        every = max(1, scheme.versions // scheme.packages)
        left, at = scheme.packages, scheme.start
        silent = [plot for plot in self.plots if not plot.versions]
        share = max(1, scheme.versions // (len(silent) + 1))
        for plot, at in turns(self.chance, scheme, self.plots):
            if plot.place not in self.groups:
                self.make_group(plot, at - scheme.step * (self.chance.random() * 0.01))
            self.register(plot, at)
            done += 1
            if left and done % every == 0:
                self.register_alone(left, at)
                left -= 1
            if silent and done % share == 0:
                self.make_group(silent.pop(), at)
            yield done
        for plot in silent:
            self.make_group(plot, at)
        for number in range(left, 0, -1):
            self.register_alone(number, at)
        self.tell_until(scheme.until)
        yield done

    # ---------- what happens ----------

    def make_group(self, plot: Plot, at: datetime) -> None:
        """A group with its tags, and what its owner changes about them later."""
        self.tell_until(at)
        chance, creator = self.chance, self.chance.choice(words.LEADS)
        pk, self.next_group = self.next_group, self.next_group + 1
        group = self.groups[plot.place] = GroupSoFar(pk, plot.name, at, at, creator.name)
        tags = {
            "team": plot.topic.team,
            "environment": chance.choice(words.ENVIRONMENTS),
            "cost-center": f"ml-{chance.randrange(1000, 1060)}",
            "data-classification": chance.choice(words.DATA_CLASSES),
        }
        described = f"{plot.topic.description[:-1]} ({plot.segment})."
        values: dict[str, Any] = {
            "region": self.scheme.region,
            "name": plot.name,
            "description": described,
            "created_at": at,
            "created_by": user_context(creator),
            "created_by_name": creator.name,
        }
        row = ModelPackageGroup(**values)
        self.tables[ModelPackageGroup].add(id=pk, **values, **group.columns())
        subject = Subject(group)
        self.plan(
            subject, Happening(at, "model_package_group.created", creator, None, group_state(row, list(tags.items())))
        )
        later = at
        for key, choices in (("retrain", words.RETRAINING), ("tier", words.TIERS)):
            later += self.scheme.unit * chance.uniform(1, 20)
            if chance.random() < 0.5 and later < self.scheme.until:
                before, tags = tags, tags | {key: chance.choice(choices)}
                old, new = ({"Tags": tag_state(list(side.items()))} for side in (before, tags))
                self.plan(subject, Happening(later, "model_package_group.tagged", words.OWNER, old, new))
        for slot, (key, value) in enumerate(tags.items()):
            self.tables[Tag].add(group_id=pk, key=key, value=value, slot=slot)

    def register(self, plot: Plot, at: datetime) -> None:
        """The next version of a group."""
        group = self.groups[plot.place]
        group.last_version += 1
        group.latest_created_at = at
        history = self.draw(plot, group.name, group.last_version, None, at)
        decision = history.decision
        if counter := STATUS_COUNTERS.get(decision.status):
            setattr(group, counter, getattr(group, counter) + 1)
        if decision.status == "Approved":
            group.approved_version, group.approved_at = group.last_version, decision.decided_at
        self.changed[group.pk] = group
        self.add_package(history, group)

    def register_alone(self, number: int, at: datetime) -> None:
        """An unversioned package with a tag."""
        plot = self.plots[number % len(self.plots)]
        name = f"{self.scheme.prefix}-{plot.topic.name}-alone-{number:05d}"
        history = self.draw(plot, name, None, name, at)
        history.registration.tags = [("team", plot.topic.team)]
        history.happened[0] = history.happened[0]._replace(
            after=(history.happened[0].after or {}) | {"Tags": tag_state([("team", plot.topic.team)])}
        )
        package_id = self.next_package
        self.add_package(history, None)
        self.tables[Tag].add(package_id=package_id, key="team", value=plot.topic.team, slot=0)

    def draw(self, plot: Plot, group: str, number: int | None, name: str | None, at: datetime) -> History:
        return draw_history(
            self.chance,
            group=group,
            topic=plot.topic,
            number=number,
            name=name,
            at=at,
            unit=self.scheme.unit,
            until=self.scheme.until,
            system=self.reader,
        )

    # ---------- rows ----------

    def add_package(self, history: History, group: GroupSoFar | None) -> None:
        pk, self.next_package = self.next_package, self.next_package + 1
        columns = history.columns() | {"id": pk, "region": self.scheme.region, "group_id": group and group.pk}
        self.tables[ModelPackage].add(**columns)
        for position, container in enumerate(history.registration.containers):
            image_name, image_tag = image_parts(container["Image"])
            self.tables[Container].add(
                package_id=pk,
                group_id=columns["group_id"],
                position=position,
                image=container["Image"],
                image_name=image_name,
                image_tag=image_tag,
                model_data_url=container["ModelDataUrl"],
                model_data_etag=container.get("ModelDataETag", ""),
                framework=container.get("Framework", ""),
                framework_version=container.get("FrameworkVersion", ""),
            )
        for slot, (key, value) in enumerate(history.pairs.items()):
            self.tables[CustomerMetadataProperty].add(package_id=pk, key=key, value=value, slot=slot)
        for name, (number, spread, source) in history.metrics.items():
            self.tables[Metric].add(package_id=pk, name=name, value=number, standard_deviation=spread, source=source)
        subject = Subject(group, pk, history.name or "", history.version)
        for happening in history.happened:
            self.plan(subject, happening)

    def plan(self, subject: Subject, happening: Happening) -> None:
        self.order += 1
        heapq.heappush(self.waiting, (happening.at, self.order, subject, happening))

    def tell_until(self, at: datetime) -> None:
        """Write the events that happen before `at`, in their order: the log's ids rise with time."""
        while self.waiting and self.waiting[0][0] < at:
            _, _, subject, happening = heapq.heappop(self.waiting)
            group, actor = subject.group, happening.actor
            if group is not None and happening.touches:
                group.updated_at, group.updated_by_name = happening.at, actor.name
                self.changed[group.pk] = group
            self.tables[Event].add(
                at=happening.at,
                kind=happening.kind,
                category=CATEGORIES[happening.kind],
                actor_name=actor.name,
                door=actor.door,
                access_key=actor.access_key,
                user_agent=actor.user_agent,
                region=self.scheme.region,
                group_id=group and group.pk,
                group_name=group.name if group else "",
                package_id=subject.package_id,
                package_name=subject.package_name,
                version=subject.version,
                comment=happening.comment,
                in_feed=happening.in_feed,
                before=happening.before,
                after=happening.after,
            )

    def save(self) -> int:
        """Write the rows there are, in the order of their references; how many."""
        return sum(table.load() for table in self.tables.values())

    def save_groups(self) -> None:
        """Bring the rows of all groups that changed up to date."""
        self.tables[ModelPackageGroup].update({pk: group.columns() for pk, group in sorted(self.changed.items())})
        self.changed.clear()
