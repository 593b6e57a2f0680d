"""Refusals in domain words; each door turns them into its own answer. Field errors are Django's ValidationError."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError

if TYPE_CHECKING:
    from .rules import Finding


class Refused(Exception):
    """The base of every refusal; its text is a sentence for the person who asked."""


class NotFound(Refused):
    """There is no such group, package, tag or pair, or the asker may not know of it."""


class AlreadyExists(Refused):
    """The name is taken; `existing` is the row that has it."""

    def __init__(self, message: str, existing: Any = None) -> None:
        super().__init__(message)
        self.existing = existing


class LimitReached(Refused):
    """A quota of the settings is used up."""


class Conflict(Refused):
    """Somebody changed the object since it was read: nothing was saved.

    `current` is the value now (None where it is gone), `changed_by` and `changed_at` say who and when, as far as the
    log knows.
    """

    def __init__(
        self, message: str, *, current: Any = None, changed_by: str = "", changed_at: datetime | None = None
    ) -> None:
        super().__init__(message)
        self.current, self.changed_by, self.changed_at = current, changed_by, changed_at


class RulesNotMet(ValidationError):
    """Rules of the group stand against an approval; `findings` are those, `words` the same for every door.

    As a ValidationError it belongs to the field `approval_status`, with one message for each rule.
    """

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        super().__init__({"approval_status": [finding.words for finding in findings]})

    @property
    def words(self) -> str:
        return " ".join(finding.words for finding in self.findings)
