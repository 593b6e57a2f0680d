"""The tag operations, on groups and on unversioned packages (contract 7.12)."""

from __future__ import annotations

from typing import Any

from registry.accounts.permissions import authorize
from registry.catalog import services
from registry.catalog.models import ModelPackage

from .. import names, shapes
from ..calls import Call
from ..errors import invalid
from .groups import tag_pairs

JSON = dict[str, Any]


def _owner(call: Call) -> Any:
    owner = names.find_tagged(call.actor, call.members["ResourceArn"], call.region)
    if isinstance(owner, ModelPackage) and owner.is_versioned:
        raise invalid(f"Versioned model packages have no tags: {owner.arn}. Use CustomerMetadataProperties.")
    return owner


def add_tags(call: Call) -> JSON:
    tags = services.add_tags(actor=call.actor, owner=_owner(call), tags=tag_pairs(call))
    return {"Tags": shapes.tag_list(tags)}


def list_tags(call: Call) -> JSON:
    authorize(call.actor, "registry.read")
    return {"Tags": shapes.tag_list(_owner(call).tags.all())}


def delete_tags(call: Call) -> JSON:
    services.delete_tags(actor=call.actor, owner=_owner(call), keys=call.members["TagKeys"])
    return {}
