"""Search and GetSearchSuggestions over packages and groups (contract 7.13, 7.14)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import reduce
from itertools import count
from operator import and_, or_
from typing import Any

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When

from registry.accounts.permissions import authorize
from registry.catalog.models import ModelPackage, ModelPackageGroup

from .. import paging, shapes
from ..calls import Call
from ..errors import invalid
from ..properties import Kind, condition, kind_of, sort_expression, suggestions

JSON = dict[str, Any]
CONDITIONS_MAX = 50
SUGGESTIONS_MAX = 100


def _rows(call: Call, kind: Kind) -> QuerySet:
    return kind.model.objects.visible_to(call.actor).filter(region=call.region)


def _expression(kind: Kind, sent: JSON, numbers: Iterator[int], depth: int = 0) -> tuple[Q | None, JSON]:
    """A SearchExpression as one condition (None for an empty one) with the annotations it needs."""
    if depth > 20:
        raise invalid("The search expression is nested too deeply.")
    parts: list[Q] = []
    annotations: JSON = {}

    def add(item: JSON) -> Q:
        number = next(numbers)
        if number >= CONDITIONS_MAX:
            raise invalid(f"At most {CONDITIONS_MAX} conditions in a search expression.")
        found, needed = condition(kind, f"p{number}", item)
        annotations.update(needed)
        return found

    parts += [add(item) for item in sent.get("Filters", [])]
    for nested in sent.get("NestedFilters", []):
        inner = [add(item | {"Name": _nested_name(nested, item)}) for item in nested["Filters"]]
        parts.append(reduce(and_, inner))
    for sub in sent.get("SubExpressions", []):
        found, needed = _expression(kind, sub, numbers, depth + 1)
        annotations.update(needed)
        if found is not None:
            parts.append(found)
    join = or_ if sent.get("Operator") == "Or" else and_
    return (reduce(join, parts) if parts else None), annotations


def _nested_name(nested: JSON, item: JSON) -> str:
    outer, name = nested["NestedPropertyName"], item["Name"]
    return name if name.startswith(f"{outer}.") else f"{outer}.{name}"


def search(call: Call) -> JSON:
    """One page of records, newest change first unless SortBy says otherwise; a record without the property is last."""
    authorize(call.actor, "registry.read")
    kind = kind_of(call.members["Resource"])
    if call.get("CrossAccountFilterOption") == "CrossAccount":
        return {"Results": [], "TotalHits": {"Value": 0, "Relation": "EqualTo"}}
    rows = _rows(call, kind)
    found, annotations = _expression(kind, call.get("SearchExpression", {}), count())
    rows = rows.annotate(**annotations)
    if found is not None:
        rows = rows.filter(found)
    total = rows.count()
    page, token = _page(call, kind, rows)
    answer: JSON = {"Results": _records(kind, page), "TotalHits": {"Value": total, "Relation": "EqualTo"}}
    return answer | {"NextToken": token} if token else answer


def _page(call: Call, kind: Kind, rows: QuerySet) -> tuple[list[Any], str | None]:
    default = "LastModifiedTime" if kind.model is ModelPackage else "CreationTime"
    name = call.get("SortBy", default)
    if name == "LastModifiedTime" and name not in kind.properties:
        name = "CreationTime"
    down = call.get("SortOrder", "Descending") == "Descending"
    rows = rows.annotate(sort_key=sort_expression(kind, name)).annotate(
        sort_missing=Case(When(sort_key=None, then=Value(1)), default=Value(0), output_field=IntegerField())
    )
    step, sign = ("lt", "-") if down else ("gt", "")
    position = paging.position(call.operation, call.region, call.members)
    if position is not None:
        missing, key, pk, is_time = position
        key = datetime.fromisoformat(key) if is_time else key
        if missing:
            rows = rows.filter(sort_missing=1, **{f"pk__{step}": pk})
        else:
            later = Q(**{f"sort_key__{step}": key}) | Q(sort_key=key, **{f"pk__{step}": pk})
            rows = rows.filter(Q(sort_missing=1) | (Q(sort_missing=0) & later))
    size = call.get("MaxResults", paging.PAGE)
    found = list(rows.order_by("sort_missing", f"{sign}sort_key", f"{sign}pk")[: size + 1])
    if len(found) <= size:
        return found, None
    last = found[size - 1]
    is_time = isinstance(last.sort_key, datetime)
    key = last.sort_key.isoformat() if is_time else last.sort_key
    where = [last.sort_missing, key, last.pk, is_time]
    return found[:size], paging.issue(call.operation, call.region, call.members, where)


def _records(kind: Kind, found: list[Any]) -> list[JSON]:
    pks = [row.pk for row in found]
    if kind.model is not ModelPackage:
        rows = ModelPackageGroup.objects.prefetch_related("tags").in_bulk(pks)
        return [{kind.resource: shapes.group_record(rows[pk], rows[pk].tags.all())} for pk in pks]
    packages = ModelPackage.objects.filter(pk__in=pks).select_related("group")
    by_pk = {p.pk: p for p in packages.prefetch_related("tags", "customer_metadata_properties")}
    records = []
    for pk in pks:
        package = by_pk[pk]
        pairs = {pair.key: pair.value for pair in package.customer_metadata_properties.all()}
        records.append({kind.resource: shapes.package_record(package, pairs, package.tags.all())})
    return records


def get_search_suggestions(call: Call) -> JSON:
    """Property names that begin with the hint, at most 100."""
    authorize(call.actor, "registry.read")
    kind = kind_of(call.members["Resource"])
    hint = (call.get("SuggestionQuery", {}).get("PropertyNameQuery") or {}).get("PropertyNameHint", "")
    names = suggestions(kind, _rows(call, kind), hint, SUGGESTIONS_MAX)
    return {"PropertyNameSuggestions": [{"PropertyName": name} for name in names]}
