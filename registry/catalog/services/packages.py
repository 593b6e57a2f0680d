"""Register a model package: the next version of a group, or an unversioned package of its own name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Case, F, Model, Value, When
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from registry.accounts.permissions import Actor, authorize
from registry.events.services import record
from registry.statements import Prepared, insert_with

from ..contents import content_hash
from ..errors import AlreadyExists, NotFound
from ..metric_reports import ReportedMetric
from ..models import (
    ApprovalStatus,
    Container,
    CustomerMetadataProperty,
    Metric,
    ModelPackage,
    ModelPackageGroup,
)
from ..reviewing import rules_of
from ..validators import validate_name, validate_region
from .locks import lock_group, save, user_context
from .metric_readings import note_out_of_reach, request_metric_reading
from .metrics import metrics_of_metadata
from .permits import ask_rules, rules_in_force
from .quotas import check_room_for_version
from .registrations import Registration
from .states import package_state
from .tags import insert_tags, slots_for

_DIGEST = re.compile(r"[Ss][Hh][Aa]256:[0-9a-fA-F]{64}")

# Which counter of the group a status adds to; None (no status) adds to none.
STATUS_COUNTERS: dict[str | None, str] = {
    ApprovalStatus.WAITING: "waiting_count",
    ApprovalStatus.APPROVED: "approved_count",
    ApprovalStatus.REJECTED: "rejected_count",
}


_APPROVED: Prepared[ModelPackage] = Prepared(
    lambda group: (
        ModelPackage.objects.live()
        .approved()
        .filter(group_id=group)
        .order_by("-version")
        .values_list("version", "decided_at", "created_at")[:1]
    ),
    group=int,
)


def take_number(group: ModelPackageGroup, package: ModelPackage, *, by: str) -> int:
    """Raise the counters of a locked group for one more version and return its number.

    The lock is held until the transaction ends, so that concurrent writers get 1, 2, 3 … without a gap.
    """
    created = package.created_at
    changes: dict[str, Any] = {
        "last_version": group.last_version + 1,
        "version_count": group.version_count + 1,
        "latest_created_at": max(group.latest_created_at or created, created),
    }
    if counter := STATUS_COUNTERS.get(package.approval_status):
        changes[counter] = getattr(group, counter) + 1
    # A clock that was set back must not make the group look older than it is.
    save(group, updated_at=max(group.updated_at, created), updated_by_name=by, **changes)
    return group.last_version


def count_imported(group: ModelPackageGroup, packages: Sequence[ModelPackage]) -> None:
    """Raise the group's counters for versions that came with their numbers; the caller holds the group's lock."""
    # Of several of the same time the last, as if they had come one by one.
    newest = sorted(packages, key=_changed_at)[-1]
    last = Greatest(F("last_version"), max(package.version or 0 for package in packages))
    by = newest.last_modified_by_name or newest.created_by_name
    _count_versions(group, packages, last_version=last, by=by)
    if any(package.is_approved for package in packages):
        note_approved_version(group)


def _changed_at(package: ModelPackage) -> datetime:
    return package.last_modified_at or package.created_at


def _count_versions(group: ModelPackageGroup, packages: Sequence[ModelPackage], *, last_version: Any, by: str) -> None:
    changed = max(map(_changed_at, packages))
    created = max(package.created_at for package in packages)
    changes: dict[str, Any] = {
        "last_version": last_version,
        "version_count": F("version_count") + len(packages),
        "latest_created_at": Coalesce(Greatest(F("latest_created_at"), created), created),
        "updated_at": Greatest(F("updated_at"), changed),
        # An import may bring what is older than the group's last change.
        "updated_by_name": Case(When(updated_at__lte=changed, then=Value(by)), default=F("updated_by_name")),
    }
    for status, more in Counter(package.approval_status for package in packages).items():
        if counter := STATUS_COUNTERS.get(status):
            changes[counter] = F(counter) + more
    if not ModelPackageGroup.objects.live().filter(pk=group.pk).update(**changes):
        raise NotFound("This group was deleted.")


def image_parts(image: str) -> tuple[str, str]:
    """The image without its registry host ("repository:tag") and the tag alone, either empty where there is none."""
    name = image.rpartition("/")[2].partition("@")[0]
    return name, name.partition(":")[2]


def image_digest(image: str) -> str:
    """The digest in an image ("…@sha256:…"), empty where there is none."""
    digest = image.partition("@")[2]
    return digest if _DIGEST.fullmatch(digest) else ""


def container_rows(package: ModelPackage, containers: Iterable[Mapping[str, Any]]) -> list[Container]:
    """The containers of an inference specification as rows; the artifact may stand in ModelDataSource instead."""
    rows = []
    for position, container in enumerate(containers):
        source = (container.get("ModelDataSource") or {}).get("S3DataSource") or {}
        image = container.get("Image") or ""
        image_name, image_tag = image_parts(image)
        rows.append(
            Container(
                package=package,
                group_id=package.group_id if package.deleted_at is None else None,
                position=position,
                image=image,
                image_name=image_name,
                image_tag=image_tag,
                image_digest=container.get("ImageDigest") or image_digest(image),
                model_data_url=container.get("ModelDataUrl") or source.get("S3Uri") or "",
                model_data_etag=(container.get("ModelDataETag") or source.get("ETag") or "")[:1024],
                framework=(container.get("Framework") or "")[:256],
                framework_version=container.get("FrameworkVersion") or "",
            )
        )
    return rows


def pair_rows(package: ModelPackage, pairs: Mapping[str, str]) -> list[CustomerMetadataProperty]:
    """The customer metadata of a new package as rows."""
    slots = slots_for(pairs)
    return [CustomerMetadataProperty(package=package, key=key, value=pairs[key], slot=slots[key]) for key in pairs]


def metric_rows(package: ModelPackage, registration: Registration, reported: Sequence[ReportedMetric]) -> list[Metric]:
    """The metrics of a new package as rows: of its reports, as typed, and what the metadata adds to both."""
    typed = dict(registration.metrics)
    read = metrics_of_metadata(registration.customer_metadata_properties)
    report = Metric.Source.REPORT
    rows = [
        Metric(package=package, name=m.name, value=m.value, standard_deviation=m.standard_deviation, source=report)
        for m in reported
    ]
    rows += [Metric(package=package, name=name, value=typed[name], source=Metric.Source.TYPED) for name in typed]
    taken = {row.name for row in rows}
    metadata = Metric.Source.METADATA
    return rows + [Metric(package=package, name=n, value=read[n], source=metadata) for n in read if n not in taken]


def insert_package(
    package: ModelPackage,
    registration: Registration,
    *,
    number: int | None = None,
    by: str,
    reported: Sequence[ReportedMetric] = (),
) -> None:
    """Insert a checked package with all that hangs on it; the shared core of registering and importing.

    `number` is given by an import, which also locks the group and calls count_imported. `reported` are the metrics of
    its reports; the same name in the metadata does not count then. Raises NotFound when the group was deleted
    meanwhile, AlreadyExists when the number or name is taken.
    """
    group = package.group
    if group is not None:
        package.version = take_number(group, package, by=by) if number is None else number
    may_clash = group is None or number is not None
    parts: dict[type[Model], Sequence[Model]] = {
        Container: container_rows(package, registration.containers),
        CustomerMetadataProperty: pair_rows(package, registration.customer_metadata_properties),
        Metric: metric_rows(package, registration, reported),
    }
    try:
        # A savepoint costs two statements: only where a number or name of somebody else's choice may be taken.
        with transaction.atomic() if may_clash else nullcontext():
            insert_with(package, parts)
    except IntegrityError as error:
        taken = ModelPackage.objects.live().filter(
            group=group, version=package.version, region=package.region, name=package.name
        )
        if not taken.exists():
            raise
        raise AlreadyExists(f"{package} exists already.", taken.first()) from error
    insert_tags(package, registration.tags)
    if group is not None and number is None and package.is_approved:
        note_approved_version(group)


def approved_now(group: ModelPackageGroup) -> dict[str, Any]:
    """What the group says of its approved version: the approved one with the highest number, or none."""
    newest = _APPROVED.rows(group=group.pk)
    version, decided, created = newest[0] if newest else (None, None, None)
    return {"approved_version": version, "approved_at": decided or created}


def note_approved_version(group: ModelPackageGroup) -> None:
    """Set the group's approved version to what approved_now says."""
    ModelPackageGroup.objects.filter(pk=group.pk).update(**approved_now(group))


@transaction.atomic
def create_model_package(
    *,
    actor: Actor,
    registration: Registration,
    group: ModelPackageGroup | None = None,
    region: str = "",
    name: str = "",
) -> ModelPackage:
    """Register the next version of `group`, or the unversioned package `name` in `region`; never both.

    Needs contributor; reviewer when it is registered as Approved or Rejected, or in another stage than the first. One
    that is Approved keeps the rules of its group. Leaves `model_package.created`, and a task where ModelMetrics names
    reports that can be read. Raises NotAllowed, NotFound (group deleted meanwhile), AlreadyExists (name taken),
    RulesNotMet, ValidationError by field.
    """
    authorize(actor, "model_package.create", group)
    if registration.approval_status in (ApprovalStatus.APPROVED, ApprovalStatus.REJECTED):
        authorize(actor, "model_package.decide", group)
    if registration.columns()["stage"] not in ("", settings.REGISTRY_STAGES[0]):
        authorize(actor, "model_package.edit_stage", group)
    registration.clean(versioned=group is not None)
    if group is None:
        for field, validator, value in (("name", validate_name, name), ("region", validate_region, region)):
            try:
                validator(value)
            except ValidationError as error:
                raise ValidationError({field: error.messages}) from error
    if group is not None:
        group = lock_group(group.pk)
        check_room_for_version(group)
    now: datetime = timezone.now()
    decided = registration.approval_status in (ApprovalStatus.APPROVED, ApprovalStatus.REJECTED)
    has_readable_reports, note = note_out_of_reach(registration.model_metrics)
    package = ModelPackage(
        group=group,
        region=group.region if group is not None else region,
        name=None if group is not None else name,
        created_at=now,
        created_by=user_context(actor),
        created_by_name=actor.name,
        decided_at=now if decided else None,
        decided_by_name=actor.name if decided else "",
        waiting_since=now if registration.approval_status == ApprovalStatus.WAITING else None,
        metrics_note=note,
        **registration.columns(),
    )
    if package.is_approved:
        package.approved_content = content_hash(package)
    insert_package(package, registration, by=actor.name)
    told = _decided_at_once(actor, package) if decided else {}
    record(
        actor,
        "model_package.created",
        package=package,
        after=package_state(package, registration) | told,
        comment=registration.approval_description,
        at=now,
    )
    if has_readable_reports:
        request_metric_reading(package)
    return package


def _decided_at_once(actor: Actor, package: ModelPackage) -> dict[str, Any]:
    """Ask the rules of the locked group for a version that comes decided; what its event keeps."""
    rules, comment = rules_of(package), package.approval_description
    if rules.comment_required and not comment.strip():
        words = f"Every decision in this group needs a comment. Register it as {ApprovalStatus.WAITING}, then decide."
        raise ValidationError({"approval_status": [words]})
    told = rules_in_force(package)
    if package.is_approved:
        told |= ask_rules(actor, package, rules, comment=comment, is_new=True).told()
        told["ApprovedContent"] = package.approved_content
    return told
