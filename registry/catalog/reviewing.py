"""What the rules of a group ask of one version, read from the tables; services decide by it, pages show it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from django.db.models import Q, Subquery

from registry.events.models import Event

from .models import Check, CustomerMetadataProperty, Metric, ModelPackage, Vote
from .rules import NO_RULES, Facts, ReviewRules

# The kinds of events that change what a reviewer decides on; each raises the package's revision.
REVISING = (
    "model_package.approval_status_changed",
    "model_package.stage_changed",
    "model_package.metadata_changed",
    "model_package.content_changed",
    "model_package.vote_given",
    "model_package.vote_withdrawn",
    "model_package.changes_requested",
)
# Who left one of these edited the package. A decision, a vote, a check or a reading of metrics edits nothing.
EDITING = ("model_package.content_changed", "model_package.metadata_changed")


def rules_of(package: ModelPackage) -> ReviewRules:
    """The rules that stand over a package: those of its group as it was loaded; none for an unversioned one."""
    return ReviewRules.from_json(package.group.review_rules) if package.group is not None else NO_RULES


def facts_of(
    package: ModelPackage,
    rules: ReviewRules,
    *,
    metadata_keys: Collection[str] | None = None,
    checks: Mapping[str, str] | None = None,
    votes: Collection[str] | None = None,
) -> Facts:
    """What `rules` ask of a package, and nothing else: none to five queries; what is handed in is not read again.

    The approved version that relative gates compare with is the one with the highest number below the package's.
    """
    facts = Facts(author=package.created_by_name)
    if rules.metric_gates:
        facts = replace(facts, **_metrics(package, rules))
    if rules.required_metadata_keys:
        if metadata_keys is None:
            pairs = CustomerMetadataProperty.objects.filter(package=package, key__in=rules.required_metadata_keys)
            metadata_keys = set(pairs.order_by().values_list("key", flat=True))
        facts = replace(facts, metadata_keys=metadata_keys)
    if rules.required_checks:
        if checks is None:
            rows = Check.objects.filter(package=package, name__in=rules.required_checks)
            checks = dict(rows.order_by().values_list("name", "state"))
        facts = replace(facts, checks=checks)
    if rules.approvals_needed > 1:
        if votes is None:
            votes = list(Vote.objects.counting().filter(package=package).values_list("user_name", flat=True))
        facts = replace(facts, votes=list(votes))
    if rules.author_may_not_approve:
        facts = replace(facts, last_editor=last_editor(package))
    return facts


def last_editor(package: ModelPackage) -> str:
    """Who changed content or metadata last, "" where nobody did since it was registered."""
    edits = Event.objects.for_package(package.pk).filter(kind__in=EDITING).order_by("-id")
    return edits.values_list("actor_name", flat=True).first() or ""


def approved_below(package: ModelPackage) -> Any:
    """The approved versions of the group with lower numbers, the highest first."""
    siblings = ModelPackage.objects.live().approved().filter(group=package.group_id, version__lt=package.version)
    return siblings.order_by("-version")


def previous_approved(package: ModelPackage) -> ModelPackage | None:
    """The version to go back to: approved, its content still what was approved, the highest number below; one query."""
    return approved_below(package).filter(waiting_since=None).first()


def _metrics(package: ModelPackage, rules: ReviewRules) -> dict[str, Any]:
    """The metrics of the gates, of the package and of the approved version below it; one query."""
    names = {gate.metric for gate in rules.metric_gates}
    owners = Q(package=package.pk)
    if any(gate.is_relative for gate in rules.metric_gates):
        owners |= Q(package=Subquery(approved_below(package).values("pk")[:1]))
    mine: dict[str, float] = {}
    theirs: dict[str, float] = {}
    label = ""
    # All of their metrics: asked for by name too, SQLite starts from that name, which the whole registry shares.
    rows = Metric.objects.filter(owners).order_by()
    for owner, version, name, value in rows.values_list("package", "package__version", "name", "value"):
        if name not in names:
            continue
        (mine if owner == package.pk else theirs)[name] = value
        label = label if owner == package.pk else f"v{version}"
    return {"metrics": mine, "approved_metrics": theirs, "approved_label": label}


def is_open(package: ModelPackage) -> bool:
    """Whether it waits for reviewers: registered so, put back, without a status, or changed after its approval."""
    return package.waiting_since is not None or package.approval_status is None


def last_decision(package: ModelPackage) -> Event | None:
    """The event of the last change of status or of its words; one query."""
    events = Event.objects.for_package(package.pk).filter(kind="model_package.approval_status_changed")
    return events.order_by("-id").first()


def may_undo(event: Event | None, package: ModelPackage, name: str) -> bool:
    """Whether the person of that name may take the decision back: it is theirs, and nothing changed the package since.

    What an import brought, what content withdrew and what was undone itself is no decision of anybody.
    """
    if event is None or event.actor_name != name or event.batch is not None:
        return False
    after = event.after or {}
    return after.get("Revision") == package.revision and not (after.get("Undone") or after.get("Withdrawn"))
