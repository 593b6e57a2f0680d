"""Read the JSON that AWS's tools leave behind, strictly, in each of their dialects; no database."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

# Bytes; DescribeModelPackage answers have a few kilobytes, but a registration of 5 MB is read back as more.
RECORD_MAX = 8 * 1024 * 1024
DEPTH_MAX = 64

OPERATIONS = ("DescribeModelPackageGroup", "DescribeModelPackage", "ListTags", "GetModelPackageGroupPolicy")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_TIME = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)[Tt ](?P<time>\d\d:\d\d:\d\d)(?:[.,](?P<fraction>\d{1,12}))?"
    r" ?(?P<zone>[Zz]|UTC|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
_ARN = re.compile(
    r"arn:aws[a-z-]*:sagemaker:(?P<region>[a-z0-9-]{9,16}):(?P<account>[0-9]{12})"
    r":(?P<kind>model-package|model-package-group)/(?P<name>[a-zA-Z0-9-]{1,63})(?:/(?P<version>[0-9]{1,9}))?",
    re.ASCII,
)


class BadRecord(ValueError):
    """A record that cannot be imported; the text says why, in a sentence without its end."""


class Arn(NamedTuple):
    """The parts of a group's or package's ARN; `version` is None for groups and unversioned packages."""

    region: str
    kind: str
    name: str
    version: int | None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise BadRecord(f"the member {shorten(twice)} is there twice")
    return found


def _constant(name: str) -> Any:
    raise BadRecord(f"{name} is no JSON number")


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_constant)
_BLANK = re.compile(r"[ \t\r\n\ufeff]*")


def shorten(text: object, length: int = 60) -> str:
    """A value as it may stand in a message: printable, and not longer than a line."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text)[: length + 1])
    return shown if len(shown) <= length else shown[: length - 1] + "…"


def skip_blank(text: str, start: int) -> int:
    """The position of the next JSON value at or after `start`; byte order marks count as blanks."""
    found = _BLANK.match(text, start)
    return found.end() if found else start


def decode(text: str, start: int = 0) -> tuple[Any, int]:
    """The JSON value that begins at `start`, and where it ends; raises BadRecord."""
    try:
        value, end = _DECODER.raw_decode(text, start)
    except BadRecord:
        raise
    except RecursionError:
        raise BadRecord(f"nested deeper than {DEPTH_MAX}") from None
    except json.JSONDecodeError as error:
        raise BadRecord(f"no JSON: {error.msg} at character {error.pos - start + 1}") from None
    except ValueError:
        raise BadRecord("no JSON: a number has too many digits") from None
    check_values(value)
    return value, end


def check_values(value: Any) -> None:
    """Refuse what no database can keep: deep nesting, numbers without end, NUL and halves of characters."""
    todo = [(value, 1)]
    while todo:
        item, depth = todo.pop()
        if depth > DEPTH_MAX:
            raise BadRecord(f"nested deeper than {DEPTH_MAX}")
        if isinstance(item, str):
            _check_text(item)
        elif isinstance(item, dict):
            for key in item:
                _check_text(key)
            todo.extend((inner, depth + 1) for inner in item.values())
        elif isinstance(item, list):
            todo.extend((inner, depth + 1) for inner in item)
        elif isinstance(item, float) and not math.isfinite(item):
            raise BadRecord("a number is too large")


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise BadRecord(f"a NUL character in {shorten(text)}")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise BadRecord(f"half a character in {shorten(text)}") from None


def unwrap(value: Any) -> dict[str, dict[str, Any]]:
    """The answers in a record, by operation: as registry.jsonl has them, or one bare answer told by its members.

    Raises BadRecord; an object that shows no sign of any answer is NotAnAnswer.
    """
    if not isinstance(value, dict):
        raise BadRecord("expected a JSON object, the answer of one describe call")
    found = {name: value[name] for name in OPERATIONS if value.get(name) is not None}
    if not found and value.keys() & {"ModelPackageArn", "ModelPackageVersion", "ModelPackageName"}:
        found = {"DescribeModelPackage": value}
    elif not found and value.keys() & {"ModelPackageGroupArn", "ModelPackageGroupName"}:
        found = {"DescribeModelPackageGroup": value}
    elif not found and "Tags" in value:
        found = {"ListTags": value}
    elif not found and "ResourcePolicy" in value:
        found = {"GetModelPackageGroupPolicy": value}
    if not found:
        raise NotAnAnswer(f"no answer of {OPERATIONS[0]}, {OPERATIONS[1]} or {OPERATIONS[2]}")
    for name, answer in found.items():
        if not isinstance(answer, dict):
            raise BadRecord(f"{name}: expected an object")
    return found


class NotAnAnswer(BadRecord):
    """A JSON value that is something else altogether, such as a metric report lying in the same folder."""


def parse_time(value: Any) -> datetime:
    """A time in UTC: seconds since 1970, or ISO 8601 with T or a blank, any zone, Z or none, any fraction.

    Raises BadRecord. A text without a zone is UTC, which is what boto3 hands out.
    """
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            moment = EPOCH + timedelta(seconds=value)
        elif isinstance(value, str) and (found := _TIME.fullmatch(value)):
            zone = found["zone"] or "Z"
            if zone in {"Z", "z", "UTC"}:
                zone = "+00:00"
            elif len(zone) == 3:
                zone += ":00"
            fraction = (found["fraction"] or "").ljust(6, "0")[:6]
            moment = datetime.fromisoformat(f"{found['day']}T{found['time']}.{fraction}{zone}").astimezone(UTC)
        else:
            raise ValueError
    except (ValueError, OverflowError):
        raise BadRecord(f"{shorten(value)} is no time") from None
    if moment < EPOCH:
        raise BadRecord(f"{shorten(value)} is a time before 1970")
    return moment


def parse_arn(value: str, kind: str) -> Arn:
    """The parts of an ARN of that kind ("model-package" or "model-package-group"); raises BadRecord."""
    found = _ARN.fullmatch(value)
    if found is None or found["kind"] != kind:
        raise BadRecord(f"{shorten(value)} is no ARN of a {kind}")
    return Arn(found["region"], kind, found["name"], int(found["version"]) if found["version"] else None)


def person(context: dict[str, Any]) -> str:
    """The name to show for a UserContext: the Studio profile's, else the identity's.

    Of an assumed role it is the role, since the session after it is any text (`assumed-role/mlops-ci/pipeline`).
    """
    name = context.get("UserProfileName")
    identity = context.get("IamIdentity")
    arn = identity.get("Arn") if isinstance(identity, dict) else None
    if not name and isinstance(arn, str):
        parts = arn.rpartition(":")[2].split("/")
        name = parts[1] if parts[0] == "assumed-role" and len(parts) > 1 else parts[-1]
    if name is not None and not isinstance(name, str):
        raise BadRecord("UserProfileName: expected text")
    if name and len(name) > 256:
        raise BadRecord("a user's name has more than 256 characters")
    return name or ""
