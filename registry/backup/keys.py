"""Which keys a restored registry needs, none of which is in a backup, and whether those at hand are the right ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cryptography.fernet import InvalidToken

from registry.accounts import secrets
from registry.events.checkpoint_keys import has_key, public_key
from registry.events.proofs import key_name


@dataclass(frozen=True)
class KeyFit:
    """A key, whether the one at hand fits, and what that means as a sentence."""

    name: str
    fits: bool
    said: str


def fit_of_access_keys(rows: Iterable[dict[str, Any]]) -> list[KeyFit]:
    """Whether REGISTRY_SECRET_KEY opens the secrets of the access keys among `rows`; nothing where there are none."""
    fitting, broken = 0, []
    for row in rows:
        try:
            secrets.decrypt(row["encrypted_secret"])
            fitting += 1
        except InvalidToken:
            broken.append(str(row["name"]))
    if not fitting and not broken:
        return []
    name = "REGISTRY_SECRET_KEY"
    if not broken:
        return [KeyFit(name, True, f"It opens the secrets of all access keys ({fitting}).")]
    named = ", ".join(broken[:5]) + (", …" if len(broken) > 5 else "")
    return [
        KeyFit(
            name,
            False,
            f"It does not open the secrets of {len(broken)} of {fitting + len(broken)} access keys ({named}): set the "
            "one of the registry that was backed up (its data folder's secret_key), or rotate these keys.",
        )
    ]


def fit_of_checkpoint_key(checkpoint: dict[str, Any] | None) -> list[KeyFit]:
    """Whether the key at hand is the one that signed the newest checkpoint; nothing where there is none."""
    if checkpoint is None:
        return []
    name, signed = (
        "REGISTRY_CHECKPOINT_KEY",
        f"checkpoint {checkpoint['number']}, the newest, bears key {checkpoint['key']}",
    )
    if not has_key():
        bring = "bring that file (checkpoint-key.pem in the data folder of the registry that was backed up)"
        return [KeyFit(name, False, f"There is none here; {signed}: {bring}, or a new key goes on signing.")]
    own = key_name(public_key())
    if own == checkpoint["key"]:
        return [KeyFit(name, True, f"It is the key that signed so far ({own}).")]
    return [KeyFit(name, False, f"Here it is {own}, but {signed}: bring that file, or the one here goes on signing.")]
