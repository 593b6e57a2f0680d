"""Whether the rules of a group permit a decision; asked under its lock by every service that approves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.core.exceptions import ValidationError

from registry.accounts.permissions import Actor

from ..errors import RulesNotMet
from ..models import ApprovalStatus, ModelPackage
from ..reviewing import facts_of
from ..rules import NO_RULES, Finding, ReviewRules, counted_approvals, failed, findings
from ..validators import validate_comment

# Here an approval that is one of several is a vote; elsewhere only the last of them is taken.
VOTING_DOORS = ("browser", "admin")


def check_comment(comment: str) -> None:
    """Raise ValidationError for `comment` where it cannot be kept."""
    try:
        validate_comment(comment)
    except ValidationError as error:
        raise ValidationError({"comment": error.messages}) from error


def require_comment(rules: ReviewRules, comment: str) -> None:
    """Raise ValidationError for `comment` where the rules ask for one and there is none."""
    if rules.comment_required and not comment.strip():
        raise ValidationError({"comment": ["Every decision in this group needs a comment. Say why."]})


@dataclass(frozen=True)
class Approval:
    """What the rules say to an approval: each of them, whose approvals count, or that it is a vote only."""

    approvals: list[str]
    findings: list[Finding]
    is_vote: bool = False

    @property
    def overridden(self) -> list[Finding]:
        """The rules that an override passes over."""
        return failed(self.findings)

    def told(self) -> dict[str, Any]:
        """What the event of the decision keeps of the rules: how each of them stood."""
        if not self.findings:
            return {}
        told: dict[str, Any] = {
            "Approvals": self.approvals,
            "Findings": [{"Rule": f.rule, "Met": bool(f.is_met), "Words": f.words} for f in self.findings],
        }
        if self.overridden:
            told |= {"Override": True, "FailedRules": [finding.words for finding in self.overridden]}
        return told


def ask_rules(
    actor: Actor,
    package: ModelPackage,
    rules: ReviewRules,
    *,
    comment: str,
    override: bool = False,
    is_new: bool = False,
) -> Approval:
    """Whether `actor` may approve a package of a locked group now; no query where the group has no rules.

    `is_new`: it is being registered as Approved, where no vote can be given. Raises RulesNotMet with every rule that
    fails, unless `override`, which needs a comment.
    """
    if override and not comment.strip():
        raise ValidationError({"comment": ["Say why the rules do not count here."]})
    if rules is NO_RULES:
        return Approval([actor.name], [])
    facts = replace(facts_of(package, rules), approver=actor.name, comment=comment)
    found = findings(rules, facts)
    against = failed(found)
    approvals = counted_approvals(rules, facts)
    if not against or override:
        return Approval(approvals, found)
    if is_new:
        advice = "Register it as PendingManualApproval; then it can be approved."
    elif package.approval_status == ApprovalStatus.REJECTED:
        advice = "Put it back to waiting first."
    elif actor.door in VOTING_DOORS:
        if [finding.kind for finding in against] == ["approvals"]:
            return Approval(approvals, [], is_vote=True)
        advice = ""
    else:
        advice = "The others approve in the browser; the last approval may come from here."
    raise RulesNotMet([_with_advice(finding, advice) for finding in against])


def _with_advice(finding: Finding, advice: str) -> Finding:
    """The finding; that approvals are missing, with where they can be given."""
    return replace(finding, words=f"{finding.words} {advice}".strip()) if finding.kind == "approvals" else finding


def rules_in_force(package: ModelPackage) -> dict[str, Any]:
    """The rules of the group as they are stored, for the event of a decision; nothing where there are none."""
    group = package.group
    return {"Rules": group.review_rules} if group is not None and group.review_rules else {}
