"""The keys of the filter language: which list knows which, what values they take, what is said about mistakes."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from difflib import get_close_matches
from typing import NamedTuple

from .terms import NAMED_KEYS, PAIR_KEYS, Term, quote

# The lists that can be filtered, in the words of SavedView.Page.
GROUPS, TIMELINE, PACKAGES, REVIEW, ACTIVITY = "groups", "timeline", "packages", "review", "activity"

_OF_VERSIONS = {
    "status": "approved, waiting, rejected or none",
    "stage": "stage, or none",
    "meta": "metadata, key=value or a key alone",
    "metric": "a number, for example metric:auc>0.94",
    "image": "container image, its repository:tag or tag",
    "by": "who registered it",
    "check": "a check, name=success, failure or pending",
}
# List -> its keys, with what a suggestion and the help say about each.
KEYS: dict[str, dict[str, str]] = {
    GROUPS: {
        "tag": "tag of the group, key=value",
        "status": "status of a version",
        "stage": "stage of a version",
        "meta": "metadata of a version, key=value",
        "metric": "metric of a version, for example metric:auc>0.94",
        "image": "container image, its repository:tag or tag",
        "by": "who registered a version",
        "check": "check of a version, name=failure",
        "created": "when the group was made, for example created:<7d",
        "updated": "last change, for example updated:<7d",
        "approved": "approved:none, groups without an approved version",
        "region": "region of the group",
    },
    TIMELINE: {
        **_OF_VERSIONS,
        "created": "when it was registered, for example created:<7d",
        "updated": "last change, for example updated:<7d",
    },
    PACKAGES: {
        "tag": "tag of the package, key=value",
        **_OF_VERSIONS,
        "created": "when it was registered, for example created:<7d",
        "updated": "last change, for example updated:<7d",
        "region": "region of the package",
    },
    REVIEW: {
        "group": "name of the group; fraud* for all that begin so",
        "tag": "tag of the group, key=value",
        **{key: words for key, words in _OF_VERSIONS.items() if key != "status"},
        "status": "waiting, or approved where content changed since",
        "created": "when it was registered, for example created:<7d",
        "updated": "last change, for example updated:<7d",
        "approved": "approved:none, in groups without an approved version",
        "region": "region of the group",
    },
    ACTIVITY: {
        "by": "who did it",
        "type": "review, registration, metadata, tags, access or views",
        "group": "name of the group; fraud* for all that begin so",
        "tag": "tag of the group, key=value",
        "created": "when it happened, for example created:<7d",
        "region": "region",
    },
}
_ALL_KEYS = {key for keys in KEYS.values() for key in keys}
_WHAT = {
    GROUPS: "groups",
    TIMELINE: "the versions of a group",
    PACKAGES: "unversioned packages",
    REVIEW: "versions that wait",
    ACTIVITY: "the activity",
}
# Why a list lacks a key that others know, where more can be said than that it does.
_ABSENT = {
    (TIMELINE, "tag"): "Tags are on the group: all versions here share them.",
    (TIMELINE, "region"): "All versions of a group are of one region.",
    (TIMELINE, "approved"): "approved: is about groups. For versions use status:approved.",
    (PACKAGES, "approved"): "approved: is about groups. For packages use status:approved.",
    (ACTIVITY, "status"): "status: is about versions. For decisions use type:review.",
    (ACTIVITY, "updated"): "updated: is about groups and versions. For the time of an event use created:.",
}
_INSTEAD = {
    (TIMELINE, "approved"): "status:approved",
    (PACKAGES, "approved"): "status:approved",
    (ACTIVITY, "status"): "type:review",
}

# What people and the wire call a status, to the wire's spelling; None is a version without one.
STATUSES = {
    "approved": "Approved",
    "waiting": "PendingManualApproval",
    "pending": "PendingManualApproval",
    "pendingmanualapproval": "PendingManualApproval",
    "rejected": "Rejected",
    "none": None,
}
CHECK_STATES = {
    "success": "success",
    "failure": "failure",
    "pending": "pending",
    "passed": "success",
    "failed": "failure",
}
TYPES = ("review", "registration", "metadata", "tags", "access", "views")

_AGE = re.compile(r"(<=|>=|<|>)?([0-9]{1,5})(h|d|w)")
_DAY = re.compile(r"(<=|>=|<|>)?([0-9]{4}-[0-9]{2}-[0-9]{2})")
_DAYS = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})?\.\.([0-9]{4}-[0-9]{2}-[0-9]{2})?")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_NUMBER = re.compile(r"(<=|>=|<|>|=)([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?)")
_NUMBER_MAX = 40
_EXAMPLES = {
    "tag": "tag:team=fraud",
    "meta": "meta:feature_set=v14",
    "check": "check:unit-tests=failure",
    "metric": "metric:auc>0.94",
}


class Comparison(NamedTuple):
    """What a metric is measured by: `lookup` is Django's word for the sign."""

    lookup: str
    number: float


_LOOKUPS = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte", "=": "exact"}


def make_term(key: str, value: str | None, name: str = "", *, of: str = GROUPS) -> Term:
    """A term of the list `of`, checked; where something is wrong it carries the fault, in words, and a suggestion."""
    known = key.lower()
    if known not in _ALL_KEYS:
        return _unknown(Term(key, value, name), of)
    term = Term(known, value if known in NAMED_KEYS else value or "", name)
    if known not in KEYS[of]:
        fault = _ABSENT.get((of, known), f"{known}: says nothing about {_WHAT[of]}.")
        return replace(term, fault=fault, suggestion=_INSTEAD.get((of, known), ""))
    fault, suggestion = _check(term, of)
    return replace(term, fault=fault, suggestion=suggestion)


def _unknown(term: Term, of: str) -> Term:
    value = term.value or ""
    near = get_close_matches(term.key.lower()[:20], _ALL_KEYS, n=1, cutoff=0.7)
    if near and near[0] not in KEYS[of]:
        # What was meant is said, not offered as a filter of another kind: "stag:" is a stage, not a tag.
        meant = make_term(near[0], value, of=of)
        return replace(term, fault=f"There is no filter {term.key[:30]}:. {meant.fault}", suggestion=meant.suggestion)
    better = Term("", value)
    if near and near[0] in PAIR_KEYS:
        name, equals, rest = value.partition("=")
        better = make_term(near[0], rest if equals else None, name, of=of)
    elif near and near[0] == "metric":
        name, rest = re.match(r"([^<>=]*)(.*)", value, re.DOTALL).groups()  # type: ignore[union-attr]
        better = make_term("metric", rest or None, name, of=of)
    elif near:
        better = make_term(near[0], value, of=of)
    elif "image" in KEYS[of] and re.match(r"v?[0-9]", value):
        better = Term("image", f"{term.key}:{value}")
    elif "tag" in KEYS[of]:
        better = Term("tag", value or None, term.key)
    elif "meta" in KEYS[of]:
        better = Term("meta", value or None, term.key)
    suggestion = "" if better.fault or not better.key else str(better)
    # What follows may be wrong too: then the key alone is named.
    hint = f" Did you mean {near[0]}:?" if near and not suggestion else ""
    return replace(term, fault=f"There is no filter {term.key[:30]}:.{hint}", suggestion=suggestion)


def _check(term: Term, of: str) -> tuple[str, str]:
    """The fault and the suggestion for a term whose key the list knows."""
    key, value = term.key, term.value or ""
    if key in NAMED_KEYS and not term.name:
        return f"{key}: needs a name, for example {_EXAMPLES[key]}.", ""
    match key:
        case "status":
            return _choice(value, STATUSES, "status", "approved, waiting, rejected or none")
        case "type":
            return _choice(value, TYPES, "type", ", ".join(TYPES[:-1]) + f" or {TYPES[-1]}")
        case "check" if term.value is not None and value.lower() not in CHECK_STATES:
            near = get_close_matches(value.lower()[:20], CHECK_STATES, n=1, cutoff=0.5)
            better = str(Term("check", CHECK_STATES[near[0]], term.name)) if near else ""
            return "A check is success, failure or pending.", better
        case "metric" if term.value is not None and comparison(value) is None:
            bare = re.sub(r"(?<=[0-9]),(?=[0-9])", ".", value)
            better = str(Term("metric", bare, term.name)) if comparison(bare) else ""
            return f"A metric is compared with a number, for example {_EXAMPLES['metric']}.", better
        case "approved" if value.lower() != "none":
            better = "approved:none" if not value else "status:approved" if "status" in KEYS[of] else ""
            return "approved: knows only none. For a status use status:approved.", better
        case "created" | "updated" if moments(value, datetime.now(UTC)) is None:
            bare = re.sub(r"[^0-9hdw]", "", value.lower()[:20])
            better = f"{key}:<{bare}" if _AGE.fullmatch(bare) else f"{key}:<7d"
            times = "an age such as <7d, >12h, <2w, a day such as >2026-11-01, or two days with .. between"
            return f"{key}: takes {times}.", better
        case "stage" | "image" | "by" | "region" | "group" if not value:
            return f"{key}: needs a value.", ""
    return "", ""


def _choice(value: str, choices: object, key: str, words: str) -> tuple[str, str]:
    names = [str(name) for name in choices]  # type: ignore[attr-defined]
    if value.lower() in names:
        return "", ""
    near = get_close_matches(value.lower()[:20], [name for name in names if len(name) < 13], n=1, cutoff=0.5)
    return f"{key}: is {words}.", f"{key}:{quote(near[0])}" if near else ""


def comparison(value: str) -> Comparison | None:
    """What a metric's value such as ">=0.94" means; None where it means nothing."""
    found = _NUMBER.fullmatch(value) if len(value) <= _NUMBER_MAX else None
    if found is None or not math.isfinite(float(found[2])):
        return None
    return Comparison(_LOOKUPS[found[1]], float(found[2]))


def moments(value: str, now: datetime) -> tuple[datetime | None, datetime | None] | None:
    """The times from (included) and to (not included) that `created:` and `updated:` mean; None for what means nothing.

    <7d is newer than seven days, >7d older; a bare age is read as <. A bare day is that day in UTC, < before it,
    > after it; with two dots between two days, both are included, and one of them may be left out.
    """
    try:
        if age := _AGE.fullmatch(value.lower()):
            at = now - int(age[2]) * _UNITS[age[3]]
            return (None, at) if (age[1] or "<")[0] == ">" else (at, None)
        if day := _DAY.fullmatch(value):
            start, end = _day(day[2])
            bounds = {"": (start, end), "<": (None, start), "<=": (None, end), ">": (end, None), ">=": (start, None)}
            return bounds[day[1] or ""]
        if days := _DAYS.fullmatch(value):
            first, last = days.groups()
            if first is None and last is None:
                return None
            return (_day(first)[0] if first else None, _day(last)[1] if last else None)
    except (ValueError, OverflowError):
        return None
    return None


def _day(text: str) -> tuple[datetime, datetime]:
    start = datetime.combine(datetime.fromisoformat(text).date(), time.min, UTC)
    return start, start + timedelta(days=1)
