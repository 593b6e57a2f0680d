"""Groups, versions and packages that a name or words mean, each from the front of an index, a few at a time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from django.db.models import Q, QuerySet

from registry.statements import Condition, Prepared

from ..models import ApprovalStatus, ModelPackage, ModelPackageGroup
from ..models.teams import but_hidden, hidden_from
from ..references import Named

if TYPE_CHECKING:
    from registry.accounts.models import User

LIMIT = 6
# Words inside names and in descriptions are looked for in so many groups that changed last, hidden ones among them;
# beginnings in all.
RECENT = 2000


# What a line about a group says.
_SAID = ("region", "name", "version_count")


def _groups(user: User) -> QuerySet[ModelPackageGroup]:
    """The visible groups, with what a line about one says."""
    return ModelPackageGroup.objects.visible_to(user).only(*_SAID)


def groups_named(user: User, named: Named) -> list[ModelPackageGroup]:
    """The groups that a reference means: by its original ARN, by region and name, else by the name in any case.

    SageMaker writes the group's name in lower case in the ARNs of versions, and ARNs of another account may have
    been brought by an import.
    """
    if user.role is None:
        return []
    found: list[ModelPackageGroup] = []
    if named.kind == "group" and named.arn:
        found = list(_groups(user).filter(original_arn=named.arn)[:LIMIT])
    hidden = hidden_from(user)
    of_name = _NAMED[bool(hidden)].all(name=named.name, **hidden)
    found += [g for g in of_name if named.region in ("", g.region) and g not in found][:LIMIT]
    if found:
        return found
    visible = _groups(user).filter(name__iexact=named.name)
    visible = visible.filter(region=named.region) if named.region else visible
    return list(visible.order_by("region", "name")[:LIMIT])


def _named(name: str, hidden_from: int | None = None) -> QuerySet[ModelPackageGroup]:
    rows = ModelPackageGroup.objects.live().filter(name=name).order_by("region").only(*_SAID)
    return but_hidden(rows, "pk", hidden_from)


# One a region at most.
_NAMED: dict[bool, Prepared[ModelPackageGroup]] = {
    False: Prepared(_named, name=str),
    True: Prepared(_named, name=str, hidden_from=int),
}


def versions_named(user: User, named: Named) -> tuple[list[ModelPackage], ModelPackage | None]:
    """The live versions that a reference means; a beginning of a group's name will do where it has that number.

    Where there is none, the tombstone of a deleted one: its page says who deleted it and when.
    """
    visible = ModelPackage.objects.visible_to(user).versioned().select_related("group")
    found = list(visible.filter(original_arn=named.arn)[:LIMIT]) if named.arn else []
    groups = groups_named(user, named)
    if not groups and not named.region:
        groups = groups_called(user, [named.name])
    place = {group.pk: number for number, group in enumerate(groups)}
    numbered = _NUMBERED.all(groups=list(place), version=named.version) if place and named.version else []
    found += [p for p in sorted(numbered, key=lambda p: place[p.group_id or 0]) if p not in found]
    if found or not groups:
        return found[:LIMIT], None
    gone = ModelPackage.objects.open_to(user).filter(group__in=place, version=named.version, deleted_at__isnull=False)
    return [], gone.select_related("group").first()


_NUMBERED: Prepared[ModelPackage] = Prepared(
    lambda groups, version: (
        ModelPackage.objects.live().filter(group__in=groups, version=version).select_related("group")
    ),
    groups=list[int],
    version=int,
)


def packages_named(user: User, named: Named) -> list[ModelPackage]:
    """The unversioned packages that a reference means."""
    visible = ModelPackage.objects.visible_to(user).unversioned()
    found = list(visible.filter(original_arn=named.arn)[:LIMIT]) if named.arn else []
    own = visible.filter(name=named.name)
    own = own.filter(region=named.region) if named.region else own
    return found + [p for p in own.order_by("region")[:LIMIT] if p not in found]


def groups_called(user: User, words: Sequence[str], limit: int = LIMIT) -> list[ModelPackageGroup]:
    """Groups whose name begins with the first word, then those that have all words in name or description.

    Without words the groups that changed last. At most three queries.
    """
    if user.role is None:
        return []
    hidden = hidden_from(user)
    newest = _first_groups("-updated_at", "-id", limit=limit, hides=bool(hidden))
    if not words:
        return newest.all(found=_ANY, **hidden)
    groups = ModelPackageGroup.objects.order_by()
    by_name = _first_groups("name", "id", limit=limit, hides=bool(hidden))
    found = by_name.all(found=Condition.of(groups.filter(_beginning(words))), **hidden)
    if len(found) < limit:
        since = _changed_since(RECENT).rows()
        recent = _all(words) & Q(updated_at__gte=since[0][0]) if since else _all(words)
        more = newest.all(found=Condition.of(groups.filter(recent)), **hidden)
        found += [group for group in more if group not in found][: limit - len(found)]
    return found


_ANY = Condition("1 = 1", ())


@cache
def _first_groups(*order: str, limit: int, hides: bool) -> Prepared[ModelPackageGroup]:
    """The statement of the first groups in an order, of those that a condition finds."""
    rows = ModelPackageGroup.objects.live().only(*_SAID).order_by(*order)
    kinds: dict[str, Any] = {"found": Condition} | ({"hidden_from": int} if hides else {})
    return Prepared(lambda found, hidden_from=None: but_hidden(rows.filter(found), "pk", hidden_from)[:limit], **kinds)


@cache
def _changed_since(place: int) -> Prepared[Any]:
    """When the group at that place changed last, of all groups, the newest first; no row where there are fewer."""
    newest = ModelPackageGroup.objects.live().order_by("-updated_at", "-id").values_list("updated_at")
    return Prepared(lambda: newest[place - 1 : place])


def packages_called(user: User, words: Sequence[str]) -> list[ModelPackage]:
    """Unversioned packages, which no team's limits hide, whose name begins with the first word and has the others."""
    if user.role is None or not words:
        return []
    return _FIRST_PACKAGES.all(found=Condition.of(ModelPackage.objects.filter(_beginning(words))))


# Only they have a name; asked for what has no group, SQLite reads all of it.
_FIRST_PACKAGES: Prepared[ModelPackage] = Prepared(
    lambda found: (
        ModelPackage.objects.live().filter(found).only("region", "group", "version", "name").order_by("name", "id")
    )[:LIMIT],
    found=Condition,
)


def newest_waiting(user: User, group: ModelPackageGroup) -> int | None:
    """The highest number of the group that waits for a decision."""
    visible = ModelPackage.objects.visible_to(user).filter(group=group, approval_status=ApprovalStatus.WAITING)
    return visible.order_by("-version").values_list("version", flat=True).first()


def _beginning(words: Sequence[str]) -> Q:
    first, *others = words
    begins = Q(name__prefix=first)
    if first != first.lower():
        begins |= Q(name__prefix=first.lower())
    return begins & _all(others)


def _all(words: Sequence[str]) -> Q:
    condition = Q()
    for word in words:
        condition &= Q(name__holds=word) | Q(description__holds=word)
    return condition
