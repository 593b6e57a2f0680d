"""Change what an approval needs in a group."""

from __future__ import annotations

from django.db import transaction

from registry.accounts.permissions import Actor, authorize
from registry.events.services import record

from ..models import ModelPackageGroup, Vote
from ..rules import ReviewRules, digest_of_rules
from .locks import conflict, lock_group, touch_group


@transaction.atomic
def update_review_rules(
    *, actor: Actor, group: ModelPackageGroup, rules: ReviewRules, seen: str | None = None
) -> ModelPackageGroup:
    """Replace the rules of a group; leaves `model_package_group.rules_changed` unless they are the same.

    Needs admin. `seen` is digest_of_rules of the rules that the editor saw: others now are a Conflict with them as
    `current`. Decisions that were made stand; open votes end where one approval is enough from now on. Raises
    ValidationError by the name of the rule. Returns the locked, fresh group.
    """
    authorize(actor, "model_package_group.edit_rules", group)
    rules = rules.clean()
    locked = lock_group(group.pk)
    present = ReviewRules.from_json(locked.review_rules)
    if seen is not None and seen != digest_of_rules(present):
        raise conflict(
            "The rules were changed meanwhile.",
            current=present,
            kind="model_package_group.rules_changed",
            group_id=locked.pk,
        )
    before, after = locked.review_rules, rules.to_json()
    if before == after:
        return locked
    touch_group(actor, locked, review_rules=after)
    ended = 0
    if rules.approvals_needed == 1:
        # No vote may count again when more approvals are asked for later.
        ended, _ = Vote.objects.filter(package__group=locked).delete()
    record(
        actor,
        "model_package_group.rules_changed",
        group=locked,
        before={"ReviewRules": before},
        after={"ReviewRules": after} | ({"VotesEnded": ended} if ended else {}),
        at=locked.updated_at,
    )
    return locked
