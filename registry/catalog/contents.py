"""The content of a package that an approval is bound to, as one hash; reads a loaded row, runs no query."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from .models import ModelPackage

# What a container runs and reads: images, digests, artifact addresses, their ETags, environment.
_MEMBERS = (
    "Image",
    "ImageDigest",
    "ModelDataUrl",
    "ModelDataETag",
    "ModelDataSource",
    "AdditionalS3DataSource",
    "Environment",
)
_EMPTY: tuple[Any, ...] = (None, "", {}, [])


def content_hash(package: ModelPackage) -> str:
    """SHA-256 of what the package would run: the containers of all its specifications, and the model card's content.

    The card's status is no part of it: a card is approved, or archived, without changing what was approved. Nor is
    anything that only describes: names of frameworks, instance types, metadata.
    """
    card = package.model_card
    content = {
        "containers": _containers(package.inference_specification),
        "additional": {
            str(specification.get("Name")): _containers(specification)
            for specification in package.additional_inference_specifications or []
            if isinstance(specification, Mapping)
        },
        "card": _plain(card.get("ModelCardContent")) if isinstance(card, Mapping) else None,
    }
    return hashlib.sha256(json.dumps(_plain(content), sort_keys=True).encode()).hexdigest()


def _containers(specification: Any) -> list[Any]:
    containers = specification.get("Containers") if isinstance(specification, Mapping) else None
    return [
        {name: container[name] for name in _MEMBERS if container.get(name) not in _EMPTY}
        for container in containers or []
        if isinstance(container, Mapping)
    ]


def _plain(value: Any) -> Any:
    """The same for a value before and after a database kept it: empty members left out, numbers by value."""
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items() if inner not in _EMPTY}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value) + 0.0
        except OverflowError:
            return str(value)
    return value
