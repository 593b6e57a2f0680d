"""What a review card says beside its form: the rules and how they stand, votes, checks, and what the reader may do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import CharField, Value

from registry.accounts.permissions import Actor
from registry.catalog.models import Check, Metric, ModelPackage, Vote
from registry.catalog.reports.changes import Comparison
from registry.catalog.reviewing import approved_below, facts_of, is_open, last_decision, may_undo, rules_of
from registry.catalog.rules import Facts, Finding, ReviewRules, failed, findings


class CheckLine(NamedTuple):
    """One check as the card shows it."""

    name: str
    state: str
    url: str
    summary: str
    at: datetime
    by: str

    @property
    def word(self) -> str:
        return str(Check.State(self.state).label)


class VoteLine(NamedTuple):
    """One approval of the round that is open."""

    by: str
    comment: str
    at: datetime


class Rollback(NamedTuple):
    """What "Back to v12" would do: reject `version` and give its stage to `previous`; `seen` is the revision shown."""

    version: int
    stage: str
    previous: int
    seen: int


def rollback_of(package: ModelPackage, previous: ModelPackage | None) -> Rollback | None:
    """The rollback from an approved version; None where there is nothing to go back to."""
    if previous is None or not package.is_approved:
        return None
    return Rollback(package.version or 0, package.stage, previous.version or 0, package.revision)


@dataclass(frozen=True)
class ReviewCard:
    """The state of one version's review for one reader.

    `missing` are the findings that stand against an approval by the reader, votes of others left out of account.
    """

    is_open: bool
    rules: ReviewRules
    findings: Sequence[Finding]
    missing: Sequence[Finding]
    votes: Sequence[VoteLine]
    checks: Sequence[CheckLine]
    has_voted: bool
    may_override: bool

    @property
    def needs_votes(self) -> bool:
        """True where this approval would be one vote of several that are still missing."""
        return self.rules.approvals_needed > 1

    @property
    def is_last_vote(self) -> bool:
        return len(self.votes) + (not self.has_voted) >= self.rules.approvals_needed


def review_context(actor: Actor, package: ModelPackage, comparison: Comparison) -> dict[str, Any]:
    """What the templates of a review need beside the package; one query, up to three where the rules ask for more."""
    return {
        "actor": actor,
        "may_decide": package.is_versioned and actor.may("model_package.decide"),
        "may_comment": package.is_versioned and actor.may("model_package.comment"),
        "back": _back(actor, package, comparison),
        "may_undo": package.is_versioned and _may_undo(actor, package),
        "card": _card(actor, package, comparison) if package.is_versioned else None,
    }


def _back(actor: Actor, package: ModelPackage, comparison: Comparison) -> Rollback | None:
    """From the version that is current; the choices of the baseline hold the approved ones below."""
    is_current = package.group is not None and package.group.approved_version == package.version
    below = next((c.version for c in comparison.baseline.choices if c.approval_status == "Approved" and c.is_intact), None)
    if not is_current or below is None or below > (package.version or 0) or not actor.may("model_package.edit_stage"):
        return None
    return Rollback(package.version or 0, package.stage, below, package.revision)


def _may_undo(actor: Actor, package: ModelPackage) -> bool:
    """One query, where the decision is the reader's own."""
    if package.decided_by_name != actor.name or is_open(package):
        return False
    return may_undo(last_decision(package), package, actor.name)


def _card(actor: Actor, package: ModelPackage, comparison: Comparison) -> ReviewCard:
    rules = rules_of(package)
    votes, checks = _votes_and_checks(package)
    facts = facts_of(
        package,
        replace(rules, metric_gates=()),
        metadata_keys={pair.key for pair in comparison.pairs},
        checks={check.name: check.state for check in checks},
        votes=[vote.by for vote in votes],
    )
    if rules.metric_gates:
        facts = replace(facts, **_metrics(package, comparison))
    mine = findings(rules, replace(facts, approver=actor.name))
    return ReviewCard(
        is_open=is_open(package),
        rules=rules,
        findings=_for_reading(rules, facts, mine),
        missing=[finding for finding in failed(mine) if finding.kind not in ("approvals", "comment")],
        votes=votes,
        checks=checks,
        has_voted=any(vote.by == actor.name for vote in votes),
        may_override=actor.may("model_package.override"),
    )


def _for_reading(rules: ReviewRules, facts: Facts, mine: Sequence[Finding]) -> list[Finding]:
    """The findings for the reader, but votes as they stand without the reader's."""
    given = {finding.kind: finding for finding in findings(rules, facts) if finding.kind == "approvals"}
    return [given.get(finding.kind, finding) for finding in mine]


def _votes_and_checks(package: ModelPackage) -> tuple[list[VoteLine], list[CheckLine]]:
    """Both in one query."""

    def empty() -> Value:
        return Value("", output_field=CharField())

    checks = Check.objects.filter(package=package).order_by()
    votes = Vote.objects.filter(package=package).order_by()
    rows = checks.values_list("name", "state", "url", "summary", "reported_at", "reported_by_name").union(
        votes.values_list("comment", Value("vote", output_field=CharField()), empty(), empty(), "voted_at", "user_name"),
        all=True,
    )
    found = sorted(rows, key=lambda row: row[4])
    voted = [VoteLine(row[5], row[0], row[4]) for row in found if row[1] == "vote"]
    return voted, sorted((CheckLine(*row) for row in found if row[1] != "vote"), key=lambda check: check.name)


def _metrics(package: ModelPackage, comparison: Comparison) -> dict[str, Any]:
    """The metrics that gates look at; read only where the page compares with another version than they do."""
    mine = {metric.name: metric.value for metric in comparison.metrics if metric.value is not None}
    baseline = comparison.baseline
    if baseline.reason != "asked":
        approved = baseline.reason == "approved"
        theirs = {m.name: m.before for m in comparison.metrics if m.before is not None} if approved else {}
        label = f"v{baseline.version}" if approved else ""
        return {"metrics": mine, "approved_metrics": theirs, "approved_label": label}
    rows = Metric.objects.filter(package__in=approved_below(package).values("pk")[:1]).order_by()
    found = list(rows.values_list("package__version", "name", "value"))
    return {
        "metrics": mine,
        "approved_metrics": {name: value for _, name, value in found},
        "approved_label": f"v{found[0][0]}" if found else "",
    }
