"""What the templates of a review need beside the package."""

from __future__ import annotations

from typing import Any, NamedTuple

from registry.accounts.permissions import Actor
from registry.catalog.models import ApprovalStatus, ModelPackage
from registry.catalog.reports.changes import Comparison
from registry.catalog.reports.reviews import NOTHING_KNOWN, Known, review_state


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


def review_context(
    actor: Actor, package: ModelPackage, comparison: Comparison, known: Known = NOTHING_KNOWN
) -> dict[str, Any]:
    """The state of the review for whoever reads the page, and where one could go back to."""
    if package.group is None:
        return {"actor": actor, "may_decide": False, "card": None, "back": None}
    card = review_state(package, actor, comparison=comparison, known=known)
    return {
        "actor": actor,
        "may_decide": card.may_decide,
        "card": card,
        "back": _back(actor, package, comparison),
    }


def _back(actor: Actor, package: ModelPackage, comparison: Comparison) -> Rollback | None:
    """From the version that is current; the choices of the baseline hold the approved ones below."""
    number = package.version or 0
    if package.group is None or package.group.approved_version != number or not actor.may("model_package.edit_stage"):
        return None
    approved = (c for c in comparison.baseline.choices if c.approval_status == ApprovalStatus.APPROVED and c.is_intact)
    below = max((choice.version for choice in approved if choice.version < number), default=None)
    return Rollback(number, package.stage, below, package.revision) if below else None
