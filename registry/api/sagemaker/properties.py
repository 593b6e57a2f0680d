"""What Search can ask of a record: property names, and the condition that an operator on one means."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import CharField, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.expressions import Combinable
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce, Concat

from registry.catalog.models import CustomerMetadataProperty, ModelPackage, ModelPackageGroup, Tag

from .errors import WireError, invalid

_COMPARE = {"GreaterThan": "gt", "GreaterThanOrEqualTo": "gte", "LessThan": "lt", "LessThanOrEqualTo": "lte"}


@dataclass(frozen=True)
class Property:
    """A property of a record: the expression that reads it, and its kind: "text", "number", "time" or "boolean"."""

    expression: str | Combinable
    kind: str = "text"


def _json(column: str, *path: str) -> Property:
    return Property(KT("__".join((column, *path))))


_GROUP_ARN = Concat(Value("model-package-group/"), F("name"), output_field=CharField())
_PACKAGE_NAME = Coalesce(
    "name", Concat(F("group__name"), Value("/"), F("version"), output_field=CharField()), output_field=CharField()
)

_CONTEXT = ("UserProfileName", "UserProfileArn", "DomainId")

GROUP_PROPERTIES: dict[str, Property] = {
    "ModelPackageGroupName": Property("name"),
    "ModelPackageGroupArn": Property(_GROUP_ARN),
    "ModelPackageGroupDescription": Property("description"),
    "ModelPackageGroupStatus": Property(Value("Completed")),
    "CreationTime": Property("created_at", "time"),
    **{f"CreatedBy.{name}": _json("created_by", name) for name in _CONTEXT},
}

PACKAGE_PROPERTIES: dict[str, Property] = {
    "ModelPackageName": Property(_PACKAGE_NAME),
    "ModelPackageGroupName": Property("group__name"),
    "ModelPackageVersion": Property("version", "number"),
    "ModelPackageArn": Property(Concat(Value("model-package/"), _PACKAGE_NAME, output_field=CharField())),
    "ModelPackageDescription": Property("description"),
    "ModelPackageRegistrationType": Property("registration_type"),
    "ModelPackageStatus": Property("status"),
    "ModelApprovalStatus": Property("approval_status"),
    "ApprovalDescription": Property("approval_description"),
    "CertifyForMarketplace": Property("certify_for_marketplace", "boolean"),
    "CreationTime": Property("created_at", "time"),
    "LastModifiedTime": Property(Coalesce("last_modified_at", "created_at"), "time"),
    "Domain": Property("domain"),
    "Task": Property("task"),
    "SamplePayloadUrl": Property("sample_payload_url"),
    "SkipModelValidation": Property("skip_model_validation"),
    "SourceUri": Property("source_uri"),
    "ModelLifeCycle.Stage": Property("stage"),
    "ModelLifeCycle.StageStatus": Property("stage_status"),
    "ModelLifeCycle.StageDescription": Property("stage_description"),
    "ModelCard.ModelCardStatus": _json("model_card", "ModelCardStatus"),
    **{f"CreatedBy.{name}": _json("created_by", name) for name in _CONTEXT},
    **{f"LastModifiedBy.{name}": _json("last_modified_by", name) for name in _CONTEXT},
    **{
        f"MetadataProperties.{name}": _json("metadata_properties", name)
        for name in ("CommitId", "Repository", "GeneratedBy", "ProjectId")
    },
}

PAIRS, TAGS = "CustomerMetadataProperties.", "Tags."


@dataclass(frozen=True)
class Kind:
    """A resource that Search knows: its rows, its plain properties, and its keyed ones by prefix."""

    resource: str
    model: type[ModelPackage] | type[ModelPackageGroup]
    properties: dict[str, Property]
    keyed: dict[str, Callable[[], QuerySet]]
    owner: str


KINDS = {
    "ModelPackage": Kind(
        "ModelPackage",
        ModelPackage,
        PACKAGE_PROPERTIES,
        {PAIRS: CustomerMetadataProperty.objects.all, TAGS: Tag.objects.all},
        "package",
    ),
    "ModelPackageGroup": Kind(
        "ModelPackageGroup", ModelPackageGroup, GROUP_PROPERTIES, {TAGS: Tag.objects.all}, "group"
    ),
}


def kind_of(resource: str) -> Kind:
    """The Kind of a Resource; ValidationException for those that this registry does not hold."""
    if resource not in KINDS:
        raise invalid(f"Resource {resource} cannot be searched here; {' and '.join(KINDS)} can.")
    return KINDS[resource]


def unknown(name: str) -> WireError:
    return invalid(f"Unknown property name: {name}")


def sort_expression(kind: Kind, name: str) -> Any:
    """The expression to sort records of a kind by; a keyed property is looked up by row."""
    for prefix, rows in kind.keyed.items():
        if name.startswith(prefix):
            found = rows().filter(**{kind.owner: OuterRef("pk"), "key": name.removeprefix(prefix)})
            return Subquery(found.values("value")[:1])
    if name not in kind.properties:
        raise unknown(name)
    expression = kind.properties[name].expression
    return F(expression) if isinstance(expression, str) else expression


def condition(kind: Kind, alias: str, item: dict[str, Any]) -> tuple[Q, dict[str, Any]]:
    """One Filter as a condition, with the annotation it needs under `alias` (contract 7.13, Operators)."""
    name, text = item["Name"], item.get("Value")
    operator = item.get("Operator") or ("Equals" if text is not None else "Exists")
    if text is None and operator not in ("Exists", "NotExists"):
        raise invalid(f"The operator {operator} on {name} needs a Value.")
    for prefix, rows in kind.keyed.items():
        if name.startswith(prefix) and len(name) > len(prefix):
            keyed = rows().filter(**{"key": name.removeprefix(prefix), f"{kind.owner}__isnull": False})
            return _keyed(keyed, kind.owner, operator, name, text), {}
    if name not in kind.properties:
        raise unknown(name)
    found = kind.properties[name]
    if name.endswith("Arn") and text is not None:
        text = re.sub(r"^arn:aws[a-z-]*:sagemaker:[a-z0-9-]*:\d{12}:", "", text)
    expression = F(found.expression) if isinstance(found.expression, str) else found.expression
    return _plain(alias, found, operator, name, text), {alias: expression}


def _plain(alias: str, found: Property, operator: str, name: str, text: str | None) -> Q:
    missing = Q(**{f"{alias}__isnull": True})
    if found.kind == "text":
        missing |= Q(**{alias: ""})
    if operator in ("Exists", "NotExists"):
        return ~missing if operator == "Exists" else missing
    if found.kind == "text":
        return _text(alias, operator, name, str(text)) if operator != "NotEquals" else missing | ~Q(**{alias: text})
    value = _value(found.kind, name, str(text))
    if operator in _COMPARE and found.kind != "boolean":
        return Q(**{f"{alias}__{_COMPARE[operator]}": value})
    if operator == "Equals":
        return Q(**{alias: value})
    if operator == "NotEquals":
        return missing | ~Q(**{alias: value})
    raise invalid(f"The operator {operator} cannot be used on {name}.")


def _text(alias: str, operator: str, name: str, text: str) -> Q:
    match operator:
        case "Equals":
            return Q(**{alias: text})
        case "Contains":
            return Q(**{f"{alias}__contains_exactly": text})
        case "In":
            return Q(**{f"{alias}__in": [part.strip() for part in text.split(",")]})
    raise invalid(f"The operator {operator} cannot be used on {name}, which is a text.")


def _keyed(rows: QuerySet, owner: str, operator: str, name: str, text: str | None) -> Q:
    def having(condition: Q) -> Q:
        return Q(pk__in=rows.filter(condition).values(owner))

    match operator:
        case "Exists":
            return having(Q())
        case "NotExists":
            return ~having(Q())
        case "NotEquals":
            return ~having(Q(value=text))
    if operator in _COMPARE:
        return _compared(rows, owner, operator, name, str(text))
    return having(_text("value", operator, name, str(text)))


def _compared(rows: QuerySet, owner: str, operator: str, name: str, text: str) -> Q:
    """Metadata values are texts; comparing them is comparing the numbers they say, where both sides say one."""
    bound = _value("number", name, text)
    tests: dict[str, Callable[[float], bool]] = {
        "GreaterThan": lambda number: number > bound,
        "GreaterThanOrEqualTo": lambda number: number >= bound,
        "LessThan": lambda number: number < bound,
        "LessThanOrEqualTo": lambda number: number <= bound,
    }
    values = rows.values_list("value", flat=True).distinct()
    fitting = [value for value in values if (n := _number(value)) is not None and tests[operator](n)]
    return Q(pk__in=rows.filter(value__in=fitting).values(owner))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _value(kind: str, name: str, text: str) -> Any:
    if kind == "number":
        number = _number(text)
        if number is None or number != number:
            raise invalid(f"The value {text!r} of {name} is no number.")
        return number
    if kind == "boolean":
        if text.lower() not in ("true", "false"):
            raise invalid(f"The value {text!r} of {name} is neither true nor false.")
        return text.lower() == "true"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise invalid(f"The value {text!r} of {name} is no ISO 8601 time, as 2024-05-01T00:00:00.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def suggestions(kind: Kind, rows: QuerySet, hint: str, limit: int) -> Sequence[str]:
    """Property names that begin with `hint`, at most `limit`; keys of the rows' tags and metadata among them."""
    found = [name for name in kind.properties if name.startswith(hint)]
    for prefix, parts in kind.keyed.items():
        if prefix.startswith(hint) or hint.startswith(prefix):
            typed = hint[len(prefix) :]
            keys = parts().filter(**{f"{kind.owner}__in": rows, "key__prefix": typed}).order_by("key")
            found += [prefix + key for key in keys.values_list("key", flat=True).distinct()[:limit]]
    return sorted(set(found))[:limit]
