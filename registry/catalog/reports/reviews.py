"""Where the review of a version stands for one person: rules, votes, checks, and what that person may do now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import CharField, QuerySet, Value

from registry.accounts.permissions import Actor
from registry.events.models import Event
from registry.statements import Prepared

from ..models import Check, Metric, ModelPackage, Vote
from ..reviewing import EDITING, approved_below, facts_of, is_open, last_decision, last_editor, may_undo, rules_of
from ..rules import NO_RULES, Facts, Finding, ReviewRules, counted_approvals, failed, findings

if TYPE_CHECKING:
    from .changes import Comparison

_DECISION = "model_package.approval_status_changed"
_REQUEST = "model_package.changes_requested"
# What the history of decisions holds: decisions with their undoing and overrides, votes, requests, comments.
SPOKEN = (_DECISION, "model_package.vote_given", "model_package.vote_withdrawn", _REQUEST, "model_package.commented")


class VoteLine(NamedTuple):
    """One approval of the round that is open, by somebody who could give it now."""

    user_name: str
    comment: str
    voted_at: datetime


class CheckLine(NamedTuple):
    """What a system outside says of the version."""

    name: str
    state: str
    url: str
    summary: str
    reported_at: datetime
    reported_by_name: str

    @property
    def word(self) -> str:
        return str(Check.State(self.state).label)


class Known(NamedTuple):
    """The newest events of a version, newest first, where a page read them anyway; `complete` if there are no more."""

    events: Sequence[Event]
    complete: bool

    def newest(self, kinds: Iterable[str]) -> tuple[bool, Event | None]:
        """(known, event): the newest of these kinds; not known where it may stand further back."""
        found = next((event for event in self.events if event.kind in kinds), None)
        return found is not None or self.complete, found


NOTHING_KNOWN = Known((), complete=False)


@dataclass(frozen=True)
class ReviewState:
    """The review of one version as a page shows it to one person.

    `rules` are those of its group, for rules.in_words. `findings` are the rules that an approval must keep, each in
    words with how it stands (`is_met` None: only the decision tells); empty where there are none, or where nothing is
    to be approved. `reasons` are those that stand against an approval by this person now: an Approve button is for
    `may_approve`, which is a vote unless `would_decide`. `approvals` are the names that count so far, of
    `rules.approvals_needed`. `request` is the request for changes that nothing answered yet, as far as it is known.
    """

    rules: ReviewRules
    findings: Sequence[Finding]
    reasons: Sequence[Finding]
    votes: Sequence[VoteLine]
    checks: Sequence[CheckLine]
    approvals: Sequence[str]
    request: Event | None
    is_open: bool
    may_decide: bool
    would_decide: bool
    may_override: bool
    may_undo: bool
    may_comment: bool
    has_voted: bool

    @property
    def may_approve(self) -> bool:
        """Whether an approval by this person would be taken, as a decision or as a vote."""
        return self.may_decide and not self.reasons


def review_state(
    package: ModelPackage, actor: Actor, *, comparison: Comparison | None = None, known: Known = NOTHING_KNOWN
) -> ReviewState:
    """The state of the review of `package` (loaded with its group) for `actor`, in the browser.

    One query where the page hands in what it read anyway (metrics and metadata in `comparison`, the newest events, or
    the package as queue.for_review reads it); at most five without that, for a group with all kinds of rules.
    """
    rules = rules_of(package)
    votes, checks = _votes_and_checks(package)
    may_decide, waits = actor.may("model_package.decide"), is_open(package)
    shown: list[Finding] = []
    against: list[Finding] = []
    approvals: list[str] = []
    would_decide = True
    if rules is not NO_RULES and (waits or not package.is_approved):
        facts = _facts(package, rules, votes, checks, comparison, known)
        approvals = counted_approvals(rules, facts)
        asked = findings(rules, replace(facts, approver=actor.name if may_decide else ""))
        would_decide = all(finding.kind != "approvals" for finding in failed(asked))
        # What counts so far is shown; what would count with this person's approval decides.
        so_far = {finding.kind: finding for finding in findings(rules, facts)}
        shown = [so_far[f.kind] if f.kind == "approvals" else f for f in asked]
        against = [f for f in failed(asked) if f.kind != "approvals" or not waits]
    return ReviewState(
        rules=rules,
        findings=shown,
        reasons=against,
        votes=votes,
        checks=checks,
        approvals=approvals,
        request=_unanswered(known) if waits else None,
        is_open=waits,
        may_decide=may_decide,
        would_decide=would_decide,
        may_override=actor.may("model_package.override"),
        may_undo=may_decide and not waits and _may_undo(package, actor, known),
        may_comment=actor.may("model_package.comment"),
        has_voted=any(vote.user_name == actor.name for vote in votes),
    )


def _votes_and_checks(package: ModelPackage) -> tuple[list[VoteLine], list[CheckLine]]:
    """Both, in one query."""
    found = sorted(_SPOKEN_UP.rows(package=package.pk), key=lambda row: row[4])
    voted = [VoteLine(row[5], row[0], row[4]) for row in found if row[1] == "vote"]
    return voted, sorted((CheckLine(*row) for row in found if row[1] != "vote"), key=lambda check: check.name)


def _both(package: int) -> QuerySet[Any]:
    def empty() -> Value:
        return Value("", output_field=CharField())

    is_vote = Value("vote", output_field=CharField())
    checks = Check.objects.filter(package=package).order_by()
    votes = Vote.objects.counting().filter(package=package).order_by()
    return checks.values_list("name", "state", "url", "summary", "reported_at", "reported_by_name").union(
        votes.values_list("comment", is_vote, empty(), empty(), "voted_at", "user_name"), all=True
    )


_SPOKEN_UP: Prepared[Any] = Prepared(_both, package=int)


def _facts(
    package: ModelPackage,
    rules: ReviewRules,
    votes: Sequence[VoteLine],
    checks: Sequence[CheckLine],
    comparison: Comparison | None,
    known: Known,
) -> Facts:
    """facts_of, with what the page knows in place of its queries."""
    asked = rules
    more: dict[str, Any] = {}
    if rules.author_may_not_approve:
        asked = replace(asked, author_may_not_approve=False)
        more["last_editor"] = _editor(package, known)
    if rules.metric_gates and comparison is not None:
        asked = replace(asked, metric_gates=())
        more |= _metrics(package, comparison)
    facts = facts_of(
        package,
        asked,
        metadata_keys={pair.key for pair in comparison.pairs} if comparison is not None else None,
        checks={check.name: check.state for check in checks},
        votes=[vote.user_name for vote in votes],
    )
    return replace(facts, **more)


def _editor(package: ModelPackage, known: Known) -> str:
    if hasattr(package, "edited_by"):
        return str(package.edited_by)
    is_known, event = known.newest(EDITING)
    return (event.actor_name if event else "") if is_known else last_editor(package)


def _metrics(package: ModelPackage, comparison: Comparison) -> Mapping[str, Any]:
    """The metrics that gates look at; read only where the page compares with another version than they do."""
    mine = {metric.name: metric.value for metric in comparison.metrics if metric.value is not None}
    baseline = comparison.baseline
    if baseline.reason != "asked":
        approved = baseline.reason == "approved"
        theirs = {m.name: m.before for m in comparison.metrics if m.before is not None} if approved else {}
        return {
            "metrics": mine,
            "approved_metrics": theirs,
            "approved_label": f"v{baseline.version}" if approved else "",
        }
    rows = Metric.objects.filter(package__in=approved_below(package).values("pk")[:1]).order_by()
    found = list(rows.values_list("package__version", "name", "value"))
    return {
        "metrics": mine,
        "approved_metrics": {name: value for _, name, value in found},
        "approved_label": f"v{found[0][0]}" if found else "",
    }


def _unanswered(known: Known) -> Event | None:
    answered = ("model_package.content_changed", _DECISION)
    newest = known.newest((_REQUEST, *answered))[1]
    return newest if newest is not None and newest.kind == _REQUEST else None


def _may_undo(package: ModelPackage, actor: Actor, known: Known) -> bool:
    if package.decided_by_name and package.decided_by_name != actor.name:
        return False
    is_known, event = known.newest([_DECISION])
    return may_undo(event if is_known else last_decision(package), package, actor.name)
