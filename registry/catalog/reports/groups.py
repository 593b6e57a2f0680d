"""The index of groups: one page of rows by keyset, its counts, and whether a name is free; reads only."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache, partial
from operator import itemgetter
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Left

from registry.accounts.models import User
from registry.statements import Condition, Prepared, read

from ..filters import Query, collected, group_conditions, has_common_tags, is_wide, parse
from ..filters.terms import Node, terms_of
from ..filters.versions import PART_KEYS
from ..models import ModelPackage, ModelPackageGroup, Tag
from ..models.teams import but_hidden, hidden_from, is_hidden, sees_all
from ..validators import NAME_MAX, validate_name
from .counts import COUNT_CAP, CountUpTo, cap_of, count_up_to

STRIP = 24  # newest versions of a row's strip
_LEAD = 240  # characters of a description that a row may show
# Saved views of the index and the filters behind them.
VIEWS = (("All", ""), ("Waiting", "status:pending"), ("Never approved", "approved:none"))


class Sort(NamedTuple):
    """A column to sort by; `descending` is its first direction, `nullable` columns list rows without a value last."""

    column: str
    descending: bool
    nullable: bool


SORTS = {
    "name": Sort("name", False, False),
    "latest": Sort("latest_created_at", True, True),
    "approved": Sort("approved_at", True, True),
    "versions": Sort("version_count", True, False),
    "updated": Sort("updated_at", True, False),
}
DEFAULT_SORT = "updated"


@dataclass(frozen=True)
class Order:
    """A sort in one direction. Written as "name", or "-name" for the other direction than the column's first."""

    name: str = DEFAULT_SORT
    turned: bool = False

    @classmethod
    def read(cls, text: str) -> Order:
        """The order that an address asks for; the default for anything unknown."""
        name = text.removeprefix("-")
        return cls(name, text.startswith("-")) if name in SORTS else cls()

    def __str__(self) -> str:
        return f"{'-' * self.turned}{self.name}"

    @property
    def sort(self) -> Sort:
        return SORTS[self.name]

    @property
    def descending(self) -> bool:
        return self.sort.descending != self.turned


class Cursor(NamedTuple):
    """The place between two rows: the sort value (None where the row has none) and the id of the row beside it."""

    value: Any
    pk: int

    def write(self, order: Order) -> str:
        """The cursor for an address."""
        value = self.value.isoformat() if isinstance(self.value, datetime) else self.value
        raw = json.dumps([order.name, value, self.pk], separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    @classmethod
    def read(cls, text: str, order: Order) -> Cursor | None:
        """The cursor of an address; None for one that is broken, made up or of another sort."""
        try:
            name, value, pk = json.loads(base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)))
            if name != order.name or type(pk) is not int or not 0 < pk < 2**63:
                return None
            if value is None:
                return cls(None, pk) if order.sort.nullable else None
            if order.name == "versions":
                return cls(value, pk) if type(value) is int and 0 <= value < 2**31 else None
            if order.name == "name":
                validate_name(value)
                return cls(value, pk)
            moment = datetime.fromisoformat(value)
            return cls(moment, pk) if moment.utcoffset() is not None else None
        except (ValueError, TypeError, RecursionError, ValidationError):
            return None


class GroupRow(NamedTuple):
    """One group as the index shows it. `strip` are the statuses of the newest versions, oldest first."""

    id: int
    region: str
    name: str
    description: str
    version_count: int
    latest_created_at: datetime | None
    approved_version: int | None
    approved_at: datetime | None
    updated_at: datetime
    updated_by_name: str
    tags: tuple[tuple[str, str], ...] = ()
    latest_version: int | None = None
    strip: tuple[str | None, ...] = ()

    @property
    def latest_status(self) -> str | None:
        return self.strip[-1] if self.strip else None


class GroupPage(NamedTuple):
    """The rows of a page and the cursors of its neighbours, "" at an end."""

    rows: list[GroupRow]
    newer: str
    older: str


def found_groups(user: User, query: Query, now: datetime | None = None) -> Condition:
    """The groups that `user` may know of and that match the query; at most two queries where it names a part.

    Once a minute some more, which tell how much there is of what it names.
    """
    shape = {"wide": is_wide(query), "common": has_common_tags(query)}
    # What is found at the clock's or at the rows' word is found anew each time.
    found_now = {"created", "updated"} if shape["wide"] else {"created", "updated", *PART_KEYS}
    if user.role is None or any(term.key in found_now for term in terms_of(query.node)):
        conditions = group_conditions(query, now, **shape, among=collected)
        return Condition.of(ModelPackageGroup.objects.visible_to(user).filter(conditions))
    return _condition(query.node.nodes, **shape, **hidden_from(user))


@lru_cache(maxsize=256)
def _condition(nodes: tuple[Node, ...], *, wide: bool, common: bool, hidden_from: int | None = None) -> Condition:
    """What a filter means, which no clock and no row has a say in; asked again for each of its pages."""
    groups = ModelPackageGroup.objects.live().filter(group_conditions(Query(nodes), wide=wide, common=common))
    return Condition.of(but_hidden(groups, "pk", hidden_from))


def count_found(groups: Condition, query: Query) -> int:
    """How many groups there are, which the query found; at most one more than its cap."""
    return count_up_to(ModelPackageGroup, groups, cap_of(query) + 1)


def view_counts(user: User) -> Sequence[int]:
    """How many groups each saved view shows to `user`, at most COUNT_CAP + 1; one query."""
    if user.role is None:
        return [0] * len(VIEWS)
    return _VIEWS[sees_all(user)].rows(reader=user.pk)[0]


def _views(reader: int, *, all_of_them: bool) -> QuerySet[User, Any]:
    groups = but_hidden(ModelPackageGroup.objects.live(), "pk", None if all_of_them else reader)
    counts = [CountUpTo(groups.filter(group_conditions(parse(text))), COUNT_CAP + 1) for _, text in VIEWS]
    return get_user_model().objects.filter(pk=reader).order_by().values_list(*counts)


_VIEWS = {sees: Prepared(partial(_views, all_of_them=sees), reader=int) for sees in (False, True)}


def group_page(groups: Condition, order: Order, size: int, *, after: str = "", before: str = "") -> GroupPage:
    """One page of `groups`: the first, or the rows after or before a cursor. A cursor that is none is left out.

    Three queries for the rows, their tags and their strips; one more where a page crosses into the rows that have no
    value in a nullable column.
    """
    start, end = Cursor.read(after, order), Cursor.read(before, order)
    back = start is None and end is not None
    found = _fetch(groups, order, start or end, size + 1, back=back)
    if back and len(found) <= size:
        # Rows were added or left since the page was drawn: the first page is whole again.
        back, start, found = False, None, _fetch(groups, order, None, size + 1, back=False)
    more = len(found) > size
    rows = found[:size][::-1] if back else found[:size]
    rows = _with_parts(rows)
    newer, older = (more, True) if back else (start is not None, more)
    column = order.sort.column
    ends = [Cursor(getattr(row, column), row.id).write(order) for row in (rows[0], rows[-1])] if rows else ["", ""]
    return GroupPage(rows, ends[0] if newer else "", ends[1] if older else "")


def _fetch(groups: Condition, order: Order, cursor: Cursor | None, limit: int, *, back: bool) -> list[GroupRow]:
    """At most `limit` rows from a cursor on, in reading direction.

    Rows without a value come last in both directions of the sort: databases disagree on where NULL belongs, so the
    two stretches are read one after the other.
    """
    stretches: list[bool | None] = [None]  # those without a value, those with one; None: all have one
    if order.sort.nullable:
        stretches = [False, True]
        if cursor is not None and cursor.value is None and not back:
            stretches = [True]
        elif cursor is not None and cursor.value is not None and back:
            stretches = [False]
        if back:
            stretches.reverse()
    rows: list[GroupRow] = []
    for empty in stretches:
        starts = cursor is not None and (cursor.value is None) == bool(empty)
        given: dict[str, Any] = {"found": groups}
        if starts and cursor is not None:
            given |= {"pk": cursor.pk} if empty else {"pk": cursor.pk, "value": cursor.value}
        descending = (order.descending or bool(empty)) != back
        stretch = _stretch(order.sort.column, limit, empty=empty, descending=descending, starts=starts)
        rows += [GroupRow(*row) for row in stretch.rows(**given)[: limit - len(rows)]]
        if len(rows) == limit:
            break
    return rows


@cache
def _stretch(column: str, limit: int, *, empty: bool | None, descending: bool, starts: bool) -> Prepared[Any]:
    """The statement of one stretch of rows in one direction; `starts`: beyond a cursor."""
    op, minus = ("lt", "-") if descending else ("gt", "")
    by = "id" if empty else column
    kinds: dict[str, Any] = {"found": Condition}
    if starts:
        kinds |= {"pk": int} if empty else {"pk": int, "value": {"name": str, "version_count": int}.get(by, datetime)}

    def build(found: Any, pk: int = 0, value: Any = None) -> QuerySet[Any, Any]:
        rows = ModelPackageGroup.objects.filter(found)
        if empty is not None:
            rows = rows.filter(**{f"{column}__isnull": empty})
        if starts and empty:
            rows = rows.filter(**{f"id__{op}": pk})
        elif starts:
            rows = rows.filter(Q(**{f"{by}__{op}": value}) | Q(**{f"id__{op}": pk}), **{f"{by}__{op}e": value})
        ordered = rows.order_by(*dict.fromkeys([f"{minus}{by}", f"{minus}id"]))
        return ordered.values_list(*_COLUMNS)[:limit]

    return Prepared(build, **kinds)


# As GroupRow begins.
_COLUMNS = (
    "id", "region", "name", Left("description", _LEAD), "version_count", "latest_created_at", "approved_version",
    "approved_at", "updated_at", "updated_by_name",
)  # fmt: skip


def _with_parts(rows: Sequence[GroupRow]) -> list[GroupRow]:
    """The rows with their tags, and with the newest versions: in one query, however many versions the groups have."""
    ids = [row.id for row in rows]
    tags: dict[int, list[tuple[str, str]]] = {pk: [] for pk in ids}
    for pk, key, value in _TAGS.rows(groups=ids):
        tags[pk].append((key, value))
    latest: dict[int, int] = {}
    strips: dict[int, list[str | None]] = {pk: [] for pk in ids}
    newest = _newest_laterally(ids) if connection.vendor == "postgresql" else _NEWEST.rows(groups=ids)
    # Sorted here: the versions come group by group, and a database would sort them all again.
    for pk, version, status in sorted(newest, key=itemgetter(0, 1)):
        latest[pk] = version
        strips[pk].append(status)
    return [
        row._replace(tags=tuple(tags[row.id]), latest_version=latest.get(row.id), strip=tuple(strips[row.id]))
        for row in rows
    ]


_TAGS: Prepared[Any] = Prepared(
    lambda groups: Tag.objects.filter(group_id__in=groups).order_by("id").values_list("group_id", "key", "value"),
    groups=list[int],
)


def _newest_from_number(groups: list[int]) -> QuerySet[Any, Any]:
    """(group, version, status) of the strips. The subquery finds the number at which a strip begins: some are missing.

    SQLite runs it once for each group; PostgreSQL ran it once for each version of all these groups.
    """
    newest = ModelPackage.objects.live().filter(group=OuterRef("pk")).order_by("-version")
    begin = Coalesce(Subquery(newest.values("version")[STRIP - 1 : STRIP]), 0)
    found = ModelPackageGroup.objects.filter(pk__in=groups).annotate(begin=begin)
    versions = found.filter(packages__version__gte=F("begin"), packages__deleted_at=None, packages__isnull=False)
    return versions.order_by().values_list("pk", "packages__version", "packages__approval_status")


_NEWEST: Prepared[Any] = Prepared(_newest_from_number, groups=list[int])


def _newest_laterally(groups: list[int]) -> Sequence[Any]:
    """The same by a join that SQLite does not know: for each group the front of its index.

    The limit is one that PostgreSQL cannot foresee: where groups are small on average it would otherwise read and sort
    all versions of a large one too.
    """
    table = connection.ops.quote_name(ModelPackage._meta.db_table)
    return read(
        "SELECT g.id, v.version, v.approval_status FROM unnest(%s::bigint[]) AS g(id) CROSS JOIN LATERAL "
        f"(SELECT version, approval_status FROM {table} WHERE group_id = g.id AND deleted_at IS NULL "
        f"ORDER BY version DESC LIMIT (SELECT {STRIP})) v",
        [groups],
    )


# ---------- names ----------


class NameCheck(NamedTuple):
    """Whether a wished name can be given: what is wrong with it, whether it is taken, and a free one instead.

    `taken_by` is the group that has it; None also where the asker may not know of it, though the name is taken.
    """

    name: str
    fault: str = ""
    is_taken: bool = False
    taken_by: ModelPackageGroup | None = None
    suggestion: str = ""

    @property
    def is_free(self) -> bool:
        return not self.fault and not self.is_taken


def check_name(user: User, region: str, name: str) -> NameCheck:
    """Tell `user` whether a new group in `region` may have that name."""
    fault = ""
    try:
        validate_name(name)
    except ValidationError as error:
        fault = " ".join(error.messages)
    taken = None if fault else _of_name(region, [name]).first()
    shown = taken if taken is not None and not is_hidden(user, taken.pk) else None
    return NameCheck(name, fault, taken is not None, shown, _free_name(region, name) if fault or taken else "")


def _of_name(region: str, names: Iterable[str]) -> QuerySet[ModelPackageGroup]:
    return ModelPackageGroup.objects.live().filter(region=region, name__in=list(names))


def _free_name(region: str, wish: str) -> str:
    """A free name that resembles `wish`; "" where nothing of it is left."""
    plain = re.sub(r"[^a-zA-Z0-9]+", "-", wish[:200]).strip("-")
    if not plain:
        return ""
    wishes = [plain[:NAME_MAX].strip("-"), *(f"{plain[: NAME_MAX - 3].strip('-')}-{n}" for n in range(2, 21))]
    taken = set(_of_name(region, wishes).values_list("name", flat=True))
    return next((wish for wish in wishes if wish not in taken), "")
