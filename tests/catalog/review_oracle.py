"""A second opinion on approvals: replays the log alone, event by event, and names every approval against the rules.

It shares no code with the services: what the rules ask is written out here once more, from the issue's words.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from registry.catalog.models import ModelPackage
from registry.events.models import Event

APPROVED = "Approved"


@dataclass
class Version:
    number: int
    author: str
    status: str | None = None
    editor: str = ""
    image: str = ""
    pairs: dict[str, str] = field(default_factory=dict)
    checks: dict[str, str] = field(default_factory=dict)
    votes: set[str] = field(default_factory=set)
    approvers: set[str] = field(default_factory=set)
    approved_image: str = ""
    # Before the last decision: votes, approvers, image.
    former: tuple[set[str], set[str], str] = (set(), set(), "")

    @property
    def auc(self) -> float | None:
        return float(self.pairs["metric.auc"]) if "metric.auc" in self.pairs else None


class Oracle:
    """The state of one group after some events; `faults` are the approvals that no rule allowed."""

    def __init__(self, admins: set[str]) -> None:
        newest = Event.objects.order_by("-id").values_list("id", flat=True).first()
        self.last = newest or 0
        self.admins, self.rules, self.versions = admins, {}, {}
        self.faults: list[str] = []
        self.approvals = 0

    def read_on(self) -> list[str]:
        """Read what was logged since; returns the faults so far, with those of the tables beside the log."""
        for event in Event.objects.filter(id__gt=self.last).order_by("id"):
            self.last = event.pk
            self.take(event)
        stored = dict(ModelPackage.objects.values_list("pk", "approval_status"))
        replayed = {pk: version.status for pk, version in self.versions.items()}
        return self.faults if stored == replayed else [*self.faults, f"tables {stored}, log {replayed}"]

    def take(self, event: Event) -> None:
        before, after = event.before or {}, event.after or {}
        kind = event.kind.rpartition(".")[2]
        if kind == "rules_changed":
            self.rules = after["ReviewRules"]
            if self.rules.get("approvals_needed", 1) == 1:
                for version in self.versions.values():
                    version.votes.clear()
        elif kind == "created" and event.package_id:
            version = Version(event.version, event.actor_name)
            self.versions[event.package_id] = version
            version.pairs = dict(after.get("CustomerMetadataProperties", {}))
            version.image = image_of(after.get("InferenceSpecification"))
            if after.get("ModelApprovalStatus") == APPROVED:
                self.judge(event, version, set(), event.actor_name)
                version.approvers, version.approved_image = {event.actor_name}, version.image
            version.status = after.get("ModelApprovalStatus")
        elif event.package_id:
            getattr(self, f"_{kind}", lambda *args: None)(event, self.versions[event.package_id], before, after)

    def _metadata_changed(self, event: Event, version: Version, before: Any, after: Any) -> None:
        for key in before["CustomerMetadataProperties"]:
            version.pairs.pop(key, None)
        version.pairs |= after["CustomerMetadataProperties"]
        version.editor = event.actor_name

    def _content_changed(self, event: Event, version: Version, before: Any, after: Any) -> None:
        version.editor = event.actor_name
        image = image_of(after.get("InferenceSpecification")) or version.image
        if image != version.image:
            version.image = image
            version.votes = set()
            version.checks = {}

    def _check_reported(self, event: Event, version: Version, before: Any, after: Any) -> None:
        version.checks[after["Check"]["Name"]] = after["Check"]["State"]

    def _vote_given(self, event: Event, version: Version, before: Any, after: Any) -> None:
        version.votes.add(event.actor_name)

    def _vote_withdrawn(self, event: Event, version: Version, before: Any, after: Any) -> None:
        version.votes.discard(event.actor_name)

    _changes_requested = _vote_withdrawn

    def _approval_status_changed(self, event: Event, version: Version, before: Any, after: Any) -> None:
        status = after["ModelApprovalStatus"]
        if status == version.status and before.get("DecidedTime") == after.get("DecidedTime"):
            return  # other words only
        if after.get("Undone"):
            votes, approvers, image = version.former
            if status == APPROVED and version.status != APPROVED:
                if image != version.image:
                    self.faults.append(f"{event.pk}: undone to content that was not approved")
                self.judge(event, version, approvers, "")
            several = self.rules.get("approvals_needed", 1) > 1
            version.votes = set(votes) if several else set()
            version.approvers, version.approved_image = set(approvers), image
        else:
            former = (copy.copy(version.votes), copy.copy(version.approvers), version.approved_image)
            if status == APPROVED:
                self.judge(event, version, version.votes, event.actor_name)
                version.approvers = version.votes | {event.actor_name}
                version.approved_image = version.image
            else:
                version.approvers, version.approved_image = set(), ""
            version.former, version.votes = former, set()
        version.status = status

    def judge(self, event: Event, version: Version, votes: set[str], approver: str) -> None:
        """Note a fault if a rule fails at this moment and the approval is no marked override of an admin."""
        self.approvals += 1
        why = list(
            self.failing(version, votes, approver, event.comment or (event.after or {}).get("ApprovalDescription"))
        )
        if (event.after or {}).get("Override"):
            if event.actor_name not in self.admins or not event.comment or not why:
                self.faults.append(f"{event.pk}: an override by {event.actor_name} of {why}")
        elif why:
            self.faults.append(f"{event.pk}: v{version.number} approved by {approver} although {why}")

    def failing(self, version: Version, votes: set[str], approver: str, comment: str | None) -> Any:
        rules, people = self.rules, votes | {approver} - {""}
        barred = {version.author, version.editor} - {""} if rules.get("author_may_not_approve") else set()
        if approver in barred:
            yield "author"
        if len(people - barred) < rules.get("approvals_needed", 1) and not (people and not rules):
            yield "approvals"
        if rules.get("comment_required") and not comment:
            yield "comment"
        for key in rules.get("required_metadata_keys", []):
            if key not in version.pairs:
                yield key
        for name in rules.get("required_checks", []):
            if version.checks.get(name) != "success":
                yield name
        lower = [v for v in self.versions.values() if v.number < version.number and v.status == APPROVED]
        baseline = max(lower, key=lambda v: v.number).auc if lower else None
        for gate in rules.get("metric_gates", []):
            bound = gate["bound"] if gate["comparison"] == ">" else (baseline or 0) - gate["bound"]
            exempt = gate["comparison"] == "below" and baseline is None
            if (
                version.auc is None
                or (not exempt and version.auc < bound)
                or (gate["comparison"] == ">" and version.auc <= bound)
            ):
                yield gate


def image_of(specification: Any) -> str:
    return specification["Containers"][0]["Image"] if specification else ""
