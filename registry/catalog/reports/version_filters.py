"""What narrows the versions of a group, and in which shape the database is asked for it; reads only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from django.db.models import F, OuterRef, Q, QuerySet
from django.db.models.lookups import Exact, In

from registry.statements import Condition

from ..filters import TIMELINE, Query, estimate, is_wide, version_conditions
from ..models import ApprovalStatus, Container, CustomerMetadataProperty, ModelPackage
from ..models.lookups import ByNoIndex, ExistsApart, IsAmong
from ..models.packages import PackageQuerySet

# Parts in the whole registry: of up to so many each is looked up, up to so many say which versions have them, up to so
# many are collected for one group.
_RARE, _FEW, _MANY = 500, 2_000, 10_000
_EVERYTHING = Query(of=TIMELINE)

STATUS_WORDS: dict[str, str | None] = {
    "waiting": ApprovalStatus.WAITING,
    "approved": ApprovalStatus.APPROVED,
    "rejected": ApprovalStatus.REJECTED,
    "none": None,
}


@dataclass(frozen=True)
class VersionFilter:
    """Which versions of a group are shown; an empty member narrows nothing.

    `status` is a key of STATUS_WORDS. Several stages, images or authors widen (any of them), several pairs narrow (all
    of them). An image is a name with its tag, or a whole URI; a pair is "key=value", or a key alone. `query` is what
    the filter box says; `typed`, while somebody types in it, is what that means so far.
    """

    status: str = ""
    stages: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    query: Query = _EVERYTHING
    typed: Query | None = None

    @property
    def is_set(self) -> bool:
        return self != VersionFilter()

    def apply(self, packages: PackageQuerySet, live_in: int | None = None) -> PackageQuerySet:
        """Narrow `packages`. `live_in`: whoever asks wants but the live versions of the group with that id."""
        # Few versions are in a stage; many have a status, or are by one author.
        by = ByNoIndex if self.stages else F
        if self.stages:
            packages = packages.filter(stage__in=self.stages)
        if self.status:
            status = STATUS_WORDS[self.status]
            wanted = Q(approval_status=None) if status is None else Exact(by("approval_status"), status)
            packages = packages.filter(wanted)
        if self.authors:
            packages = packages.filter(In(by("created_by_name"), self.authors))
        for part in self._parts:
            packages = packages.filter(part.condition(live_in))
        return packages.filter(self._conditions)

    @property
    def is_rare(self) -> bool:
        """Whether so few packages come into question that each is looked up, instead of the group walked."""
        return any(part.is_rare for part in self._parts)

    def condition(self, live_in: int) -> Condition | None:
        """The same as a condition for statements; None where a filter was written, which may ask other tables too."""
        if self.query or self.typed is not None:
            return None
        if self.images or self.pairs:
            return Condition.of(self.apply(ModelPackage.objects.all(), live_in))
        return _of_versions(self.status, self.stages, self.authors)

    @cached_property
    def _parts(self) -> list[_Having]:
        found = [_having(CustomerMetadataProperty, _pair(pair), _usual_pair(pair)) for pair in self.pairs]
        if self.images:
            used = _any_image(self.images)
            found.append(_having(Container, used, used))
        return found

    @cached_property
    def _conditions(self) -> Q:
        query = self.query if self.typed is None else self.typed
        return version_conditions(query, wide=is_wide(query)) if query else Q()


@lru_cache(maxsize=256)
def _of_versions(status: str, stages: tuple[str, ...], authors: tuple[str, ...]) -> Condition:
    shown = VersionFilter(status=status, stages=stages, authors=authors)
    return Condition.of(shown.apply(ModelPackage.objects.all()))


class _Having(NamedTuple):
    """To have one of these parts, of which the whole registry has `many`, or more than _MANY."""

    parts: QuerySet[Any]
    many: int

    @property
    def is_rare(self) -> bool:
        return self.many <= _RARE

    def condition(self, live_in: int | None) -> Q:
        """In the shape that costs least for so many of them.

        A few say themselves which versions have them. Some are collected, and the versions looked up among them from
        the newest down; of many, each version is asked.
        """
        parts = self.parts
        if self.many > _MANY:
            return Q(ExistsApart(parts.filter(package=OuterRef("pk"))))
        if live_in is not None and parts.model is Container:
            parts = parts.filter(group=live_in)
        return Q(IsAmong(parts.values("package"))) if self.many > _FEW else Q(pk__in=parts.values("package"))


def _having(model: type[Container | CustomerMetadataProperty], wanted: Q, counted: Q) -> _Having:
    """`counted` are those of the parts that may be many, as one stretch of an index."""
    return _Having(model._default_manager.filter(wanted).order_by(), _count(model, counted))


@estimate
def _count(model: type[Container | CustomerMetadataProperty], counted: Q) -> int:
    """How many there are, up to one more than _MANY."""
    return model.objects.filter(counted).order_by().values("package")[: _MANY + 1].count()


def _any_image(images: Iterable[str]) -> Q:
    names = [image for image in images if "/" not in image]
    return Q(image_name__in=names) | Q(image__in=[image for image in images if "/" in image])


def _pair(text: str) -> Q:
    """A key may hold "=" itself, so every place of one may be where the value begins."""
    found = Q(key=text)
    for at in [place for place, sign in enumerate(text) if sign == "="][:8]:
        if text[:at] and text[at + 1 :]:
            found |= Q(key=text[:at], value=text[at + 1 :])
    return found


def _usual_pair(text: str) -> Q:
    """What a pair most likely means: the first "=" parts key and value."""
    key, _, value = text.partition("=")
    return Q(key=key, value=value) if key and value else Q(key=text)
