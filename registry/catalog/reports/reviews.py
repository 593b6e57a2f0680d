"""Where the review of a version stands for one person: rules, votes, checks, and what that person may do now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from registry.accounts.permissions import Actor
from registry.events.models import Event

from ..models import Check, ModelPackage, Vote
from ..reviewing import facts_of, is_open, last_decision, may_undo, rules_of
from ..rules import NO_RULES, Finding, ReviewRules, counted_approvals, failed, findings


@dataclass(frozen=True)
class ReviewState:
    """The review of one version as a page shows it to one person.

    `rules` are those of its group, for rules.in_words. `findings` are the rules that an approval must keep, each in
    words with how it stands (`is_met` None: only the decision tells); empty where there are none, or where nothing is
    to be approved. `reasons` are those that stand against an approval by this person now: an Approve button is for
    `may_approve`, which is a vote unless `would_decide`. `approvals` are the names that count so far, of
    `rules.approvals_needed`; `votes` and `checks` are the rows. `last` is the event of the decision that stands.
    """

    rules: ReviewRules
    findings: Sequence[Finding]
    reasons: Sequence[Finding]
    votes: Sequence[Vote]
    checks: Sequence[Check]
    approvals: Sequence[str]
    last: Event | None
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


def review_state(package: ModelPackage, actor: Actor, *, metadata_keys: Collection[str] | None = None) -> ReviewState:
    """The state of the review of `package` (loaded with its group) for `actor`, in the browser.

    Two queries for a group without rules (checks, last decision), at most six with all of them: the votes where
    several are needed, the metrics of the gates, the metadata keys unless the page hands them in, the last editor
    where the author may not approve.
    """
    rules = rules_of(package)
    checks = list(Check.objects.filter(package=package))
    votes = list(Vote.objects.filter(package=package)) if rules.approvals_needed > 1 else []
    last = last_decision(package)
    may_decide, waits = actor.may("model_package.decide"), is_open(package)
    shown: list[Finding] = []
    against: list[Finding] = []
    approvals: list[str] = []
    would_decide = True
    if rules is not NO_RULES and (waits or not package.is_approved):
        facts = facts_of(
            package,
            rules,
            metadata_keys=metadata_keys,
            checks={check.name: check.state for check in checks},
            votes=[vote.user_name for vote in votes],
        )
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
        last=last,
        is_open=waits,
        may_decide=may_decide,
        would_decide=would_decide,
        may_override=actor.may("model_package.override"),
        may_undo=may_decide and may_undo(last, package, actor.name),
        may_comment=actor.may("model_package.comment"),
        has_voted=any(vote.user_name == actor.name for vote in votes),
    )
