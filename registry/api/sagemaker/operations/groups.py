"""The operations on model package groups and their policies (contract 7.1 to 7.5)."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from registry.accounts.permissions import authorize
from registry.catalog import services
from registry.catalog.models import ModelPackageGroup
from registry.catalog.models.lookups import in_region
from registry.catalog.models.teams import but_hidden

from .. import names, shapes
from ..calls import Call
from ..errors import invalid
from .lists import answer, page, values_of

JSON = dict[str, Any]


def tag_pairs(call: Call) -> list[tuple[str, str]]:
    """The request's Tags as (key, value)."""
    return [(tag["Key"], tag["Value"]) for tag in call.get("Tags", [])]


def create_model_package_group(call: Call) -> JSON:
    group = services.create_model_package_group(
        actor=call.actor,
        region=call.region,
        name=call.members["ModelPackageGroupName"],
        description=call.get("ModelPackageGroupDescription", ""),
        tags=tag_pairs(call),
        managed_storage_type=call.get("ManagedConfiguration", {}).get("ManagedStorageType", ""),
    )
    return {"ModelPackageGroupArn": group.arn}


def describe_model_package_group(call: Call) -> JSON:
    authorize(call.actor, "registry.read")
    return shapes.group_description(names.find_group(call.actor, call.members["ModelPackageGroupName"], call.region))


def list_model_package_groups(call: Call) -> JSON:
    authorize(call.actor, "registry.read")
    if call.get("CrossAccountFilterOption") == "CrossAccount":
        return {"ModelPackageGroupSummaryList": []}
    values = values_of(call) | {"region": call.region}
    if contains := call.get("NameContains"):
        values["name__contains_exactly"] = contains
    order = "name" if call.get("SortBy") == "Name" else "created_at"
    found, token = page(call, _groups, values, shapes.GroupRow, order, "id")
    return answer("ModelPackageGroupSummaryList", [shapes.group_summary(group) for group in found], token)


def _groups(region: str, hidden_from: int | None = None, **lookups: Any) -> QuerySet:
    rows = but_hidden(ModelPackageGroup.objects.live(), "pk", hidden_from)
    return rows.filter(in_region(region), **lookups)


def delete_model_package_group(call: Call) -> JSON:
    group = names.find_group(call.actor, call.members["ModelPackageGroupName"], call.region)
    services.delete_model_package_group(actor=call.actor, group=group)
    return {}


def _group_of_policy(call: Call) -> ModelPackageGroup:
    name = call.members["ModelPackageGroupName"]
    missing = invalid(f"Cannot find Model Package Group: {names.arn(call.region, names.GROUP, name)}")
    return names.find_group(call.actor, name, call.region, missing)


def put_model_package_group_policy(call: Call) -> JSON:
    group = _group_of_policy(call)
    services.set_group_policy(actor=call.actor, group=group, policy=call.members["ResourcePolicy"])
    return {"ModelPackageGroupArn": group.arn}


def get_model_package_group_policy(call: Call) -> JSON:
    authorize(call.actor, "registry.read")
    group = _group_of_policy(call)
    if not group.resource_policy:
        raise invalid(f"Cannot find resource policy for: {group.arn}")
    return {"ResourcePolicy": group.resource_policy}


def delete_model_package_group_policy(call: Call) -> JSON:
    group = _group_of_policy(call)
    if not group.resource_policy:
        raise invalid(f"Cannot find resource policy for: {group.arn}")
    services.set_group_policy(actor=call.actor, group=group, policy="")
    return {}
