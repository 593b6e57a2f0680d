"""Where an image, an artifact or a digest is used: the versions and packages that name it, newest first.

What is one text in an index (a tagged image, a digest) is walked there from the newest package on, however many use it.
What is a range of texts (an image of any tag, a folder) is read from the index while it is small; from WIDE rows on the
packages are walked from the newest, each asked by its own index, since one in a few will do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import CharField, F, Func, OuterRef, Q, QuerySet
from django.urls import reverse

from registry.statements import Prepared, numbered

from ..models import Container, ModelPackage
from ..models.lookups import ExistsApart
from ..models.teams import seen_by
from ..references import Used
from .counts import COUNT_CAP

if TYPE_CHECKING:
    from registry.accounts.models import User
    from registry.accounts.permissions import Actor

ROWS = 50
WIDE = 5_000
_INDEXED = 512  # characters of an artifact's URI that its index holds


class _Start(Func):
    """The first 512 characters, written as the index has them: SQLite compares expressions with their literals."""

    output_field = CharField()
    template = f"LEFT(%(expressions)s, {_INDEXED})"

    def as_sqlite(self, compiler: Any, connection: Any, **more: Any) -> Any:
        return self.as_sql(compiler, connection, template=f"SUBSTR(%(expressions)s, 1, {_INDEXED})", **more)


class UsingPackage(NamedTuple):
    """What a list says of a version or unversioned package, by the names that ModelPackage has for it."""

    pk: int
    region: str
    group_name: str | None
    version: int | None
    name: str | None
    approval_status: str | None
    stage: str
    created_at: datetime
    created_by_name: str

    def __str__(self) -> str:
        return f"{self.group_name} v{self.version}" if self.is_versioned else str(self.name)

    def get_absolute_url(self) -> str:
        if self.is_versioned:
            return reverse("package-detail", args=[self.region, self.group_name, self.version])
        return reverse("unversioned-detail", args=[self.region, self.name])

    @property
    def is_versioned(self) -> bool:
        return self.version is not None


class UseRow(NamedTuple):
    """A version or unversioned package that uses it; `found` are the images or artifacts that matched."""

    package: UsingPackage
    found: tuple[str, ...]


@dataclass(frozen=True)
class UsesPage:
    """Up to ROWS rows, newest first; `older` is the id to go on behind; `total` counts up to COUNT_CAP + 1.

    `total` is None where counting would cost more than the page.
    """

    rows: list[UseRow]
    older: int | None
    total: int | None


def uses_page(user: User | Actor, used: Used, *, after: int | None = None, limit: int = ROWS) -> UsesPage:
    """A page of what uses it, of what `user` may see; at most four queries."""
    containers, is_one_text = containers_with(used)
    visible = ModelPackage.objects.visible_to(user)
    total: int | None = None
    if user.role is None:
        return UsesPage([], None, 0)
    if is_one_text:
        shown = seen_by(user, containers.filter(package__deleted_at=None), "package__group_id")
        live = shown.order_by("-package_id").values_list("package_id", flat=True)
        total = live.distinct()[: COUNT_CAP + 1].count() if after is None else None
        behind = live.filter(package_id__lt=after) if after else live
        ids = list(behind.distinct()[: limit + 1])
    else:
        found = _in_range(visible, containers)
        ids = list(
            (found.filter(pk__lt=after) if after else found).order_by("-pk").values_list("pk", flat=True)[: limit + 1]
        )
        if after is None and len(ids) <= limit:
            total = len(ids)
    rows = _rows(ids[:limit], containers, "image" if used.by != "artifact" else "model_data_url")
    return UsesPage(rows, ids[limit - 1] if len(ids) > limit else None, total)


def containers_with(used: Used) -> tuple[QuerySet[Container], bool]:
    """The containers that name it, and whether an index finds them all under one text."""
    containers = Container.objects.order_by()
    if used.by == "digest":
        return containers.filter(image_digest__in=sorted({used.value, used.value.lower()})), False
    if used.by == "artifact":
        url = used.value
        folder = Q(model_data_url__prefix=url if url.endswith("/") else f"{url}/")
        begun = containers.annotate(start=_Start(F("model_data_url"))).filter(start__prefix=url[:_INDEXED])
        return begun.filter(Q(model_data_url=url) | folder), False
    return _with_image(containers, used.value)


def _with_image(containers: QuerySet[Container], image: str) -> tuple[QuerySet[Container], bool]:
    path, _, digest = image.partition("@")
    name = path.rpartition("/")[2]
    is_tagged = ":" in name
    if digest:
        containers = containers.filter(image_digest__in=sorted({digest, digest.lower()}))
    elif is_tagged:
        containers = containers.filter(image_name=name)
    elif "/" in path and _is_host(path.partition("/")[0]):
        containers = containers.filter(image__prefix=path)
    else:
        containers = containers.filter(image_name__prefix=name)
    return containers.filter(_named(path, name, is_tagged)), is_tagged and not digest


def _is_host(text: str) -> bool:
    return "." in text or ":" in text or text == "localhost"


def _named(path: str, name: str, is_tagged: bool) -> Q:
    """The image is called so: nothing but a tag or digest behind it, nothing but a host or folder before it."""
    behind = Q(image_name=name) if is_tagged else Q(image_name=name) | Q(image_name__prefix=f"{name}:")
    if path == name:
        return behind
    ends = ["@"] if is_tagged else [":", "@"]
    begins = Q(image=path)
    for end in ends:
        begins |= Q(image__prefix=path + end)
    if _is_host(path.partition("/")[0]):
        return begins
    return behind & (begins | Q(image__contains_exactly=f"/{path}"))


def _in_range(visible: QuerySet[ModelPackage], containers: QuerySet[Container]) -> QuerySet[ModelPackage]:
    if containers[: WIDE + 1].count() > WIDE:
        return visible.filter(ExistsApart(containers.filter(package=OuterRef("pk"))))
    return visible.filter(pk__in=containers.values("package"))


def _rows(ids: Sequence[int], containers: QuerySet[Container], column: str) -> list[UseRow]:
    """The packages in the order of their ids, newest first, with what matched on each: two queries."""
    if not ids:
        return []
    by_id = {row[0]: UsingPackage._make(row) for row in _PACKAGES.rows(**numbered("id", ids, ROWS, 0))}
    matched: dict[int, list[str]] = {}
    for package_id, text in containers.filter(package__in=ids).order_by("position").values_list("package_id", column):
        if text not in matched.setdefault(package_id, []):
            matched[package_id].append(text)
    return [UseRow(by_id[pk], tuple(matched.get(pk, ()))) for pk in ids if pk in by_id]


_PACKAGES: Prepared[ModelPackage] = Prepared(
    lambda **ids: (
        ModelPackage.objects.filter(pk__in=list(ids.values()))
        .order_by()
        .values_list(*(name.replace("group_name", "group__name") for name in UsingPackage._fields))
    ),
    **dict.fromkeys(numbered("id", (), ROWS, 0), int),
)
