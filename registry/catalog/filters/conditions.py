"""From the tree of a filter to conditions on groups and on versions, in shapes that both databases answer by index.

Conditions on a version (status, stage, meta, image, by) match a group when one and the same version meets them all:

- `status:approved stage:Production`: a group with an approved version that is in Production.
- `status:approved -stage:Production`: the negated one speaks of that same version: approved and not in Production.
- `-status:rejected`, without a positive condition on a version beside it: a group with no rejected version at all
  (also one without versions), which is the complement of `status:rejected`.

Two shapes. `pk IN (subquery)` reads what matches from its own index, which is best for what few versions have: a pair,
an image. EXISTS asks group after group in the order of the list, which is best for what many have, and costs at most
one step of the index over (group, status | stage | by) for each group; for rare pairs it would read every version.
On 750,000 versions in 40,000 groups of SQLite: a pair of one version 1 ms against 3.8 s, an image of all versions
2.6 s against 0.1 ms. `is_wide` tells which by counting a little.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from ..models import Container, CustomerMetadataProperty, ModelPackage, Tag
from .terms import STATUSES, VERSION_KEYS, And, Node, Not, Query, Term, leaf, moments

_ARN = re.compile(
    r"(arn:[^:]*:sagemaker:([^:]*):([^:]*)):(model-package-group|model-package)/([^/]+)(?:/([0-9]+))?", re.IGNORECASE
)
# The kept counters of the group answer a status that stands alone, without a look at the versions.
_COUNTERS = {
    "Approved": Q(approved_count__gt=0),
    "PendingManualApproval": Q(waiting_count__gt=0),
    "Rejected": Q(rejected_count__gt=0),
    None: Q(version_count__gt=F("waiting_count") + F("approved_count") + F("rejected_count")),
}


# From here on, asking group after group costs less than collecting what matches.
WIDE = 20_000


def group_conditions(query: Query | Node, now: datetime | None = None, *, wide: bool = False) -> Q:
    """The condition on ModelPackageGroup that a query means; faulty terms are left out. No query is run.

    `wide` (see is_wide) chooses the shape of pairs and images and changes no result.
    """
    node = query.node if isinstance(query, Query) else query
    return _group(node, now or datetime.now(UTC), wide)


def is_wide(query: Query) -> bool:
    """True if more than WIDE versions have the pair or image that the query asks for; one bounded query, or none."""
    asked = [term for term in map(leaf, query.node.nodes) if term.key in ("meta", "image")]
    asked.sort(key=lambda term: (term.value is None, term.key == "image"))
    return bool(asked) and _parts(asked[0]).order_by()[: WIDE + 1].count() > WIDE


def version_conditions(query: Query | Node, *, wide: bool = False) -> Q:
    """The condition on one ModelPackage that the version terms of a query mean; all other terms are left out."""
    node = query.node if isinstance(query, Query) else query
    match node:
        case And(nodes):
            condition = Q()
            for child in nodes:
                condition &= version_conditions(child, wide=wide)
            return condition
        case Not(child):
            return ~version_conditions(child, wide=wide) if _speaks_of_version(child) else Q()
        case Term():
            return version_condition(node, wide=wide) if _speaks_of_version(node) else Q()


def _speaks_of_version(node: Node) -> bool:
    match node:
        case And(nodes):
            return bool(nodes) and all(map(_speaks_of_version, nodes))
        case Not(child):
            return _speaks_of_version(child)
        case Term(key=key, fault=fault):
            return key in VERSION_KEYS and not fault


def _group(node: Node, now: datetime, wide: bool) -> Q:
    match node:
        case And(nodes):
            condition = Q()
            versions = [child for child in nodes if _speaks_of_version(child)]
            if any(not isinstance(child, Not) for child in versions):
                condition &= _has_version(And(tuple(versions)), wide)
                nodes = tuple(child for child in nodes if child not in versions)
            for child in nodes:
                condition &= _group(child, now, wide)
            return condition
        case Not(child):
            return ~_group(child, now, wide)
        case Term():
            return _has_version(And((node,)), wide) if _speaks_of_version(node) else _group_term(node, now)


def _has_version(node: And, wide: bool) -> Q:
    if len(node.nodes) == 1 and isinstance(node.nodes[0], Term) and node.nodes[0].key == "status":
        return _COUNTERS[STATUSES[(node.nodes[0].value or "").lower()]]
    versions = ModelPackage.objects.live().filter(version_conditions(node, wide=wide))
    if wide or not any(isinstance(child, Term) and child.key in ("meta", "image") for child in node.nodes):
        return Q(Exists(versions.filter(group=OuterRef("pk"))))
    return Q(pk__in=versions.versioned().values("group_id"))


def version_condition(term: Term, *, wide: bool = False) -> Q:
    """The condition on ModelPackage of one version term without a fault; raises KeyError for another key."""
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
        return Q(Exists(_parts(term).filter(package=OuterRef("pk"))))
    return Q(pk__in=_parts(term).values("package_id"))


def _parts(term: Term) -> QuerySet[Any]:
    """The pairs or containers that a term asks for."""
    value = term.value or ""
    if term.key == "meta":
        return CustomerMetadataProperty.objects.filter(key=term.name).filter(_of_value(term.value))
    if term.key == "image":
        found = Q(image=value) | Q(image_name__prefix=value) | Q(image_tag=value) | Q(image_digest=value)
        return Container.objects.filter(found)
    raise KeyError(term.key)


def _of_value(value: str | None) -> Q:
    """Any value for None, values that begin with it for a trailing *, else that value."""
    if value is None:
        return Q()
    return Q(value__prefix=value[:-1]) if value.endswith("*") else Q(value=value)


def _group_term(term: Term, now: datetime) -> Q:
    value = term.value or ""
    match term.key:
        case "":
            return _words(value)
        case "tag":
            tags = Tag.objects.filter(key=term.name, group__isnull=False).filter(_of_value(term.value))
            return Q(pk__in=tags.values("group_id"))
        case "region":
            return Q(region=value)
        case "approved":
            return Q(approved_version__isnull=True)
        case "updated":
            start, end = moments(value, now) or (None, None)
            return (Q(updated_at__gte=start) if start else Q()) & (Q(updated_at__lt=end) if end else Q())
    raise KeyError(term.key)


def _words(text: str) -> Q:
    arn = _ARN.fullmatch(text)
    if arn is not None:
        return _arn(text, arn)
    condition = Q()
    # SQLite compares only ASCII letters without case; the usual spellings of other words are tried one by one.
    spellings = {text} if text.isascii() else {text, text.lower(), text.upper(), text.capitalize(), text.title()}
    for spelling in sorted(spellings):
        condition |= Q(name__icontains=spelling) | Q(description__icontains=spelling)
    return condition


def _arn(text: str, arn: re.Match[str]) -> Q:
    """The group with that ARN, original or of this registry; for the ARN of a version, the version's group."""
    account, region, owner, kind, name, number = arn.groups()
    condition = Q(original_arn=text)
    of_group = kind.lower() == "model-package-group"
    if not of_group:
        versions = ModelPackage.objects.live().versioned().filter(original_arn=text)
        condition |= Q(pk__in=versions.values("group_id"))
        if number:
            condition |= Q(original_arn=f"{account}:model-package-group/{name}")
    if owner == settings.REGISTRY_ACCOUNT_ID and (of_group or number):
        condition |= Q(region=region, name=name)
    return condition
