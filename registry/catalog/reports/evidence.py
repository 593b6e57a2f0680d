"""The evidence of a version: what is known of it, who decided by which rules, and the part of the log that proves it.

One document for the page and for the file that `manage.py verifyevidence` checks without the registry.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone

from registry.events.checkpoint_keys import private_key
from registry.events.checkpoints import LogContradicts
from registry.events.models import Checkpoint, CheckpointKey, Event
from registry.events.proofs import Stretch, key_name, public_bytes
from registry.events.stretches import content_and_link, cover, stretches
from registry.statements import Prepared

from ..contents import content_hash
from ..evidence_files import FORMAT
from ..evidence_replay import (
    DECIDED,
    EMPTY,
    MEMBERS,
    NO_DECISION,
    Replay,
    decision_told,
    is_decision,
    last_decision,
    moment,
)
from ..models import Check, CustomerMetadataProperty, Metric, ModelPackage, Tag
from ..rules import ReviewRules
from .changes import Baseline, Comparison, compare, read_baseline
from .differences import Difference, all_but_metrics

JSON = dict[str, Any]

# A version that somebody edits all day long: its first event and the newest ones stand in the document.
EVENTS_MAX = 200
_TRIES = 4
_FIELDS = {
    "ModelPackageDescription": "description",
    "ModelPackageRegistrationType": "registration_type",
    "CertifyForMarketplace": "certify_for_marketplace",
    "SkipModelValidation": "skip_model_validation",
    "ManagedStorageType": "managed_storage_type",
    "Domain": "domain",
    "Task": "task",
    "SamplePayloadUrl": "sample_payload_url",
    "SourceUri": "source_uri",
    "MetadataProperties": "metadata_properties",
    "ModelMetrics": "model_metrics",
    "InferenceSpecification": "inference_specification",
    "SourceAlgorithmSpecification": "source_algorithm_specification",
    "ValidationSpecification": "validation_specification",
    "DriftCheckBaselines": "drift_check_baselines",
    "AdditionalInferenceSpecifications": "additional_inference_specifications",
    "SecurityConfig": "security_config",
    "ModelCard": "model_card",
    "ModelPackageStatus": "status",
    "ModelPackageStatusDetails": "status_details",
}

ABOUT = (
    "Made by Model Registry. `manage.py verifyevidence FILE --public-key KEY` checks it without the registry.",
    "Each event: digest = SHA-256(previous + SHA-256(content)), all as bytes; content is the text as it stands here.",
    "Each stretch: its links are SHA-256(content) of all events of the chain from `first` on, `previous` the digest "
    "before them. They lead to the digest at the position of the leaf.",
    'The leaf: SHA-256(0x00 + {"chain":C,"digest":"HEX","position":P} without blanks). `proof` leads from it to a root '
    "in the checkpoint's statement, as in RFC 6962, section 2.1.1: `root` for a head, `waypoint_root` for a waypoint.",
    "A checkpoint's signature is Ed25519 (RFC 8032) over its statement; the next one names the SHA-256 of that as the "
    "one before it.",
    "Events of others in the same chain are here as links only, never with their content.",
)


@dataclass(frozen=True)
class Evidence:
    """The document, and what it was made from, for a page: the package, its comparison, its events newest last.

    `others` is what differs from the baseline beside the metrics.
    """

    document: JSON
    package: ModelPackage
    comparison: Comparison
    others: Sequence[Difference]
    events: Sequence[Event]
    checkpoints: Sequence[Checkpoint]


class Unsettled(Exception):
    """The version changes so quickly that its tables and events cannot be read as of one moment."""


def read_evidence(package: ModelPackage, *, made_by: str) -> Evidence:
    """The evidence of a live package as it is now, `made_by` the person who asks for it.

    Signs a checkpoint if none covers its last event yet. Raises LogContradicts where the log was changed behind its
    back, ModelPackage.DoesNotExist when the package is gone. About 18 queries, and those events of its chain that lie
    between its own and a signed leaf: some hundred, a thousand behind an event that is far from the next.
    """
    for _ in range(_TRIES):
        found = _Reading(package.pk, made_by)
        if found.is_settled():
            return found.evidence()
    raise Unsettled


class _Reading:
    """One look at tables and events; settled if no event came in between."""

    def __init__(self, pk: int, made_by: str) -> None:
        self.made_by = made_by
        self.newest = _newest_ids(pk)
        package = _PACKAGE.first(pk=pk)
        if package is None:
            raise ModelPackage.DoesNotExist
        self.package = package
        self.own, self.left_out = _own_events(pk)
        told = [_told(event) for event in self.own]
        self.decisions = [decision_told(event) for event in told if is_decision(event)]
        self.last = last_decision(self.decisions)
        self.of_group = _group_events(self.package, self.last)
        self.events = sorted([*self.own, *self.of_group], key=lambda event: event.position)
        before = Replay(e for e in told if self.last is not None and e["position"] <= self.last["position"])
        self.checks_then = [{"name": name, **check} for name, check in sorted(before.checks.items())]
        self.checks_now = _checks_of(self.package)
        self.metadata = dict(_METADATA.rows(package=pk))
        self.metrics = [
            {"name": name, "value": value, "standard_deviation": deviation, "source": source}
            for name, value, deviation, source in _METRICS.rows(package=pk)
        ]
        self.tags = _tags_of(self.package)
        baseline = read_baseline(self.package) if self.package.is_versioned else Baseline()
        if baseline.package is not None:
            baseline.package.group = self.package.group  # for its ARN; it is the same one
        self.comparison = compare(self.package, baseline)
        self.others = all_but_metrics(self.comparison) if self.comparison.baseline.package is not None else []
        self.registered = Replay(told[:1]).registered or {}

    def is_settled(self) -> bool:
        """True if nothing was recorded since the first query."""
        return _newest_ids(self.package.pk) == self.newest

    def evidence(self) -> Evidence:
        chain = self.package.group_id or 0
        if not self.own:
            raise LogContradicts([f"The log has no event of {self.package}."])
        cover(chain, self.events[-1].position)
        found = stretches(chain, [event.position for event in self.events])
        numbers = {stretch.checkpoint for stretch in found}
        checkpoints = _CHECKPOINTS.all(numbers=list(numbers))
        document = self.document(chain, found, checkpoints)
        return Evidence(document, self.package, self.comparison, self.others, self.events, checkpoints)

    def document(self, chain: int, found: Sequence[Stretch], checkpoints: Sequence[Checkpoint]) -> JSON:
        own_key = public_bytes(private_key())
        kept = {key.name: bytes(key.public) for key in _KEYS.all()} | {key_name(own_key): own_key}
        used = {key_name(own_key), *(checkpoint.key for checkpoint in checkpoints)}
        return {
            "format": FORMAT,
            "about": list(ABOUT),
            "made": {"at": moment(timezone.now()), "by": self.made_by},
            "registry": settings.REGISTRY_ACCOUNT_ID,
            "version": self.version(),
            "decisions": self.decisions,
            "rules": self.rules(),
            "checks": {"then": self.checks_then if self.last else None, "now": self.checks_now},
            "difference": self.difference(),
            "chain": chain,
            "events_left_out": self.left_out,
            "events": [_event_of(event) for event in self.events],
            "stretches": [_stretch_of(stretch) for stretch in found],
            "checkpoints": [
                {"statement": one.statement.text(), "signature": bytes(one.signature).hex()} for one in checkpoints
            ],
            "keys": [{"name": name, "public": kept[name].hex()} for name in sorted(used) if name in kept],
            "key": key_name(own_key),
        }

    def version(self) -> JSON:
        package = self.package
        members = {name: value for name in MEMBERS if (value := getattr(package, _FIELDS[name])) not in EMPTY}
        return {
            "arn": package.arn,
            "original_arn": package.original_arn or None,
            "id": package.pk,
            "region": package.region,
            "group": package.group.name if package.group is not None else None,
            "number": package.version,
            "name": package.name,
            "registered": {
                "at": moment(package.created_at),
                "by": package.created_by_name,
                "identity": package.created_by,
                "door": self.registered.get("door", ""),
                "imported": self.registered.get("imported"),
            },
            "content": content_hash(package),
            "members": members,
            "metadata": self.metadata,
            "metrics": self.metrics,
            "tags": self.tags,
            "stage": package.model_life_cycle,
            "decision": NO_DECISION
            | {
                "status": package.approval_status,
                "comment": package.approval_description,
                "decided_at": moment(package.decided_at),
                "decided_by": package.decided_by_name,
                "overridden": package.decided_by_override,
                "waiting_since": moment(package.waiting_since),
                "approved_content": package.approved_content,
            },
        }

    def rules(self) -> JSON:
        now = self.package.group.review_rules if self.package.group is not None else {}
        then = None
        if self.last is not None:
            then = {"position": self.last["position"], "rules": self.last["rules"], "words": _words(self.last["rules"])}
        return {"then": then, "now": {"rules": now, "words": _words(now)}}

    def difference(self) -> JSON | None:
        base = self.comparison.baseline.package
        if base is None:
            return None
        metrics = [
            {"name": metric.name, "before": metric.before, "value": metric.value}
            for metric in self.comparison.metrics
            if metric.before != metric.value
        ]
        others = [{"what": one.label, "before": list(one.before), "value": list(one.value)} for one in self.others]
        return {
            "to": base.arn,
            "because": "approved" if self.comparison.baseline.reason == "approved" else "previous",
            "approved_at": moment(base.decided_at) if base.approval_status in DECIDED else None,
            "metrics": metrics,
            "others": others,
        }


def _words(rules: Any) -> list[str]:
    return ReviewRules.from_json(rules).in_words()


def _told(event: Event) -> JSON:
    """An event as its content says it."""
    told: JSON = json.loads(content_and_link(event)[0])
    return told


def _newest_ids(pk: int) -> tuple[int | None, int | None]:
    """The newest event of a package and of its group itself: while they are the same, nothing changed."""
    found = _NEWEST_IDS.rows(package=pk)
    return (found[0][0], found[0][1]) if found else (None, None)


def _own_events(pk: int) -> tuple[list[Event], int]:
    """The events of a package in their order, and how many were left out between the first and the newest."""
    newest = _OWN_EVENTS.all(package=pk)
    newest.reverse()
    if len(newest) <= EVENTS_MAX:
        return newest, 0
    many = Event.objects.for_package(pk).count()
    first = Event.objects.for_package(pk).order_by("id").first()
    return [*([first] if first is not None else []), *newest[2:]], many - EVENTS_MAX


def _group_events(package: ModelPackage, last: Mapping[str, Any] | None) -> list[Event]:
    """What the group's rules and tags rest on: the last event of each, of the rules also that before the decision."""
    if package.group_id is None:
        return []
    # Without a decision the third is the first once more.
    position = last["position"] if last is not None else _AT_THE_END
    return _GROUP_EVENTS.all(group=package.group_id, position=position)


def _last_of_group(group: int, position: int) -> QuerySet[Event]:
    of_group = Event.objects.filter(group_id=group, package_id=None).order_by("-id")
    rules = of_group.filter(kind="model_package_group.rules_changed")
    tagged = of_group.filter(kind__in=("model_package_group.tagged", "model_package_group.created"))
    last = [Subquery(rows.values("pk")[:1]) for rows in (rules, rules.filter(position__lte=position), tagged)]
    return Event.objects.filter(pk__in=last).order_by()


def _checks_of(package: ModelPackage) -> list[JSON]:
    return [
        {
            "name": row.name,
            "state": row.state,
            "url": row.url,
            "summary": row.summary,
            "at": moment(row.reported_at),
            "by": row.reported_by_name,
        }
        for row in _CHECKS.all(package=package.pk)
    ]


def _tags_of(package: ModelPackage) -> list[JSON]:
    """The tags of its group, or of an unversioned package its own."""
    owner = package.pk if package.group_id is None else package.group_id
    rows = _TAGS[package.group_id is not None].rows(owner=owner)
    return [{"Key": key, "Value": value} for key, value in rows]


# ---------- statements ----------

_AT_THE_END = 2**62

_PACKAGE: Prepared[ModelPackage] = Prepared(
    lambda pk: ModelPackage.objects.live().select_related("group").filter(pk=pk), pk=int
)


def _newest(package: int) -> QuerySet[Event, Any]:
    of_group = Event.objects.filter(group_id=OuterRef("group_id"), package_id=None).order_by("-id")
    own = Event.objects.for_package(package).order_by("-id")
    return own.values_list("id", Subquery(of_group.values("id")[:1]))[:1]


_NEWEST_IDS: Prepared[Any] = Prepared(_newest, package=int)
_OWN_EVENTS: Prepared[Event] = Prepared(
    lambda package: Event.objects.for_package(package).order_by("-id")[: EVENTS_MAX + 1], package=int
)
_GROUP_EVENTS: Prepared[Event] = Prepared(_last_of_group, group=int, position=int)
_CHECKS: Prepared[Check] = Prepared(lambda package: Check.objects.filter(package=package), package=int)
_METADATA: Prepared[Any] = Prepared(
    lambda package: CustomerMetadataProperty.objects.filter(package=package).values_list("key", "value"), package=int
)
_METRICS: Prepared[Any] = Prepared(
    lambda package: Metric.objects.filter(package=package).values_list("name", "value", "standard_deviation", "source"),
    package=int,
)
# By whether they are a group's.
_TAGS: dict[bool, Prepared[Any]] = {
    True: Prepared(lambda owner: Tag.objects.filter(group=owner).values_list("key", "value"), owner=int),
    False: Prepared(lambda owner: Tag.objects.filter(package=owner).values_list("key", "value"), owner=int),
}
_CHECKPOINTS: Prepared[Checkpoint] = Prepared(
    lambda numbers: Checkpoint.objects.filter(number__in=numbers).order_by("number"), numbers=list[int]
)
_KEYS: Prepared[CheckpointKey] = Prepared(lambda: CheckpointKey.objects.all())


def _event_of(event: Event) -> JSON:
    return {
        "position": event.position,
        "previous": bytes(event.previous).hex(),
        "digest": bytes(event.digest).hex(),
        "content": content_and_link(event)[0],
    }


def _stretch_of(stretch: Stretch) -> JSON:
    return {
        "first": stretch.first,
        "previous": stretch.previous.hex(),
        "links": [link.hex() for link in stretch.links],
        "checkpoint": stretch.checkpoint,
        "leaf": "head" if stretch.is_head else "waypoint",
        "index": stretch.index,
        "size": stretch.size,
        "proof": [part.hex() for part in stretch.proof],
    }
