"""What a backup holds and what was found about it, for who ran the command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from django.conf import settings

from .archive import JSON, Reading
from .keys import KeyFit, fit_of_access_keys, fit_of_checkpoint_key
from .log_walks import EVENTS

# How much there is to do, of what; and how much more of it was done.
Begin = Callable[[int, str], None]
Report = Callable[[int], None]
ACCESS_KEYS = "accounts_accesskey"


def no_begin(total: int, what: str) -> None:
    """For whoever draws no bar."""


def no_report(many: int) -> None:
    """For whoever draws no bar."""


@dataclass
class Told:
    """What a backup holds and what was found about it. `faults` are those of the log itself: where it was changed."""

    rows: int
    size: int
    counts: dict[str, int]
    made_at: str
    digest: str = ""
    is_older: bool = False
    faults: list[str] = field(default_factory=list)
    keys: list[KeyFit] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, manifest: JSON, size: int) -> Told:
        rows = {told["name"]: told["rows"] for told in manifest["tables"]}
        counted = {
            "group": "catalog_modelpackagegroup",
            "version or package": "catalog_modelpackage",
            "event": EVENTS,
        }
        counts = {word: rows.get(name, 0) for word, name in counted.items()}
        return cls(manifest["totals"]["rows"], size, counts, manifest["made_at"])


def told_of(backup: Reading) -> Told:
    """What a file holds, before anything is found about it."""
    told = Told.of(backup.manifest, backup.size)
    told.digest = backup.digest
    account = backup.manifest["account_id"]
    if account != settings.REGISTRY_ACCOUNT_ID:
        told.remarks.append(
            f"it was made with REGISTRY_ACCOUNT_ID={account}, here it is {settings.REGISTRY_ACCOUNT_ID}, so that ARNs "
            "which clients kept do not fit."
        )
    return told


def keys_for(backup: Reading) -> list[KeyFit]:
    """The keys that the registry in a file needs, and whether those at hand fit."""
    return [
        *fit_of_access_keys(backup.named_rows(ACCESS_KEYS)),
        *fit_of_checkpoint_key(backup.manifest["log"]["checkpoint"]),
    ]
