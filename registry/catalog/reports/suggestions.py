"""Words that a filter can be completed with: keys, values, names; read from the front of an index, a few at a time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection, models

from registry.accounts.models import User
from registry.statements import Condition, Prepared, read

from ..filters import ACTIVITY, GROUPS, KEYS, PACKAGES, REVIEW, TIMELINE, Not, Query, Term, last_term
from ..filters.keys import TYPES
from ..filters.terms import is_leaf, leaf
from ..models import Check, Container, CustomerMetadataProperty, Metric, ModelPackage, ModelPackageGroup, Tag
from ..models.teams import seen_by, sees_all
from ..validators import NAME_MAX
from .counts import FOUND_CAP
from .sightings import WORDS, seen_values

LIMIT = 8
_NAMES_COMPARED = 2000


class Suggestion(NamedTuple):
    """One way to go on: `text` replaces the word that is being typed, `note` explains it."""

    text: str
    note: str = ""


def distinct_values(
    model: type[models.Model],
    column: str,
    prefix: str = "",
    *,
    limit: int = LIMIT,
    where: dict[str, str] | None = None,
    by_letter: bool = True,
    live: bool = False,
) -> list[str]:
    """The first `limit` distinct texts of an indexed column that begin with `prefix`; `where` fixes leading columns.

    A loose index scan: each step jumps to the next larger value, where DISTINCT would read the whole index (0.2 ms
    against 1 s on five million rows). `by_letter` is for indexes that compare letter by letter (BY_PREFIX); others
    are in the order of the database, which knows no prefix. `live` leaves out what was deleted.
    """
    letters = by_letter and connection.vendor == "postgresql"
    start, above, below, order = ("~>=~", "~>~", "~<~", "USING ~<~") if letters else (">=", ">", "<", "")
    table, name = connection.ops.quote_name(model._meta.db_table), connection.ops.quote_name(column)
    more, given = " AND deleted_at IS NULL" if live else "", [f"{prefix}\U0010ffff"] if prefix else []
    more += f" AND {name} {below} %s" if prefix else ""
    for other, value in (where or {}).items():
        more += f" AND {connection.ops.quote_name(other)} = %s"
        given.append(value)
    pick = f"SELECT {name} FROM {table} WHERE {name} {{}} {{}}{more} ORDER BY {name} {order} LIMIT 1"
    sql = (
        f"WITH RECURSIVE found(v) AS (SELECT * FROM ({pick.format(start, '%s')}) AS start UNION ALL "
        f"SELECT ({pick.format(above, 'found.v')}) FROM found WHERE found.v IS NOT NULL) "
        "SELECT v FROM found WHERE v IS NOT NULL LIMIT %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [prefix, *given, *given, limit])
        return [value for (value,) in cursor.fetchall()]


def regions(user: User) -> list[str]:
    """The regions in which there are live groups that `user` may know of, in order of name."""
    if sees_all(user):
        return distinct_values(ModelPackageGroup, "region", limit=100, by_letter=False, live=True)
    visible = ModelPackageGroup.objects.visible_to(user)
    return list(visible.order_by("region").values_list("region", flat=True).distinct()[:100])


def known_tags(user: User, limit: int = 40) -> list[tuple[str, str]]:
    """Tags that were given lately, each once, in order: what a tag input offers."""
    newest = seen_by(user, Tag.objects.order_by("-id"), "group_id")
    return sorted(set(newest.values_list("key", "value")[:400]))[:limit]


def suggest(user: User, typed: str, *, of: str = GROUPS) -> list[tuple[str, list[Suggestion]]]:
    """Ways to complete the term that `typed` ends in, in titled groups; empty without an idea. Up to eight a group.

    `of` is the list whose filter is typed (filters.KEYS).
    """
    last = last_term(typed, of=of)
    if last is None:
        return [("Filters", _keys(user, "", of))]
    start, term = last
    minus = "-" if typed[:start].endswith("-") else ""
    titled = _names(user, term, of) if not term.key else _values(user, term, of)
    return [(title, [Suggestion(minus + s.text, s.note) for s in found]) for title, found in titled if found]


def _keys(user: User, beginning: str, of: str) -> list[Suggestion]:
    keys = KEYS[of]
    if "region" in keys and not ModelPackageGroup.has_several_regions(user):
        keys = {key: words for key, words in keys.items() if key != "region"}
    return [Suggestion(f"{key}:", words) for key, words in keys.items() if key.startswith(beginning.lower())]


def _names(user: User, term: Term, of: str) -> list[tuple[str, list[Suggestion]]]:
    word = term.value or ""
    if of in (TIMELINE, PACKAGES):
        return [("Filters", _keys(user, word, of))]
    return [("Filters", _keys(user, word, of)), ("Groups", [Suggestion(name) for name in _group_names(user, word)])]


def _group_names(user: User, beginning: str) -> list[str]:
    named = ModelPackageGroup.objects.visible_to(user).filter(name__istartswith=beginning)
    return [name for (name,) in _GROUP_NAMES.rows(named=Condition.of(named))]


_GROUP_NAMES: Prepared[Any] = Prepared(
    lambda named: ModelPackageGroup.objects.filter(named).order_by("name").values_list("name").distinct()[:LIMIT],
    named=Condition,
)


# Key of pairs and the like -> where their names are, whether those compare letter by letter, and their title.
_NAMED = {
    "tag": (Tag, "key", True, "Tags"),
    "meta": (CustomerMetadataProperty, "key", True, "Metadata"),
    "metric": (Metric, "name", False, "Metrics"),
    "check": (Check, "name", False, "Checks"),
}


def _values(user: User, term: Term, of: str) -> list[tuple[str, list[Suggestion]]]:
    value = term.value or ""
    if term.key not in KEYS[of]:
        return [("Did you mean", [Suggestion(text) for text in [term.suggestion] if text])]
    if term.key in _NAMED and term.value is None:
        return _named(user, term, of)
    match term.key:
        case "tag":
            return _tag_values(user, term.name, value, of)
        case "meta":
            return _meta_values(user, term.name, value)
        case "image":
            names = [name for name in distinct_values(Container, "image_name", value, limit=_many(user)) if name]
            names = seen_values(user, Container, "image_name", names)[:LIMIT]
            return [("Images", [Suggestion(str(Term("image", name))) for name in names])]
        case "by":
            people = _actors(value) if of == ACTIVITY else _authors(user, value)
            return [("People", [Suggestion(str(Term("by", name))) for name in people])]
        case "region":
            found = [region for region in regions(user) if region.startswith(value)]
            return [("Regions", [Suggestion(f"region:{region}") for region in found])]
        case "group":
            return [("Groups", [Suggestion(f"group:{name}") for name in _group_names(user, value)])]
    return _fixed(term, of)


def _named(user: User, term: Term, of: str) -> list[tuple[str, list[Suggestion]]]:
    """The names that go on from what is typed, and once one of them is complete, its values."""
    model, column, by_letter, title = _NAMED[term.key]
    names = distinct_values(
        model, column, term.name if by_letter else "", limit=_many(user) if by_letter else 200, by_letter=by_letter
    )
    names = seen_values(user, model, column, [name for name in names if name.startswith(term.name)])[:LIMIT]
    sign = "=" if term.key in ("tag", "meta", "check") else ">"
    found = [(title, [Suggestion(f"{Term(term.key, None, name)}{sign}") for name in names])]
    if term.name not in names:
        return found
    found = [] if names == [term.name] else found
    match term.key:
        case "tag":
            return found + _tag_values(user, term.name, "", of)
        case "meta":
            return found + _meta_values(user, term.name, "")
    return found + _fixed(Term(term.key, "", term.name), of)


def _fixed(term: Term, of: str) -> list[tuple[str, list[Suggestion]]]:
    """What a key takes that the language itself knows."""
    key, value = term.key, term.value or ""
    ages = [("<24h", "the last day"), ("<7d", "the last week"), (">12w", "longer ago than twelve weeks")]
    states = [(state, "") for state in ("success", "failure", "pending")]
    statuses = [("approved", ""), ("waiting", "no decision yet"), ("rejected", ""), ("none", "without a status")]
    choices = {
        "status": statuses[:2] if of == REVIEW else statuses,
        "stage": [(stage, "") for stage in settings.REGISTRY_STAGES],
        "approved": [("none", "no version is approved")],
        "type": [(word, "") for word in TYPES],
        "created": [*ages, ("2026-11-01..2026-11-30", "a range of days")],
        "updated": ages,
        "check": states,
        "metric": [(">", "more than"), ("<", "less than"), (">=", ""), ("<=", "")],
    }
    found = [
        Suggestion(
            f"{Term(key, None, term.name)}{choice}" if key == "metric" else str(Term(key, choice, term.name)), note
        )
        for choice, note in choices.get(key, ())
        if choice.lower().startswith(value.lower())
    ]
    if not found and term.suggestion:
        return [("Did you mean", [Suggestion(term.suggestion)])]
    return [("Values", found)]


def _tag_values(user: User, key: str, beginning: str, of: str) -> list[tuple[str, list[Suggestion]]]:
    if of == PACKAGES:
        tags = Tag.objects.filter(key=key, value__prefix=beginning)
        of_packages = tags.filter(package__isnull=False, package__deleted_at=None).order_by("value")
        given = of_packages.values_list("value", flat=True).distinct()[:LIMIT]
        return [(f"Values of tag:{key}", [Suggestion(str(Term("tag", value, key))) for value in given])]
    # Some are those of deleted or hidden groups, or of unversioned packages alone.
    values = distinct_values(Tag, "value", beginning, where={"key": key}, limit=WORDS)
    found = _groups_with(user, key, values[:LIMIT])
    if len(found) < LIMIT:
        found |= _groups_with(user, key, values[LIMIT:])
    shown = [
        Suggestion(str(Term("tag", value, key)), f"{_up_to(n)} group{'s' * (n != 1)}") for value, n in found.items()
    ]
    return [(f"Values of tag:{key}", shown[:LIMIT])]


def _up_to(number: int) -> str:
    return f"{FOUND_CAP}+" if number > FOUND_CAP else str(number)


def _groups_with(user: User, key: str, values: Sequence[str]) -> dict[str, int]:
    """How many groups that `user` may know of have each value of a tag, up to FOUND_CAP + 1; those of no group are out.

    One query, however many values.
    """
    if not values:
        return {}
    quoted = connection.ops.quote_name
    tags, groups = quoted(Tag._meta.db_table), quoted(ModelPackageGroup._meta.db_table)
    shown = Condition.of(seen_by(user, Tag.objects.filter(key=key, group__isnull=False), "group_id"))
    has_arrays = connection.vendor == "postgresql"
    given = "unnest(%s::text[]) AS given(value)" if has_arrays else "json_each(%s) AS given"
    counted = (
        f"SELECT 1 FROM {tags} WHERE {shown.sql} AND {tags}.value = given.value AND EXISTS (SELECT 1 FROM {groups} "
        f"WHERE {groups}.id = {tags}.group_id AND {groups}.deleted_at IS NULL LIMIT 1 OFFSET 0) LIMIT {FOUND_CAP + 1}"
    )
    found = read(
        f"SELECT given.value, (SELECT COUNT(*) FROM ({counted}) AS counted) FROM {given}",
        [*shown.values, list(values) if has_arrays else json.dumps(list(values))],
    )
    counts = {row[0]: row[1] for row in found}
    return {value: counts[value] for value in values if counts[value]}


def _meta_values(user: User, key: str, beginning: str) -> list[tuple[str, list[Suggestion]]]:
    where = {"key": key}
    values = distinct_values(CustomerMetadataProperty, "value", beginning, where=where, limit=_many(user))
    values = seen_values(user, CustomerMetadataProperty, "value", values, where)[:LIMIT]
    return [(f"Values of meta:{key}", [Suggestion(str(Term("meta", value, key))) for value in values])]


def _authors(user: User, beginning: str) -> list[str]:
    """Who registered versions, of the first 200 names: the index is in the database's order, which knows no prefix."""
    names = distinct_values(ModelPackage, "created_by_name", limit=200, by_letter=False)
    found = [name for name in names if name and name.startswith(beginning)]
    return seen_values(user, ModelPackage, "created_by_name", found)[:LIMIT]


def _actors(beginning: str) -> list[str]:
    """People who may have done something: users by name."""
    named = User.objects.filter(username__startswith=beginning).order_by("username")
    return [*named.values_list("username", flat=True)[:LIMIT]]


def _many(user: User) -> int:
    """How many words are read where some of them may not be shown."""
    return LIMIT if sees_all(user) else WORDS


class Near(NamedTuple):
    """What exists instead of what was asked for: `text` is the filter that would find it."""

    label: str
    text: str
    groups: int  # up to FOUND_CAP + 1


def nearest(user: User, query: Query) -> list[Near]:
    """Up to three things that resemble the first tag or word of a query that found nothing."""
    for part in query.parts:
        if isinstance(part, Not) or not is_leaf(part):
            continue
        term = leaf(part)
        if term.key == "tag" and term.name and not term.fault:
            return _near_tags(user, term)
        if not term.key:
            return _near_names(user, term.value or "")
    return []


def _near_tags(user: User, term: Term) -> list[Near]:
    keys = distinct_values(Tag, "key", limit=200)
    key = term.name if term.name in keys else next(iter(_close(term.name, keys, 1)), "")
    if not key:
        return []
    values = distinct_values(Tag, "value", where={"key": key}, limit=200)
    if key == term.name:
        values = [value for value in values if value != term.value]
    close = _close(term.value or "", values, 2 * LIMIT)
    counts = _groups_with(user, key, close)
    if not counts:
        # None of them resembles it: those that most groups have, of the first.
        counts = _groups_with(user, key, values[:WORDS])
        close = sorted(counts, key=lambda value: -counts[value])[:2]
    shown = [value for value in close if value in counts][:3]
    return [Near(f"{key}={value}", str(Term("tag", value, key)), counts[value]) for value in shown]


def _near_names(user: User, word: str) -> list[Near]:
    if len(word) > NAME_MAX or {":", "/"} & set(word):
        return []  # an ARN or a path: no name that was mistyped
    names = ModelPackageGroup.objects.visible_to(user).order_by("name").values_list("name", flat=True)[:_NAMES_COMPARED]
    return [Near(name, str(Term("", name)), 1) for name in _close(word, list(names), 3)]


def _close(word: str, among: Sequence[str] | dict[str, int], n: int) -> list[str]:
    folded = {name.lower(): name for name in among}
    return [folded[name] for name in get_close_matches(word.lower(), folded, n=n, cutoff=0.5)]
