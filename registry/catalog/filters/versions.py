"""From the terms of a filter to conditions on ModelPackage: what one version or package must be.

Two shapes for what hangs on a package (pairs, metrics, checks, containers). `pk IN (subquery)` reads what matches from
its own index, which is best for what few have. EXISTS asks package after package, which is best for what many have:
see is_wide.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import OuterRef, Q, QuerySet

from ..models import Check, Container, CustomerMetadataProperty, Metric, ModelPackage, ModelPackageGroup, Tag
from ..models.lookups import ExistsApart
from ..models.packages import PackageQuerySet
from .estimates import estimate
from .keys import CHECK_STATES, STATUSES, comparison, moments
from .parser import Query
from .terms import And, Node, Not, Or, Term

# What hangs on a package in rows of its own.
PART_KEYS = ("meta", "metric", "check", "image")
# From here on, asking package after package costs less than collecting what matches.
WIDE = 20_000

_ARN = re.compile(r"arn:[^:]*:sagemaker:([^:]*):([^:]*):model-package/([^/]+)(?:/([1-9][0-9]{0,8}))?", re.IGNORECASE)
_NUMBER = re.compile(r"[vV]?([1-9][0-9]{0,8})")


def combined(node: Node, of_term: Callable[[Term], Q]) -> Q:
    """The condition of a tree without faults, from the conditions of its terms."""
    match node:
        case And(nodes):
            condition = Q()
            for child in nodes:
                condition &= combined(child, of_term)
            return condition
        case Or(nodes):
            condition = combined(nodes[0], of_term)
            for child in nodes[1:]:
                condition |= combined(child, of_term)
            return condition
        case Not(child):
            return ~combined(child, of_term)
        case Term():
            return of_term(node)


def version_conditions(query: Query, now: datetime | None = None, *, wide: bool = False) -> Q:
    """The condition on a version that a filter of a group's versions means. No query is run.

    `wide` (see is_wide) chooses the shape of what hangs on a version and changes no result.
    """
    at = now or datetime.now(UTC)
    return combined(query.node, lambda term: _version_term(term, at, wide))


def package_conditions(query: Query, now: datetime | None = None) -> Q:
    """The condition on an unversioned package that a filter of their list means."""
    at = now or datetime.now(UTC)

    def of_term(term: Term) -> Q:
        match term.key:
            case "":
                return spelled(term.value or "", "name", "description") | Q(original_arn=term.value or "")
            case "tag":
                return Q(pk__in=tags_of(term).filter(package__isnull=False).values("package_id"))
            case "region":
                return Q(region=term.value)
        return _version_term(term, at, False)

    return combined(query.node, of_term)


def queue_conditions(query: Query, now: datetime | None = None) -> Q:
    """The condition on a version that a filter of the review queue means, where groups differ."""
    at = now or datetime.now(UTC)

    def of_term(term: Term) -> Q:
        match term.key:
            case "":
                named = ModelPackageGroup.objects.filter(spelled(term.value or "", "name"))
                return _words(term.value or "") | Q(group_id__in=named.values("pk"))
            case "group":
                return Q(group_id__in=groups_named(term.value or "").values("pk"))
            case "tag":
                return Q(group_id__in=tags_of(term).filter(group__isnull=False).values("group_id"))
            case "approved":
                return Q(group__approved_at__isnull=True)
            case "region":
                return Q(region=term.value)
        return _version_term(term, at, False)

    return combined(query.node, of_term)


# ---------- single terms ----------


def version_condition(term: Term, *, wide: bool = False) -> Q:
    """The condition on ModelPackage of one term that speaks of a version; raises KeyError for another key."""
    value = term.value or ""
    match term.key:
        case "status":
            status = STATUSES[value.lower()]
            return Q(approval_status=status) if status else Q(approval_status__isnull=True)
        case "stage":
            known = {stage.lower(): stage for stage in settings.REGISTRY_STAGES} | {"none": ""}
            return Q(stage__in=sorted({value, known.get(value.lower(), value)}))
        case "by":
            return Q(created_by_name=value)
    if wide:
        return Q(ExistsApart(parts_of(term).filter(package=OuterRef("pk"))))
    first, *others = [rows.values("package_id") for rows in _stretches(term)]
    return Q(pk__in=first.union(*others, all=True) if others else first)


def _version_term(term: Term, now: datetime, wide: bool) -> Q:
    match term.key:
        case "":
            return _words(term.value or "")
        case "created":
            return within("created_at", term, now)
        case "updated":
            untouched = Q(last_modified_at__isnull=True)
            return (~untouched & within("last_modified_at", term, now)) | (untouched & within("created_at", term, now))
    return version_condition(term, wide=wide)


def parts_of(term: Term) -> QuerySet[Any]:
    """The pairs, metrics, checks or containers that a term asks for, without an order."""
    value = term.value or ""
    match term.key:
        case "meta":
            return CustomerMetadataProperty.objects.filter(of_value(term.value), key=term.name).order_by()
        case "metric":
            measured = comparison(value)
            values = {f"value__{measured.lookup}": measured.number} if measured else {}
            return Metric.objects.filter(name=term.name, **values).order_by()
        case "check":
            state = {"state": CHECK_STATES[value.lower()]} if term.value is not None else {}
            return Check.objects.filter(name=term.name, **state).order_by()
        case "image":
            found = Q(image=value) | Q(image_name__prefix=value) | Q(image_tag=value) | Q(image_digest=value)
            return Container.objects.filter(found).order_by()
    raise KeyError(term.key)


def of_value(value: str | None) -> Q:
    """Any value for None, values that begin with it for a trailing *, else that value."""
    if value is None:
        return Q()
    return Q(value__prefix=value[:-1]) if value.endswith("*") else Q(value=value)


def tags_of(term: Term) -> QuerySet[Tag]:
    """The tags that a term asks for, without an order."""
    return Tag.objects.filter(of_value(term.value), key=term.name).order_by()


def groups_named(name: str) -> QuerySet[ModelPackageGroup]:
    """The groups of that name, deleted ones too; of all names that begin so, for a trailing *."""
    named = Q(name__prefix=name[:-1]) if name.endswith("*") else Q(name=name)
    return ModelPackageGroup.objects.filter(named)


def within(column: str, term: Term, now: datetime) -> Q:
    """The condition that a time lies where a term says."""
    start, end = moments(term.value or "", now) or (None, None)
    after = Q(**{f"{column}__gte": start}) if start else Q()
    return after & (Q(**{f"{column}__lt": end}) if end else Q())


def spelled(text: str, *columns: str) -> Q:
    """The condition that one of the columns holds a text, without regard to case.

    SQLite compares only ASCII letters without case; the usual spellings of other words are tried one by one.
    """
    spellings = {text} if text.isascii() else {text, text.lower(), text.upper(), text.capitalize(), text.title()}
    condition = Q()
    for spelling in sorted(spellings):
        for column in columns:
            condition |= Q(**{f"{column}__holds": spelling})
    return condition


def _words(text: str) -> Q:
    """A version by its number, its ARN (original or of this registry), or what its description holds."""
    condition = spelled(text, "description") | Q(original_arn=text)
    if number := _NUMBER.fullmatch(text):
        condition |= Q(version=int(number[1]))
    if arn := _ARN.fullmatch(text):
        region, owner, name, version = arn.groups()
        if owner == settings.REGISTRY_ACCOUNT_ID and version:
            condition |= Q(region=region, group__name=name, version=int(version))
    return condition


# ---------- how much there is ----------


@estimate
def is_wide(query: Query) -> bool:
    """True if more than WIDE packages have what a query asks for; one bounded query, or none.

    Of what must all match, the term that promises to be the rarest decides; of an OR, every part is asked.
    """
    asked = [term for node in query.node.nodes for term in _collected(node)]
    if asked and all(not isinstance(node, Or) for node in query.node.nodes):
        asked = [min(asked, key=_promise)]
    if not asked:
        return False
    counts: list[str] = []
    given: list[Any] = []
    for term in dict.fromkeys(asked):
        found = []
        for rows in _stretches(term):
            sql, params = rows.values("package")[: WIDE + 1].query.sql_with_params()
            if connection.vendor == "postgresql" and term.key != "image":
                # Told that many rows have a name, PostgreSQL reads the table until it met enough of them, however far
                # apart they are; so it is not told. All rows have the same empty digest: of images it may know.
                sql = sql.replace(" = %s", " = (SELECT %s)")
            found.append(f"SELECT * FROM ({sql}) AS part")
            given += params
        counts.append(f"(SELECT COUNT(*) FROM ({' UNION ALL '.join(found)}) AS counted)")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(counts)}", given)
        return any(count > WIDE for count in cursor.fetchone())


def groups_with(term: Term) -> QuerySet[Any]:
    """The ids of the groups that have a live version with the image that a term asks for, from its indexes alone."""
    first, *others = [rows.filter(group__isnull=False).values("group_id") for rows in _stretches(term)]
    return first.union(*others, all=True)


def _stretches(term: Term) -> list[QuerySet[Any]]:
    """The rows of parts_of, each as one stretch of one index: only that is read without a look at the table."""
    if term.key != "image":
        return [parts_of(term)]
    value, rows = term.value or "", Container.objects.order_by()
    return [rows.filter(**{where: value}) for where in ("image", "image_name__prefix", "image_tag", "image_digest")]


def _collected(node: Node) -> list[Term]:
    """The terms of a node whose rows would be collected: the rarest one of an And, all of an Or."""
    if isinstance(node, Term):
        return [node] if node.key in PART_KEYS else []
    if isinstance(node, Not):
        return _collected(node.node)
    found = [term for child in node.nodes for term in _collected(child)]
    return [min(found, key=_promise)] if found and isinstance(node, And) else found


def _promise(term: Term) -> tuple[bool, int]:
    return (term.value is None, ("check", "meta", "metric", "image").index(term.key))


def of_packages(found: Q) -> PackageQuerySet:
    """The live versions that meet a condition."""
    return ModelPackage.objects.live().filter(found)
