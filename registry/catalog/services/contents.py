"""Change what UpdateModelPackage may change of a registration, all members of a call in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from registry.accounts.permissions import Actor, authorize
from registry.events.services import record

from ..contents import content_hash
from ..models import ApprovalStatus, Container, ModelPackage
from ..reviewing import rules_of
from .approvals import Decision, decide, save_decision
from .checks import outdate_checks
from .life_cycles import update_model_life_cycle
from .locks import lock_package, note_modified, touch_package
from .metadata import update_customer_metadata
from .packages import container_rows
from .registrations import Registration
from .states import WIRE_MEMBERS
from .votes import clear_votes

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
    one event for each kind of change. Without any change only the time of modification moves, which leaves
    `model_package.touched` outside of the feed. Raises ValidationError
    by field. Returns the fresh package.
    """
    authorize(actor, "model_package.update_content", package)
    locked = lock_package(package)
    revision = locked.revision
    content = _changed_content(locked, changes)
    if content:
        _replace_content(actor, locked, content)
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
    if changes.approval_status is not None or changes.approval_description is not None:
        # Last, so that the rules of the group see what the call leaves behind.
        locked = _decide(actor, locked, changes)
    if locked.revision == revision:
        note_modified(actor, locked)
        record(actor, "model_package.touched", package=locked, at=locked.last_modified_at, in_feed=False)
    return locked


def _decide(actor: Actor, package: ModelPackage, changes: PackageChanges) -> ModelPackage:
    """Status and description are one decision: the one that was not sent stays as it is."""
    status = changes.approval_status or package.approval_status
    if status is None:
        raise ValidationError({"ApprovalDescription": ["It needs a ModelApprovalStatus."]})
    said = changes.approval_description
    words_only = changes.approval_status is None
    comment = package.approval_description if said is None else said
    is_new = status != package.approval_status or package.is_changed_since_approval
    if said is None and not words_only and is_new and rules_of(package).comment_required:
        comment = ""  # what stands there was said with something else, perhaps by somebody else
    return decide(actor=actor, locked=package, approval_status=status, comment=comment, words_only=words_only)


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
    before: JSON = {WIRE_MEMBERS[name]: getattr(package, name) for name in content}
    after: JSON = {WIRE_MEMBERS[name]: value for name, value in content.items()}
    old = content_hash(package)
    for name, value in content.items():
        setattr(package, name, value)
    review = _new_review(package, old) if content_hash(package) != old else NewReview()
    touch_package(actor, package, **content, **review.columns)
    if "inference_specification" in content:
        Container.objects.filter(package=package).delete()
        Container.objects.bulk_create(container_rows(package, registration.containers))
    record(
        actor,
        "model_package.content_changed",
        package=package,
        before=before | review.before,
        after=after | review.after,
        at=package.last_modified_at,
    )
    if review.withdraws:
        _withdraw(actor, package)


# ---------- what new content means for the review ----------


@dataclass
class NewReview:
    """Columns that change with the content, and what its event says of that."""

    columns: JSON = field(default_factory=dict)
    before: JSON = field(default_factory=dict)
    after: JSON = field(default_factory=dict)
    withdraws: bool = False


def _new_review(package: ModelPackage, old: str) -> NewReview:
    """What follows from content that is not what it was: `old` is its hash before, `package` has the new one.

    Votes and checks speak of the content they saw: votes end, checks wait for a new report. An approved package waits
    again until its content is approved anew, or is again what was approved.
    """
    review = NewReview()
    rules = rules_of(package)
    votes = clear_votes(package) if rules.approvals_needed > 1 else []
    if votes:
        review.before["Votes"], review.after["Votes"] = votes, []
    checks = outdate_checks(package)
    if checks:
        review.before["Checks"] = checks
        review.after["ChecksOutdated"] = [check["Name"] for check in checks]
    if not package.is_approved:
        return review
    # An approval from before hashes were kept was one of the content before this change.
    approved = package.approved_content or old
    changed = content_hash(package) != approved
    review.columns = {"approved_content": approved}
    if approved != package.approved_content:
        review.after["ApprovedContent"] = approved
    if changed and rules.content_withdraws_approval:
        review.withdraws = True
    else:
        waiting = (package.waiting_since or timezone.now()) if changed else None
        review.columns["waiting_since"] = waiting
        review.after["ChangedSinceApproval"] = changed
        if waiting is not None:
            review.after["WaitingSince"] = waiting.isoformat()
    return review


def _withdraw(actor: Actor, package: ModelPackage) -> None:
    """Put an approved package back to waiting, as the rule of its group says; the contributor decides nothing."""
    withdrawn = Decision(
        status=ApprovalStatus.WAITING,
        comment="The content was changed after the approval.",
        decided_at=None,
        decided_by="",
        by_override=False,
        waiting_since=timezone.now(),
        content="",
    )
    save_decision(actor, package, withdrawn, told={"Withdrawn": True})
