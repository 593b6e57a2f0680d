"""The operations on model packages, versioned and not (contract 7.6 to 7.11)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import F, Q, QuerySet

from registry.accounts.permissions import authorize
from registry.catalog import services
from registry.catalog.models import CustomerMetadataProperty, ModelPackage
from registry.catalog.models.lookups import in_region
from registry.catalog.models.teams import but_hidden, sees_all
from registry.catalog.services.states import WIRE_MEMBERS
from registry.statements import Prepared

from .. import names, shapes
from ..calls import Call
from ..errors import WireError, invalid
from .groups import tag_pairs
from .lists import Build, answer, page, values_of

JSON = dict[str, Any]
_PAIRS: Prepared[CustomerMetadataProperty] = Prepared(
    lambda package: CustomerMetadataProperty.objects.filter(package_id=package).values_list("key", "value"), package=int
)
# ApprovalDescription is no member of CreateModelPackage.
_REGISTERED = {column: member for column, member in WIRE_MEMBERS.items() if column != "approval_description"}


def create_model_package(call: Call) -> JSON:
    name, group_name = call.get("ModelPackageName"), call.get("ModelPackageGroupName")
    if name is not None and group_name is not None:
        raise invalid(
            "Both ModelPackageName and ModelPackageGroupName are provided in the input. "
            "Cannot determine which one to use."
        )
    if name is None and group_name is None:
        raise invalid("Missing ARN")
    registration = services.Registration(
        **{column: call.members[member] for column, member in _REGISTERED.items() if member in call.members},
        model_life_cycle=call.get("ModelLifeCycle"),
        customer_metadata_properties=call.get("CustomerMetadataProperties", {}),
        tags=tag_pairs(call),
    )

    no_group = invalid("Model Package Group does not exist.")

    def do() -> JSON:
        where: JSON = {"region": call.region, "name": name}
        if group_name is not None:
            where = {"group": names.find_group(call.actor, group_name, call.region, no_group)}
        package = services.create_model_package(actor=call.actor, registration=registration, **where)
        return {"ModelPackageArn": package.arn}

    if group_name is not None:
        _require_sight(call, lambda: names.find_group(call.actor, group_name, call.region, no_group))
    return _once(call, "model_package.create", do)


def _require_sight(call: Call, find: Callable[[], object]) -> None:
    """Find first what a call with a token speaks of, where teams may hide it: the token keeps an answer about it."""
    if call.get("ClientToken") and call.actor.may("registry.read") and not sees_all(call.actor):
        find()


def _once(call: Call, action: str, do: Any) -> JSON:
    # Before the token is looked up: the answer that was given to somebody else is not for those who may not ask.
    authorize(call.actor, action)
    request = {name: value for name, value in call.members.items() if name != "ClientToken"}
    return services.once(
        region=call.region, operation=call.operation, token=call.get("ClientToken"), request=request, do=do
    )


def describe_model_package(call: Call) -> JSON:
    authorize(call.actor, "registry.read")
    package = names.find_package(call.actor, call.members["ModelPackageName"], call.region)
    pairs = dict(_PAIRS.rows(package=package.pk))
    return shapes.package_description(package, pairs, metadata_only=call.get("IncludedData") == "MetadataOnly")


def batch_describe_model_package(call: Call) -> JSON:
    authorize(call.actor, "registry.read")
    found: JSON = {}
    errors: JSON = {}
    for arn in dict.fromkeys(call.members["ModelPackageArnList"]):
        try:
            package = names.find_package(call.actor, arn, call.region)
            if package.group is None:
                raise invalid(f"{arn} is not a versioned ModelPackage.")
            found[arn] = shapes.batch_summary(package)
        except WireError as error:
            errors[arn] = {"ErrorCode": error.code, "ErrorResponse": error.message}
    answer: JSON = {"ModelPackageSummaries": found}
    return answer | {"BatchDescribeModelPackageErrorMap": errors} if errors else answer


def list_model_packages(call: Call) -> JSON:
    authorize(call.actor, "registry.read")
    values, build = values_of(call), _BUILDS[call.get("ModelPackageType", "Unversioned")]
    group_name = call.get("ModelPackageGroupName")
    if group_name is not None:
        values["group_id"], build = names.find_group(call.actor, group_name, call.region).pk, _packages
    else:
        values["region"] = call.region
    if status := call.get("ModelApprovalStatus"):
        values["approval_status"] = status
    if contains := call.get("NameContains"):
        values["contains"] = contains
    if call.get("SortBy") != "Name":
        order = ["created_at"]
    elif group_name is not None:
        # All have the name of their group: the index over (group, version) is their order.
        order = ["version"]
    else:
        order = ["sort_name", "sort_version"]
    found, token = page(call, build, values, shapes.PackageRow, *order, "id")
    return answer("ModelPackageSummaryList", [shapes.package_summary(package) for package in found], token)


def _packages(
    region: str | None = None, contains: str | None = None, hidden_from: int | None = None, **lookups: Any
) -> QuerySet:
    rows = but_hidden(ModelPackage.objects.live(), "group_id", hidden_from).filter(**lookups)
    if region is not None:
        rows = rows.filter(in_region(region))
    if contains is not None:
        rows = rows.filter(Q(name__contains_exactly=contains) | Q(group__name__contains_exactly=contains))
    named: dict[str, F] = {"group_name": F("group__name")}
    return rows.annotate(**named).with_sort_name()


# By ModelPackageType.
_BUILDS: dict[str, Build] = {
    "Versioned": lambda **values: _packages(**values).filter(group__isnull=False),
    "Unversioned": lambda **values: _packages(**values).filter(group=None),
    "Both": _packages,
}


def update_model_package(call: Call) -> JSON:
    changes = services.PackageChanges(
        approval_status=call.get("ModelApprovalStatus"),
        approval_description=call.get("ApprovalDescription"),
        registration_type=call.get("ModelPackageRegistrationType"),
        customer_metadata_properties=call.get("CustomerMetadataProperties", {}),
        customer_metadata_properties_to_remove=call.get("CustomerMetadataPropertiesToRemove", ()),
        additional_inference_specifications_to_add=call.get("AdditionalInferenceSpecificationsToAdd", []),
        inference_specification=call.get("InferenceSpecification"),
        source_uri=call.get("SourceUri"),
        model_card=call.get("ModelCard"),
        model_life_cycle=call.get("ModelLifeCycle"),
    )

    def do() -> JSON:
        package = names.find_package(call.actor, call.members["ModelPackageArn"], call.region)
        services.update_model_package(actor=call.actor, package=package, changes=changes)
        return {"ModelPackageArn": package.arn}

    _require_sight(call, lambda: names.find_package(call.actor, call.members["ModelPackageArn"], call.region))
    return _once(call, "model_package.update_content", do)


def delete_model_package(call: Call) -> JSON:
    package = names.find_package(call.actor, call.members["ModelPackageName"], call.region)
    services.delete_model_package(actor=call.actor, package=package)
    return {}
