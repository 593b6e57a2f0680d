"""Compares what clients were told with what is in the database in the end: a list of what does not fit."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

REGISTER, DECIDE, TAG = "register", "decide", "tag"


@dataclass
class Call:
    """One write that a client wanted, under a token of its own; sent again under the same token until it gave up.

    `answered` is None where no answer ever said that it was done. `number` is a version: of a registration the one
    that was answered, of a decision the one that was decided. `value` is the status that was asked for.
    """

    client: int
    kind: str
    group: str
    token: str
    began: float
    number: int | None = None
    value: str = ""
    answered: float | None = None
    sent: int = 0
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Version:
    """A version's row with what hangs on it: how many containers and pairs, how many events of its making, answers."""

    group: str
    number: int
    token: str
    status: str
    containers: int
    pairs: int
    made_events: int
    answers: int


@dataclass(frozen=True)
class Group:
    """A group's row: its counters, and its tags."""

    name: str
    last_version: int
    version_count: int
    waiting: int
    approved: int
    rejected: int
    approved_version: int | None
    tags: dict[str, str]


@dataclass(frozen=True)
class Event:
    """A line of the log: of a decision the comment is the token, of tags `tags` holds what was there after it."""

    id: int
    kind: str
    group: str
    number: int | None
    comment: str
    status: str = ""
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class State:
    """What is in the database; `faults` is what the database or the log says of itself."""

    groups: dict[str, Group]
    versions: list[Version]
    events: list[Event]
    faults: list[str] = field(default_factory=list)


# What a registration of the clients consists of.
CONTAINERS, PAIRS = 1, 3
COUNTED = {"PendingManualApproval": "waiting", "Approved": "approved", "Rejected": "rejected"}


def check(history: Iterable[Call], state: State) -> list[str]:
    """Everything that does not fit, each as "what: where"; nothing in a registry that keeps its promises."""
    calls = list(history)
    return [
        *state.faults,
        *_lost_and_twice(calls, state),
        *_numbers(state),
        *_order(calls),
        *_whole(calls, state),
        *_counts(state),
        *_decisions(calls, state),
        *_tags(calls, state),
    ]


def _lost_and_twice(calls: list[Call], state: State) -> Iterator[str]:
    there = defaultdict(list)
    for version in state.versions:
        there[version.token].append(version)
    for call in calls:
        if call.kind != REGISTER:
            continue
        found = there[call.token]
        if len(found) > 1:
            yield f"twin: {call.token} is {', '.join(f'{v.group}/{v.number}' for v in found)}"
        if call.answered is None:
            continue
        if not found:
            yield f"lost: {call.group}/{call.number} ({call.token}) was acknowledged and is not there"
        elif (found[0].group, found[0].number) != (call.group, call.number):
            yield f"moved: {call.token} was answered {call.group}/{call.number}, is {found[0].group}/{found[0].number}"
    told = Counter((call.group, call.number) for call in calls if call.kind == REGISTER and call.answered is not None)
    for (group, number), times in told.items():
        if times > 1:
            yield f"doubled: {group}/{number} was the answer of {times} registrations"


def _numbers(state: State) -> Iterator[str]:
    """A number is taken in the transaction that inserts its version, under the group's lock: none is ever missing."""
    numbers = defaultdict(list)
    for version in state.versions:
        numbers[version.group].append(version.number)
    for group, found in numbers.items():
        for number, times in Counter(found).items():
            if times > 1:
                yield f"doubled: {group}/{number} is there {times} times"
        last = state.groups[group].last_version if group in state.groups else max(found)
        for number in sorted(set(range(1, max(last, *found) + 1)) - set(found)):
            yield f"gap: {group}/{number} is missing"


def _order(calls: list[Call]) -> Iterator[str]:
    """What was acknowledged before another registration began has the lower number, whoever sent them."""
    made = defaultdict(list)
    for call in calls:
        if call.kind == REGISTER and call.answered is not None and call.number is not None:
            made[call.group].append(call)
    for group, found in made.items():
        found.sort(key=lambda call: call.number or 0)
        latest = None
        for call in found:
            if latest is not None and call.answered is not None and call.answered < latest.began:
                yield f"order: {group}/{call.number} was acknowledged before {group}/{latest.number} was asked for"
            if latest is None or call.began > latest.began:
                latest = call


def _whole(calls: list[Call], state: State) -> Iterator[str]:
    wanted = {call.token for call in calls if call.kind == REGISTER}
    for version in state.versions:
        at = f"{version.group}/{version.number}"
        if version.token not in wanted:
            yield f"unknown: nobody asked for {at} ({version.token or 'without a token'})"
        if (version.containers, version.pairs) != (CONTAINERS, PAIRS):
            yield f"half: {at} has {version.containers} containers and {version.pairs} pairs"
        if version.made_events != 1:
            yield f"half: {at} has {version.made_events} events of its making"
        if version.answers != 1:
            yield f"half: {at} has {version.answers} kept answers for its token"
    rows = {(version.group, version.number) for version in state.versions}
    for event in state.events:
        if event.kind == "model_package.created" and (event.group, event.number) not in rows:
            yield f"half: the log says that {event.group}/{event.number} was made, and it is not there"


def _counts(state: State) -> Iterator[str]:
    found = defaultdict(list)
    for version in state.versions:
        found[version.group].append(version)
    for name, group in state.groups.items():
        versions = found[name]
        status = Counter(version.status for version in versions)
        facts = {
            "last_version": (group.last_version, max((v.number for v in versions), default=0)),
            "version_count": (group.version_count, len(versions)),
            **{word: (getattr(group, word), status[value]) for value, word in COUNTED.items()},
            "approved_version": (
                group.approved_version,
                max((v.number for v in versions if v.status == "Approved"), default=None),
            ),
        }
        for fact, (said, counted) in facts.items():
            if said != counted:
                yield f"count: {name} says {fact} {said}, its versions say {counted}"


def _decisions(calls: list[Call], state: State) -> Iterator[str]:
    """Each decision that was acknowledged stands in the log, and the version has the status of the last one there."""
    decided = sorted(
        (event for event in state.events if event.kind == "model_package.approval_status_changed"),
        key=lambda event: event.id,
    )
    # Sent again after a lost answer, a decision may be there twice: the first of them is the one that counts.
    told = {event.comment: event for event in reversed(decided)}
    wanted = {call.token: call for call in calls if call.kind == DECIDE}
    for call in wanted.values():
        event = told.get(call.token)
        if call.answered is not None and event is None:
            yield f"lost: the decision {call.token} on {call.group}/{call.number} was acknowledged, not in the log"
        # Where an earlier one arrived after all, the status was this one already, and the log says only the words.
        elif event is not None and (event.group, event.number, event.status or call.value) != (
            call.group,
            call.number,
            call.value,
        ):
            yield f"moved: the decision {call.token} is in the log of {event.group}/{event.number} as {event.status}"
    last: dict[tuple[str, int | None], str] = {}
    for event in decided:
        if event.comment not in wanted:
            yield f"unknown: nobody took the decision {event.comment!r} of {event.group}/{event.number}"
        if event.status:
            last[event.group, event.number] = event.status
    for version in state.versions:
        expected = last.get((version.group, version.number), "PendingManualApproval")
        if version.status != expected:
            yield f"half: {version.group}/{version.number} is {version.status}, its log says {expected}"
    yield from _decided_in_order(calls, told)


def _decided_in_order(calls: list[Call], told: dict[str, Event]) -> Iterator[str]:
    """A client's decisions on a version stand in the log in the order in which it took them."""
    mine = defaultdict(list)
    for call in calls:
        if call.kind == DECIDE and call.answered is not None and call.token in told:
            mine[call.group, call.number].append(call)
    for (group, number), found in mine.items():
        for earlier, later in pairwise(sorted(found, key=lambda call: call.began)):
            if told[earlier.token].id > told[later.token].id:
                yield f"order: decision {later.token} on {group}/{number} stands before {earlier.token}"


def _tags(calls: list[Call], state: State) -> Iterator[str]:
    """A client has one key in each group: its value is the last one that was acknowledged, or one asked for later."""
    told = defaultdict(set)
    last: dict[str, Event] = {}
    for event in state.events:
        if event.kind == "model_package_group.tagged":
            for key, value in event.tags.items():
                told[event.group, key].add(value)
            if event.group not in last or event.id > last[event.group].id:
                last[event.group] = event
    mine = defaultdict(list)
    for call in calls:
        if call.kind == TAG:
            mine[call.group, f"client-{call.client}"].append(call)
            if call.answered is not None and call.token not in told[call.group, f"client-{call.client}"]:
                yield f"lost: the tag {call.token} of {call.group} was acknowledged, not in the log"
    for (group, key), found in mine.items():
        found.sort(key=lambda call: call.began)
        acknowledged = [place for place, call in enumerate(found) if call.answered is not None]
        # What was given up may still arrive, later than what the client did next.
        since = acknowledged[-1] if acknowledged else 0
        possible = {call.token for place, call in enumerate(found) if place >= since or call.answered is None}
        value = state.groups[group].tags.get(key) if group in state.groups else None
        if value not in possible and (acknowledged or value is not None):
            yield f"lost: the tag {key} of {group} is {value}, the last that was acknowledged is another"
    for name, group in state.groups.items():
        if name in last and last[name].tags != group.tags:
            yield f"half: the tags of {name} are not what the log says last"
