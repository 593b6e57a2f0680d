"""Put and delete the resource policy of a group: a JSON text that is kept and given back as sent."""

from __future__ import annotations

import json

from django.core.exceptions import ValidationError
from django.db import transaction

from registry.accounts.permissions import Actor, authorize
from registry.events.services import record

from ..models import ModelPackageGroup
from .locks import lock_group, touch_group

POLICY_MAX = 20480


def check_policy(policy: str) -> None:
    """Refuse what is no JSON object of at most 20,480 characters; ValidationError for `resource_policy`."""
    if not 0 < len(policy) <= POLICY_MAX:
        raise ValidationError({"resource_policy": [f"A policy has 1 to {POLICY_MAX} characters."]})
    try:
        document = json.loads(policy)
    except (ValueError, RecursionError) as error:
        raise ValidationError({"resource_policy": [f"The policy is no JSON text: {error}."]}) from error
    if not isinstance(document, dict):
        raise ValidationError({"resource_policy": ["The policy is no JSON object."]})


@transaction.atomic
def set_group_policy(*, actor: Actor, group: ModelPackageGroup, policy: str) -> ModelPackageGroup:
    """Set the policy of a group, or take it away with an empty text; leaves `model_package_group.policy_changed`.

    Needs admin. Raises ValidationError for a text that is no JSON object or is over 20,480 characters (contract 7.5).
    """
    authorize(actor, "model_package_group.edit_policy", group)
    if policy:
        check_policy(policy)
    locked = lock_group(group.pk)
    before = locked.resource_policy
    if before != policy:
        touch_group(actor, locked, resource_policy=policy)
        record(
            actor,
            "model_package_group.policy_changed",
            group=locked,
            before={"ResourcePolicy": before},
            after={"ResourcePolicy": policy},
            at=locked.updated_at,
        )
    return locked
