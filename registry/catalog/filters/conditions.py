"""From the tree of a filter to conditions on groups, in shapes that both databases answer by index.

Conditions on a version (status, stage, meta, metric, check, image, by) match a group when one and the same version
meets them all:

- `status:approved stage:Production`: a group with an approved version that is in Production.
- `status:approved -stage:Production`: the negated one speaks of that same version: approved and not in Production.
- `stage:Production (by:ana OR by:ben)`: so does a parenthesis that speaks of versions only.
- `-status:rejected`, without a positive condition on a version beside it: a group with no rejected version at all
  (also one without versions), which is the complement of `status:rejected`.
- `A OR B` finds what A finds and what B finds; `NOT (A)` finds what A does not.

Pairs, images and the like come in two shapes (see versions.py). On 750,000 versions in 40,000 groups of SQLite: a pair
of one version 1 ms against 3.8 s, an image of all versions 2.6 s against 0.1 ms. `is_wide` tells which by counting a
little; EXISTS costs at most one step of the index over (group, status | stage | by) for each group.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.lookups import In

from ..models import ModelPackage, ModelPackageGroup
from ..models.lookups import AmongListed, ByNoIndex, ExistsApart, listed
from .estimates import estimate
from .keys import STATUSES
from .parser import Query
from .terms import VERSION_KEYS, And, Node, Not, Or, Term, terms_of
from .versions import PART_KEYS, combined, groups_with, of_packages, spelled, tags_of, version_condition, within

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


# So few groups are found one by one and sorted; of more the order is walked until a page is full. Of so many each one
# on the way is asked for the tag, instead of collecting all that have it.
_FEW, _COMMON = 500, 2_000

# How a condition is made of what finds the ids of groups.
Among = Callable[[QuerySet[Any, Any]], Q]


def _among(ids: QuerySet[Any, Any]) -> Q:
    return Q(pk__in=ids)


def collected(ids: QuerySet[Any, Any]) -> Q:
    """An Among that finds the ids now, by one query, for a condition that is asked more than once.

    PostgreSQL makes a join of a subquery: for the first rows of an order, or a count up to a limit, it may then walk
    all versions of large groups, hoping to meet one soon.
    """
    # Each once by Python: for DISTINCT PostgreSQL would sort them.
    found = {pk for (pk,) in ids.order_by().values_list("group_id")}
    return Q(AmongListed("pk" if len(found) < _FEW else ByNoIndex("pk"), listed(found)))


class _Asked(NamedTuple):
    """What group_conditions was asked with."""

    now: datetime
    wide: bool
    common: bool
    among: Among


def group_conditions(
    query: Query, now: datetime | None = None, *, wide: bool = False, common: bool = False, among: Among = _among
) -> Q:
    """The condition on ModelPackageGroup that a query means; faulty terms are left out. No query is run but by `among`.

    `wide` (see versions.is_wide) chooses the shape of pairs, images and the like, `common` (see has_common_tags) that
    of tags; neither they nor `among` change a result.
    """
    return _group(query.node, _Asked(now or datetime.now(UTC), wide, common, among))


@estimate
def has_common_tags(query: Query) -> bool:
    """True if each tag that a query asks for is on more than _COMMON groups, deleted ones among them.

    One bounded query for each, up to the first that is not.
    """
    tags = dict.fromkeys(term for term in terms_of(query.node) if term.key == "tag")
    return bool(tags) and all(_tagged(term)[: _COMMON + 1].count() > _COMMON for term in tags)


def _tagged(term: Term) -> QuerySet[Any, Any]:
    return tags_of(term).filter(group__isnull=False).values("group_id")


def speaks_of_version(node: Node) -> bool:
    """True for a tree whose terms all speak of a version."""
    return all(term.key in VERSION_KEYS for term in terms_of(node))


def is_anchored(node: Node) -> bool:
    """True if a version has to have something for this to hold, whichever part of an OR it is by."""
    match node:
        case Term():
            return True
        case Not():
            return False
        case And(nodes):
            return any(map(is_anchored, nodes))
        case Or(nodes):
            return all(map(is_anchored, nodes))


def _group(node: Node, asked: _Asked) -> Q:
    match node:
        case And(nodes):
            condition = Q()
            versions = tuple(child for child in nodes if speaks_of_version(child))
            if any(map(is_anchored, versions)):
                condition &= _has_version(And(versions), asked)
                nodes = tuple(child for child in nodes if child not in versions)
            for child in nodes:
                condition &= _group(child, asked)
            return condition
        case Or(nodes):
            condition = _group(nodes[0], asked)
            for child in nodes[1:]:
                condition |= _group(child, asked)
            return condition
        case Not(child):
            return ~_group(child, asked)
        case Term():
            return _has_version(And((node,)), asked) if node.key in VERSION_KEYS else _group_term(node, asked)


def _has_version(node: And, asked: _Asked) -> Q:
    if len(node.nodes) == 1:
        match node.nodes[0]:
            case Term(key="status", value=value):
                return _COUNTERS[STATUSES[(value or "").lower()]]
            case Term(key="image") as image if not asked.wide:
                return asked.among(groups_with(image))
            case Or(nodes):
                condition = _has_version(And((nodes[0],)), asked)
                for child in nodes[1:]:
                    condition |= _has_version(And((child,)), asked)
                return condition
    versions = of_packages(combined(node, lambda term: version_condition(term, wide=asked.wide)))
    if asked.wide or not any(
        term.key in PART_KEYS for child in node.nodes if is_anchored(child) for term in terms_of(child)
    ):
        exists = ExistsApart if asked.wide else Exists
        return Q(exists(versions.filter(group=OuterRef("pk"))))
    return asked.among(versions.versioned().values("group_id"))


def _group_term(term: Term, asked: _Asked) -> Q:
    value = term.value or ""
    match term.key:
        case "":
            return _words(value)
        case "tag":
            # Groups in their order, each looked up among those with the tag: SQLite would sort all that have it.
            if asked.common:
                return Q(ExistsApart(tags_of(term).filter(group=OuterRef("pk"))))
            return Q(In(ByNoIndex("pk"), _tagged(term).query))
        case "region":
            return Q(region=value)
        case "approved":
            return Q(approved_at__isnull=True)
        case "created" | "updated":
            return within(f"{term.key}_at", term, asked.now)
    raise KeyError(term.key)


def is_arn(text: str) -> bool:
    """Whether a word is looked for as the ARN of a group or version, and not in names and descriptions."""
    return _ARN.fullmatch(text) is not None


def _words(text: str) -> Q:
    arn = _ARN.fullmatch(text)
    return spelled(text, "name", "description") if arn is None else _arn(text, arn)


def _arn(text: str, arn: re.Match[str]) -> Q:
    """The group with that ARN, original or of this registry; for the ARN of a version, the version's group."""
    account, region, owner, kind, name, number = arn.groups()
    of_group = kind.lower() == "model-package-group"
    groups, arns = ModelPackageGroup.objects.order_by(), [text]
    if number:
        arns.append(f"{account}:model-package-group/{name}")
    # Each from its own index: asked with OR, PostgreSQL reads all groups.
    ways: list[QuerySet[Any, Any]] = [groups.filter(original_arn=arn).values("pk") for arn in arns]
    if not of_group:
        ways.append(ModelPackage.objects.live().versioned().filter(original_arn=text).order_by().values("group_id"))
    if owner == settings.REGISTRY_ACCOUNT_ID and (of_group or number):
        ways.append(groups.filter(region=region, name=name).values("pk"))
    return Q(pk__in=ways[0].union(*ways[1:], all=True) if ways[1:] else ways[0])
