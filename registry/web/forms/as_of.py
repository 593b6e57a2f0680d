"""The browser's words for a moment of the past: a date, which is the end of that day in UTC, or an ISO time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from urllib.parse import quote

from django.http import QueryDict

from ..drawn import now as the_time

TEXT_MAX = 40
FORM = "Write a date as 2026-03-01, or a time as 2026-03-01T14:30Z."


@dataclass(frozen=True)
class Moment:
    """What an address says of a moment: `at` is what it means, `day` stands in the field, `text` goes on in links.

    `error` says what is wrong with it, `hint` what was made of it. `is_now`: today, or what lies ahead.
    """

    at: datetime
    day: str
    text: str = ""
    error: str = ""
    hint: str = ""
    is_now: bool = False

    @property
    def query(self) -> str:
        """What links to other pages of that moment carry."""
        return f"?as_of={quote(self.text or self.day, safe=':')}"

    @property
    def words(self) -> str:
        """ "1 March 2026, 23:59 UTC"."""
        return f"{self.at.day} {self.at:%B} {self.at.year}, {self.at:%H:%M} UTC"


def read_moment(text: str) -> Moment:
    """The moment that a text means; nothing means now. A faulty text has an error and means now."""
    typed, now = text.strip(), the_time()
    today = now.date().isoformat()
    if not typed:
        return Moment(now, today, is_now=True)
    found = _moment_of(typed) if len(typed) <= TEXT_MAX else None
    if found is None:
        return Moment(now, typed[:TEXT_MAX], error=FORM, is_now=True)
    if found.date() > now.date() or (found > now and "T" in typed):
        hint = "That is not over yet: this is how it stands now."
        return Moment(now, today, hint=hint, is_now=True)
    if found > now:
        return Moment(now, today, text=today, is_now=True)
    return Moment(found, found.date().isoformat(), text=typed)


def _moment_of(text: str) -> datetime | None:
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
            return datetime.combine(date.fromisoformat(text), time.max, UTC)
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}.*", text, re.ASCII):
            return None
        # In an address a plus sign is a blank.
        said = datetime.fromisoformat(re.sub(r" (\d{2}:?\d{2})$", r"+\1", f"{text[:10]}T{text[11:]}"))
        return (said if said.tzinfo else said.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True)
class Span:
    """Two moments of a group, the earlier one first."""

    since: Moment
    until: Moment
    swapped: bool = False

    @classmethod
    def read(cls, params: QueryDict) -> Span:
        """`from` and `to` of an address; without them the last 30 days."""
        until = read_moment(params.get("to", ""))
        asked = params.get("from", "")
        since = read_moment(asked) if asked.strip() else _days_before(until, 30)
        if not since.error and not until.error and since.at > until.at:
            return cls(until, since, swapped=True)
        return cls(since, until)

    @property
    def has_error(self) -> bool:
        return bool(self.since.error or self.until.error)

    def query(self, **more: Any) -> str:
        """The address of this span."""
        pairs = {"from": self.since.text or self.since.day, "to": self.until.text or self.until.day, **more}
        return "?" + "&".join(f"{name}={quote(str(value), safe=':')}" for name, value in pairs.items())


def _days_before(until: Moment, days: int) -> Moment:
    day = max(until.at.date().toordinal() - days, 1)
    return read_moment(date.fromordinal(day).isoformat())
