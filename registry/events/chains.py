"""The hash chains of the log: which bytes of an event are hashed, and how each event holds on to the one before.

Each group has a chain of its own (its number is the group's id); what belongs to no group is in chain 0. Within a chain
the positions are 1, 2, 3 … without a gap. How to compute a digest without this code:

1. The content of an event is one JSON object in ASCII without blanks between its parts: the members are COLUMNS in this
   order (it is that of the alphabet), the members of objects inside are sorted by their characters' numbers. In texts
   the characters from U+0020 to U+007E stand as they are, but for \\" and \\\\; \\n \\r \\t \\f \\b are written so, all
   others as \\uXXXX in lower case, two of them for one beyond U+FFFF.
2. A number is written in digits, without exponent, without zeros at the end of its fraction, without a sign for zero:
   1e-7 is 0.0000001 and 2.0 is 2, however a database writes it.
3. `at` is in UTC with six digits after the second and a Z, `batch` in lower case with hyphens.
4. digest = SHA-256(previous digest as 32 bytes + SHA-256(content) as 32 bytes); before position 1 stand 32 zero bytes.

Since the content goes in by its own hash, whoever may not read an event can still follow its chain. A column that comes
later is a member only of those events where it is set, so that what is hashed today stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from json.encoder import encode_basestring_ascii
from typing import Any

# The attributes of an event that are its content, in the order of the members.
COLUMNS = (
    "access_key",
    "actor_id",
    "actor_name",
    "after",
    "at",
    "batch",
    "before",
    "category",
    "chain",
    "comment",
    "door",
    "group_id",
    "group_name",
    "in_feed",
    "kind",
    "package_id",
    "package_name",
    "position",
    "region",
    "target",
    "user_agent",
    "version",
)
POSITION = COLUMNS.index("position")
# What stands before the first event of a chain.
START = bytes(32)

_FORM = "{" + ",".join(f'"{name}":%s' for name in COLUMNS) + "}"
_WORDS = {True: "true", False: "false", None: "null"}
_quoted = encode_basestring_ascii


def canonical(value: Any) -> str:
    """A JSON value as the one text that is hashed; ValueError for a number that JSON does not have."""
    kind = type(value)
    if kind is str:
        return _quoted(value)
    if kind is dict:
        if not value:
            return "{}"
        return "{" + ",".join([f"{_quoted(key)}:{canonical(value[key])}" for key in sorted(value)]) + "}"
    if value is None or kind is bool:
        return _WORDS[value]
    if kind is int:
        return int.__repr__(value)
    if kind is list or kind is tuple:
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, float):
        return _number(value)
    # What json takes for one of these too, such as the values of choices (a str).
    if isinstance(value, str):
        return _quoted(str.__str__(value))
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, dict):
        return canonical(dict(value))
    if isinstance(value, list | tuple):
        return canonical(list(value))
    raise TypeError(f"{kind.__name__} is not part of JSON")


def _number(value: float) -> str:
    written = float.__repr__(value)
    if "e" in written:
        written = format(Decimal(written), "f")
    if "n" in written:
        raise ValueError(f"{value} is no number of JSON")
    if "." in written:
        written = written.rstrip("0").rstrip(".")
    return "0" if written == "-0" else written


def _moment(at: datetime) -> str:
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return f'"{at.isoformat(timespec="microseconds")[:-6]}Z"'


def content_of(event: Any) -> bytes:
    """The content of an event (a row of Event, or anything that has its attributes), as it is hashed."""
    values = [getattr(event, name) for name in COLUMNS]
    return content_of_values(values, before=canonical(event.before), after=canonical(event.after))


def content_of_values(values: Sequence[Any], *, before: str, after: str) -> bytes:
    """The content of an event whose values come in the order of COLUMNS, but for the two that are canonical already."""
    (key, actor_id, actor, _, at, batch, _, category, chain, comment, door, group_id, group, in_feed) = values[:14]
    (kind, package_id, package, position, region, target, agent, version) = values[14:]
    return (
        _FORM
        % (
            _quoted(key),
            "null" if actor_id is None else actor_id,
            _quoted(actor),
            after,
            _moment(at),
            "null" if batch is None else f'"{batch}"',
            before,
            _quoted(category),
            chain,
            _quoted(comment),
            _quoted(door),
            "null" if group_id is None else group_id,
            _quoted(group),
            "true" if in_feed else "false",
            _quoted(kind),
            "null" if package_id is None else package_id,
            _quoted(package),
            position,
            _quoted(region),
            _quoted(target),
            _quoted(agent),
            "null" if version is None else version,
        )
    ).encode("ascii")


def digest_of(previous: bytes, content: bytes) -> bytes:
    """The digest of an event of that content which stands behind the event with the digest `previous`."""
    return digest_behind(previous, sha256(content).digest())


def digest_behind(previous: bytes, link: bytes) -> bytes:
    """The same from `link`, the SHA-256 of the content."""
    return sha256(previous + link).digest()
