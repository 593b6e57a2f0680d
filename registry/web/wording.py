"""How the pages say times, numbers, names and statuses; no markup and no query lives here."""

import math
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any, NamedTuple

from registry.catalog.directions import same_value

from . import drawn

MINUS = "\N{MINUS SIGN}"
MISSING = "\N{EN DASH}"
MOST_PLACES = 12


class StatusLook(NamedTuple):
    """What the browser shows for a status: `slug` names the mark and the CSS class, `word` is read."""

    slug: str
    word: str


# The one place where the wire's spelling meets the interface's words (DESIGN.md sections 4 and 8).
STATUS_LOOKS: dict[str | None, StatusLook] = {
    "Approved": StatusLook("approved", "Approved"),
    "PendingManualApproval": StatusLook("pending", "Waiting"),
    "Rejected": StatusLook("rejected", "Rejected"),
    None: StatusLook("none", "No status"),
}


def status_look(status: str | None) -> StatusLook:
    """Return how a ModelApprovalStatus looks; anything unknown or empty looks like no status."""
    return STATUS_LOOKS.get(status, STATUS_LOOKS[None])


# ---------- time ----------


def _moment(value: object) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value


def age(value: object, now: datetime | None = None) -> str:
    """Return the time since `value` as "2 hours", "3 days", "5 weeks"; "" for no time."""
    moment = _moment(value)
    if moment is None:
        return ""
    seconds = abs(((now or drawn.now()) - moment).total_seconds())
    days = int(seconds // 86400)
    for count, unit in (
        (days // 365, "year"),
        (days // 30 if days >= 60 else 0, "month"),
        (days // 7 if days >= 14 else 0, "week"),
        (days, "day"),
        (int(seconds // 3600), "hour"),
        (int(seconds // 60), "minute"),
    ):
        if count:
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "moments"


def ago(value: object, now: datetime | None = None) -> str:
    """Return "just now", "2 hours ago", "yesterday", "3 weeks ago"; "in 6 days" for a coming time."""
    moment = _moment(value)
    if moment is None:
        return ""
    now = now or drawn.now()
    seconds = (now - moment).total_seconds()
    if -60 < seconds < 60:  # two machines' clocks differ a little: no "in 20 seconds"
        return "just now"
    words = age(moment, now)
    if seconds < 0:
        return f"in {words}"
    return "yesterday" if words == "1 day" else f"{words} ago"


def utc(value: object) -> str:
    """Return the exact time as "2026-11-22 13:57 UTC"; "" for no time."""
    moment = _moment(value)
    return f"{moment.astimezone(UTC).isoformat(' ')[:16]} UTC" if moment else ""


def iso(value: object) -> str:
    """Return the time for a `datetime` attribute: "2026-11-22T13:57:00Z"; "" for no time."""
    moment = _moment(value)
    return f"{moment.astimezone(UTC).isoformat()[:19]}Z" if moment else ""


def clock(value: object) -> str:
    """Return the UTC time of day, "13:57", for feeds that are grouped by day."""
    moment = _moment(value)
    return moment.astimezone(UTC).isoformat()[11:16] if moment else ""


def day_name(value: date | datetime, today: date | None = None) -> str:
    """Return the heading of one day: "Today", "Yesterday", "Friday 20 November", with the year if not this."""
    day = value.astimezone(UTC).date() if isinstance(value, datetime) else value
    today = today or drawn.now().date()
    if 0 <= (today - day).days < 2:
        return ("Today", "Yesterday")[(today - day).days]
    return f"{day:%A} {day.day} {day:%B}" + (f" {day.year}" if day.year != today.year else "")


def short_day(value: object) -> str:
    """Return the UTC day as "20 Feb 2027"; "" for no time."""
    moment = _moment(value)
    return f"{moment.astimezone(UTC).day} {moment.astimezone(UTC):%b %Y}" if moment else ""


def period_name(value: date | datetime, today: date | None = None) -> str:
    """Return the timeline's heading of a registration time: "Last 7 days", else "November 2026"."""
    day = value.astimezone(UTC).date() if isinstance(value, datetime) else value
    today = today or drawn.now().date()
    return "Last 7 days" if (today - day).days < 7 else f"{day:%B %Y}"


# ---------- numbers ----------


def _float(value: Any) -> float | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _decimals(size: float) -> int:
    """Return how many decimals four significant digits need; small numbers keep at most four from 0.001 on."""
    if size >= 1000:
        return 0
    if size >= 1:
        return 3 - int(math.log10(size))
    return 4 if size >= 0.001 or size == 0 else 2 - math.floor(math.log10(size))


def _extreme(size: float) -> bool:
    return size >= 1e9 or 0 < size < 1e-6


def _places(text: str) -> int:
    return len(text.rstrip("0").partition(".")[2])


def digits_for(values: Iterable[Any], *, apart: bool = False) -> int:
    """Return the fewest decimals that show every value of one series to four significant digits.

    `apart` adds as many as tell any two different values apart: 0.99996 is not 1 where both stand side by side. What
    counts as the same value needs none.
    """
    finite = {v for v in map(_float, values) if v is not None and math.isfinite(v) and not _extreme(abs(v))}
    sizes = {*map(abs, finite)}
    # The smaller a number, the more decimals; only 0 is written like what is a little less than 1.
    finest = sizes and {min(sizes - {0.0}, default=0.0), *(sizes & {0.0})}
    places, most = 0, min(max(map(_decimals, finest), default=0), 6)
    for size in sizes:
        if places < most:  # else no other value asks for more
            places = max(places, min(_places(f"{size:.{_decimals(size)}f}"), 6))
    if apart:
        ordered = sorted(finite)
        different = [v for v, after in pairwise([*ordered, math.inf]) if not same_value(v, after)]
        while places < MOST_PLACES and len({f"{v:.{places}f}" for v in different}) < len(different):
            places += 1
    return places


def number(value: Any, digits: int | None = None) -> str:
    """Return a metric as text: 0.9478, 13.4, 0.038, 25,800,000. `digits` fixes the decimals of a column.

    None and text that is no number give an en dash; NaN and infinities are named; extremes use an exponent.
    """
    real = _float(value)
    if real is None:
        return MISSING
    if math.isnan(real):
        return "NaN"
    sign = MINUS if real < 0 else ""
    size = abs(real)
    if math.isinf(size):
        return f"{sign}\N{INFINITY}"
    if _extreme(size):
        mantissa, _, exponent = f"{size:.3e}".partition("e")
        return f"{sign}{mantissa.rstrip('0').rstrip('.')}e{str(int(exponent)).replace('-', MINUS)}"
    if digits is None:
        text = f"{size:,.{_decimals(size)}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    else:
        text = f"{size:,.{max(0, min(digits, MOST_PLACES))}f}"
    return f"{sign}{text}" if text.strip("0.,") else text


def signed(value: Any, digits: int | None = None) -> str:
    """Return a change with its sign: "+0.0031", "−0.0010"; a change too small for `digits` keeps its own."""
    real = _float(value)
    if real is None or math.isnan(real):
        return number(value)
    if digits is not None and real and not round(real, digits):
        digits = None
    text = number(real, digits)
    return f"+{text}" if real > 0 else text


def count(value: int | None, cap: int | None = None) -> str:
    """Return a count with thousands marks; from `cap` on "1,000+", because big tables are not counted out."""
    if value is None:
        return MISSING
    return f"{cap:,}+" if cap is not None and value > cap else f"{value:,}"


def plural(value: int, one: str, many: str = "") -> str:
    """Return "1 version", "25 versions"."""
    return f"{value:,} {one if value == 1 else many or one + 's'}"


# ---------- names ----------

_BOT_ENDINGS = ("-ci", "-bot", "-monitor")


def is_bot(name: str | None) -> bool:
    """Tell whether a creator is a machine, from the endings that teams give their service accounts."""
    return bool(name) and (str(name).lower() == "system" or str(name).lower().endswith(_BOT_ENDINGS))


def initials(name: str | None) -> str:
    """Return the two letters of an avatar: "reviewer-a" gives RA, "admin" gives AD."""
    parts = [p for p in re.split(r"[\s._@/-]+", name or "") if p]
    if not parts:
        return "?"
    return (parts[0][0] + parts[-1][0] if len(parts) > 1 else parts[0][:2]).upper()


def short_image(uri: str | None) -> str:
    """Return repository and tag of a container image: "sagemaker-xgboost:1.7-1", a digest cut to 12 places."""
    name, at, digest = (uri or "").rstrip("/").rpartition("/")[2].partition("@")
    return f"{name}@{digest.rpartition(':')[2][:12]}" if at else name


def short_path(uri: str | None, group: str = "") -> str:
    """Return an artifact's path without scheme, bucket and all up to the group's name: what tells versions apart."""
    path = re.sub(r"^[A-Za-z][\w+.-]*://[^/]*/", "", uri or "")
    _, found, rest = f"/{path}".partition(f"/{group}/") if group else ("", "", "")
    return rest if found and rest else path
