"""Change what UpdateModelPackage may change of a registration, all members of a call in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from registry.accounts.permissions import Actor, authorize
from registry.events.services import record

from ..models import Container, ModelPackage
from .approvals import decide
from .life_cycles import update_model_life_cycle
from .locks import lock_package, touch_package
from .metadata import update_customer_metadata
from .packages import container_rows
from .registrations import Registration
from .states import WIRE_MEMBERS

SPECIFICATIONS_MAX = 15
JSON = dict[str, Any]


@dataclass(kw_only=True)
class PackageChanges:
    """The members of an UpdateModelPackage call, None (or empty) for those that were not sent."""

    approval_status: str | None = None
    approval_description: str | None = None
    registration_type: str | None = None
    customer_metadata_properties: Mapping[str, str] = field(default_factory=dict)
    customer_metadata_properties_to_remove: Iterable[str] = ()
    additional_inference_specifications_to_add: list[JSON] = field(default_factory=list)
    inference_specification: JSON | None = None
    source_uri: str | None = None
    model_card: JSON | None = None
    model_life_cycle: JSON | None = None


@transaction.atomic
def update_model_package(*, actor: Actor, package: ModelPackage, changes: PackageChanges) -> ModelPackage:
    """Apply all changes or none (contract 7.10); members that are not sent stay as they are.

    Needs the role of every member sent: contributor for metadata and content, reviewer for status and stage. Leaves
    one event for each kind of change. Without any change only the time of modification moves. Raises ValidationError
    by field. Returns the fresh package.
    """
    authorize(actor, "model_package.update_content", package)
    locked = lock_package(package)
    revision = locked.revision
    content = _changed_content(locked, changes)
    if content:
        _replace_content(actor, locked, content)
    if changes.approval_status is not None or changes.approval_description is not None:
        locked = _decide(actor, locked, changes)
    if changes.model_life_cycle is not None:
        cycle = changes.model_life_cycle
        locked = update_model_life_cycle(
            actor=actor,
            package=locked,
            stage=cycle["Stage"],
            stage_status=cycle["StageStatus"],
            stage_description=cycle.get("StageDescription", ""),
        )
    put, gone = changes.customer_metadata_properties, list(changes.customer_metadata_properties_to_remove)
    if put or gone:
        locked = update_customer_metadata(actor=actor, package=locked, put=put, remove=gone)
    if locked.revision == revision:
        touch_package(actor, locked)
    return locked


def _decide(actor: Actor, package: ModelPackage, changes: PackageChanges) -> ModelPackage:
    """Status and description are one decision: the one that was not sent stays as it is."""
    status = changes.approval_status or package.approval_status
    if status is None:
        raise ValidationError({"ApprovalDescription": ["It needs a ModelApprovalStatus."]})
    said = changes.approval_description
    comment = package.approval_description if said is None else said
    return decide(actor=actor, locked=package, approval_status=status, comment=comment)


def _changed_content(package: ModelPackage, changes: PackageChanges) -> JSON:
    """The fields of the package that the call replaces, with their new values; checked."""
    wanted: JSON = {}
    for name in ("registration_type", "source_uri", "inference_specification"):
        if getattr(changes, name) is not None:
            wanted[name] = getattr(changes, name)
    if changes.additional_inference_specifications_to_add:
        present = package.additional_inference_specifications or []
        added = present + changes.additional_inference_specifications_to_add
        names = [specification["Name"] for specification in added]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValidationError(
                {"AdditionalInferenceSpecifications": [f"The name {min(twice)} is taken in this package."]}
            )
        if len(added) > SPECIFICATIONS_MAX:
            raise ValidationError({"AdditionalInferenceSpecifications": [f"At most {SPECIFICATIONS_MAX} in all."]})
        wanted["additional_inference_specifications"] = added
    if changes.model_card is not None:
        wanted["model_card"] = _merged_card(package.model_card or {}, changes.model_card)
    return {name: value for name, value in wanted.items() if getattr(package, name) != value}


def _merged_card(card: JSON, sent: JSON) -> JSON:
    """Either member of a card alone is an update of that member; an archived card keeps its content."""
    content = sent.get("ModelCardContent")
    if card.get("ModelCardStatus") == "Archived" and content not in (None, card.get("ModelCardContent")):
        raise ValidationError({"ModelCard": ["Model Card is in Archived state"]})
    return card | sent


def _replace_content(actor: Actor, package: ModelPackage, content: JSON) -> None:
    registration = Registration(
        inference_specification=content.get("inference_specification"), source_uri=content.get("source_uri", "")
    )
    registration.clean(versioned=False)
    before = {WIRE_MEMBERS[name]: getattr(package, name) for name in content}
    touch_package(actor, package, **content)
    if "inference_specification" in content:
        Container.objects.filter(package=package).delete()
        Container.objects.bulk_create(container_rows(package, registration.containers))
    record(
        actor,
        "model_package.content_changed",
        package=package,
        before=before,
        after={WIRE_MEMBERS[name]: value for name, value in content.items()},
    )
