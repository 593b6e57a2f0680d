"""The checker itself: a history that fits passes, and each way of not fitting is found and named."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace

import pytest

from .checker import DECIDE, REGISTER, TAG, Call, Event, Group, State, Version, check

pytestmark = pytest.mark.sqlite_only

WAITING, APPROVED, REJECTED = "PendingManualApproval", "Approved", "Rejected"


def good() -> tuple[list[Call], State]:
    """Two clients that registered three versions, decided on one twice, and tagged; one answer was lost."""
    calls = [
        Call(0, REGISTER, "a", "t1", began=1.0, number=1, answered=1.1, sent=1),
        Call(1, REGISTER, "a", "t2", began=1.05, number=2, answered=1.3, sent=2),
        Call(0, REGISTER, "a", "t3", began=1.2, number=3, answered=1.4, sent=1),
        # Its answer was lost, and it was given up.
        Call(1, REGISTER, "a", "t4", began=1.5, sent=1),
        # It never arrived.
        Call(0, REGISTER, "a", "t5", began=1.5, sent=1),
        Call(0, DECIDE, "a", "d1", began=2.0, number=1, value=APPROVED, answered=2.1),
        Call(0, DECIDE, "a", "d2", began=2.2, number=1, value=REJECTED, answered=2.3),
        Call(0, DECIDE, "a", "d3", began=2.4, number=3, value=APPROVED),
        Call(1, TAG, "a", "g1", began=3.0, answered=3.1),
        Call(1, TAG, "a", "g2", began=3.2, answered=3.3),
        Call(1, TAG, "a", "g3", began=3.4),
    ]
    versions = [
        Version("a", 1, "t1", REJECTED, 1, 3, 1, 1),
        Version("a", 2, "t2", WAITING, 1, 3, 1, 1),
        Version("a", 3, "t3", APPROVED, 1, 3, 1, 1),
        Version("a", 4, "t4", WAITING, 1, 3, 1, 1),
    ]
    events = [
        *(Event(number, "model_package.created", "a", number, "") for number in (1, 2, 3, 4)),
        Event(5, "model_package.approval_status_changed", "a", 1, "d1", APPROVED),
        Event(6, "model_package.approval_status_changed", "a", 1, "d2", REJECTED),
        Event(7, "model_package.approval_status_changed", "a", 3, "d3", APPROVED),
        Event(8, "model_package_group.tagged", "a", None, "", tags={"client-1": "g1"}),
        Event(9, "model_package_group.tagged", "a", None, "", tags={"client-1": "g2"}),
    ]
    group = Group("a", 4, 4, waiting=2, approved=1, rejected=1, approved_version=3, tags={"client-1": "g2"})
    return calls, State({"a": group}, versions, events)


def test_what_fits_passes():
    assert check(*good()) == []


def test_a_registry_without_anything_passes():
    assert check([], State({}, [], [])) == []


def drop(rows: list, **facts: object) -> None:
    """Take the row with these facts away."""
    rows[:] = [row for row in rows if any(getattr(row, name) != value for name, value in facts.items())]


def change(rows: list, place: int, **facts: object) -> None:
    rows[place] = replace(rows[place], **facts)


def regroup(state: State, **facts: object) -> None:
    state.groups["a"] = replace(state.groups["a"], **facts)


# What was done to the good history or its state -> the findings that have to be among those of the checker.
Doctor = Callable[[list[Call], State], None]
DOCTORED: dict[str, tuple[Doctor, list[str]]] = {
    "an acknowledged version is gone": (
        lambda calls, state: drop(state.versions, number=2),
        ["lost: a/2 (t2)", "gap: a/2", "half: the log says that a/2", "count: a says version_count"],
    ),
    "the last version is gone, with its event and all counts": (
        lambda calls, state: (
            drop(state.versions, number=4),
            drop(state.events, id=4),
            regroup(state, last_version=3, version_count=3, waiting=1),
            change(calls, 3, answered=1.6, number=4),
        ),
        ["lost: a/4 (t4)"],
    ),
    "a token made two versions": (
        lambda calls, state: change(state.versions, 3, token="t1"),
        ["twin: t1 is a/1, a/4"],
    ),
    "an answer named another number": (
        lambda calls, state: change(calls, 1, number=4),
        ["moved: t2 was answered a/4, is a/2"],
    ),
    "two registrations were answered one number": (
        lambda calls, state: change(calls, 1, number=1),
        ["doubled: a/1 was the answer of 2 registrations", "moved: t2"],
    ),
    "a number is there twice": (
        lambda calls, state: state.versions.append(state.versions[0]),
        ["doubled: a/1 is there 2 times"],
    ),
    "a number was skipped": (
        lambda calls, state: (
            change(state.versions, 3, number=5),
            change(state.events, 3, number=5),
            regroup(state, last_version=5),
        ),
        ["gap: a/4 is missing"],
    ),
    "a number was taken and nothing came of it": (
        lambda calls, state: regroup(state, last_version=5),
        ["gap: a/5 is missing", "count: a says last_version 5"],
    ),
    "a later version has the lower number": (
        lambda calls, state: (change(calls, 0, number=3), change(calls, 2, number=1)),
        ["order: a/3 was acknowledged before a/1 was asked for"],
    ),
    "a version that nobody asked for": (
        lambda calls, state: change(state.versions, 3, token="t9"),
        ["unknown: nobody asked for a/4 (t9)"],
    ),
    "a version without its container": (
        lambda calls, state: change(state.versions, 1, containers=0),
        ["half: a/2 has 0 containers"],
    ),
    "a version without its pairs": (
        lambda calls, state: change(state.versions, 3, pairs=1),
        ["half: a/4 has 1 containers and 1 pairs"],
    ),
    "a version without its event": (
        lambda calls, state: change(state.versions, 3, made_events=0),
        ["half: a/4 has 0 events"],
    ),
    "a version whose answer was not kept": (
        lambda calls, state: change(state.versions, 3, answers=0),
        ["half: a/4 has 0 kept answers"],
    ),
    "an event without its version": (
        lambda calls, state: state.events.append(Event(10, "model_package.created", "a", 5, "")),
        ["half: the log says that a/5 was made"],
    ),
    "a counter of the group is off": (
        lambda calls, state: regroup(state, waiting=3),
        ["count: a says waiting 3"],
    ),
    "the approved version is not the one": (
        lambda calls, state: regroup(state, approved_version=1),
        ["count: a says approved_version 1"],
    ),
    "an acknowledged decision is not in the log": (
        lambda calls, state: drop(state.events, comment="d2"),
        ["lost: the decision d2 on a/1", "half: a/1 is Rejected, its log says Approved"],
    ),
    "a decision is in the log and not on the version": (
        lambda calls, state: (
            change(state.versions, 2, status=WAITING),
            regroup(state, waiting=3, approved=0, approved_version=None),
        ),
        ["half: a/3 is PendingManualApproval, its log says Approved"],
    ),
    "a decision fell on another version": (
        lambda calls, state: change(state.events, 6, number=2),
        ["moved: the decision d3 is in the log of a/2"],
    ),
    "a decision that nobody took": (
        lambda calls, state: change(state.events, 6, comment="d9"),
        ["unknown: nobody took the decision 'd9' of a/3"],
    ),
    "two decisions stand in the wrong order": (
        lambda calls, state: (
            change(state.events, 4, id=6),
            change(state.events, 5, id=5),
            change(state.versions, 0, status=APPROVED),
            regroup(state, rejected=0, approved=2),
        ),
        ["order: decision d2 on a/1 stands before d1"],
    ),
    "an acknowledged tag is not in the log": (
        lambda calls, state: drop(state.events, id=8),
        ["lost: the tag g1 of a"],
    ),
    "a tag went back to an older value": (
        lambda calls, state: (
            regroup(state, tags={"client-1": "g1"}),
            state.events.append(Event(10, "model_package_group.tagged", "a", None, "", tags={"client-1": "g1"})),
        ),
        ["lost: the tag client-1 of a is g1"],
    ),
    "a tag is not what the log says": (
        lambda calls, state: regroup(state, tags={"client-1": "g3"}),
        ["half: the tags of a are not what the log says last"],
    ),
    "a group is gone": (
        lambda calls, state: state.groups.clear(),
        ["lost: the tag client-1 of a is None"],
    ),
    "the database says of itself that it is broken": (
        lambda calls, state: state.faults.append("file: row 3 missing from index"),
        ["file: row 3 missing from index"],
    ),
}


@pytest.mark.parametrize("what", DOCTORED)
def test_what_does_not_fit_is_found(what: str):
    calls, state = deepcopy(good())
    doctor, expected = DOCTORED[what]
    doctor(calls, state)
    found = check(calls, state)
    for words in expected:
        assert any(line.startswith(words) for line in found), found


def test_what_is_unknown_to_its_client_may_be_there_or_not():
    calls, state = good()
    drop(state.versions, number=4)
    drop(state.events, id=4)
    regroup(state, last_version=3, version_count=3, waiting=1)
    assert check(calls, state) == []
    # The tag that was given up arrived after all, last of all.
    regroup(state, tags={"client-1": "g3"})
    state.events.append(Event(10, "model_package_group.tagged", "a", None, "", tags={"client-1": "g3"}))
    assert check(calls, state) == []


def test_a_decision_that_arrived_twice_is_one():
    calls, state = good()
    state.events.append(Event(10, "model_package.approval_status_changed", "a", 1, "d2"))
    assert check(calls, state) == []
