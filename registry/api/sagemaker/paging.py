"""NextToken: where a list goes on, signed, and good for the same parameters only."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.core import signing

from .errors import invalid

_SIGNER = signing.Signer(salt="registry.api.sagemaker.paging")
PAGE = 100


def _digest(operation: str, region: str, members: dict[str, Any]) -> str:
    asked = {name: value for name, value in members.items() if name not in ("NextToken", "MaxResults")}
    return hashlib.sha256(json.dumps([operation, region, asked], sort_keys=True, default=str).encode()).hexdigest()[:16]


def issue(operation: str, region: str, members: dict[str, Any], position: list[Any]) -> str:
    """A token that says: go on after the item with this sort position."""
    return _SIGNER.sign_object([_digest(operation, region, members), position], compress=True)


def position(operation: str, region: str, members: dict[str, Any]) -> list[Any] | None:
    """The position in the request's NextToken, None without one; ValidationException for one not issued for this."""
    token = members.get("NextToken")
    if token is None:
        return None
    try:
        digest, found = _SIGNER.unsign_object(token)
    except (signing.BadSignature, ValueError, TypeError):
        raise invalid("Invalid NextToken.") from None
    if digest != _digest(operation, region, members):
        raise invalid("Invalid NextToken: it was issued for other parameters.")
    return found
