"""From the bytes of a request to checked members: strict JSON, types, and all constraint violations at once.

Each shape of the service model is compiled once into a function; contract sections 2 and 4.4 are the rules.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import regex

from . import service_model
from .errors import WireError, invalid

MAX_BODY = 5 * 1024 * 1024
MAX_DEPTH = 100
# More than this many violations help nobody and make the answer large.
_MAX_FAULTS = 100
_SHOWN = 200

Faults = list[str]
Check = Callable[[Any, str, Faults], Any]


def _unreadable(message: str) -> WireError:
    return WireError("SerializationException", message)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _unreadable("A member is given twice.")
    return found


def _no_constant(name: str) -> Any:
    raise _unreadable(f"{name} is not a JSON number.")


_BRACKETS = regex.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{}]', regex.DOTALL)


def _too_deep(body: bytes) -> bool:
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return False
    depth = 0
    for found in _BRACKETS.finditer(body):
        mark = found[0]
        if mark in (b"[", b"{"):
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif mark in (b"]", b"}"):
            depth -= 1
    return False


def read_body(body: bytes) -> dict[str, Any]:
    """The JSON object of a request body, {} for an empty one.

    Raises RequestEntityTooLarge (413) over 5 MB and SerializationException for what is no JSON object, a member given
    twice, NaN, a lone surrogate, or more than 100 levels.
    """
    if len(body) > MAX_BODY:
        raise WireError("RequestEntityTooLarge", f"The body is over {MAX_BODY} bytes.", 413)
    if not body:
        return {}
    if _too_deep(body):
        raise _unreadable(f"More than {MAX_DEPTH} levels.")
    try:
        text = body.decode()
        found = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
        if "\\u" in text:
            json.dumps(found, ensure_ascii=False).encode()
    except WireError:
        raise
    except (ValueError, RecursionError) as error:
        raise _unreadable("The body is no JSON text in UTF-8.") from error
    if not isinstance(found, dict):
        raise _unreadable("The body is no JSON object.")
    return found


def check_members(operation: str, sent: dict[str, Any]) -> dict[str, Any]:
    """The members of a request that the operation knows, checked; nulls and unknown members are left out.

    Raises SerializationException for a wrong JSON type and one ValidationException with all violations (4.4).
    """
    shape = service_model.load()["operations"][operation]["input"]
    faults: Faults = []
    members = _compiled(shape)(sent, "", faults)
    if faults:
        count = f"{len(faults)} validation error{'s' if len(faults) > 1 else ''} detected: "
        raise invalid(count + "; ".join(faults[:_MAX_FAULTS]))
    return members


def camel(member: str) -> str:
    """A member's name as it stands in validation messages: modelPackageGroupName."""
    return member[:1].lower() + member[1:]


def _say(value: Any) -> str:
    if value is None:
        return "null"
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return f"'{text if len(text) <= _SHOWN else text[:_SHOWN] + '...'}'"


def _fault(faults: Faults, value: Any, path: str, rule: str) -> None:
    faults.append(f"Value {_say(value)} at '{path}' failed to satisfy constraint: {rule}")


def _sizes(shape: service_model.Shape, noun: str) -> Callable[[Any, int | float, str, Faults], bool]:
    low, high = shape.get("min"), shape.get("max")

    def check(value: Any, size: int | float, path: str, faults: Faults) -> bool:
        if low is not None and size < low:
            _fault(faults, value, path, f"Member must have {noun} greater than or equal to {low}")
        elif high is not None and size > high:
            _fault(faults, value, path, f"Member must have {noun} less than or equal to {high}")
        else:
            return True
        return False

    return check


def java_pattern(pattern: str) -> regex.Pattern:
    """A pattern of the service model, which is Java's, for `regex`: `${1,128}` means the end, a dot any character."""
    return regex.compile(regex.sub(r"\$\{\d+,\d+\}$", "$", pattern), regex.DOTALL | regex.V0)


def _string(shape: service_model.Shape) -> Check:
    size = _sizes(shape, "length")
    pattern, allowed = shape.get("pattern"), shape.get("enum")
    compiled = java_pattern(pattern) if pattern and pattern not in (".*", "[\\s\\S]*") else None

    def check(value: Any, path: str, faults: Faults) -> str:
        if not isinstance(value, str):
            raise _unreadable(f"{path or 'The body'} must be a text.")
        if "\0" in value:
            _fault(faults, value.replace("\0", "\\0"), path, "Member must not contain the character NUL")
            return value
        fits = size(value, len(value), path, faults)
        if allowed is not None and value not in allowed:
            _fault(faults, value, path, f"Member must satisfy enum value set: [{', '.join(allowed)}]")
        # Lengths go first: a pattern on a text of megabytes would take its time.
        if fits and compiled is not None and not compiled.fullmatch(value):
            _fault(faults, value, path, f"Member must satisfy regular expression pattern: {pattern}")
        return value

    return check


def _number(shape: service_model.Shape) -> Check:
    size = _sizes(shape, "value")
    whole = shape["type"] in ("integer", "long")

    def check(value: Any, path: str, faults: Faults) -> int | float:
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            raise _unreadable(f"{path} must be {'an integer' if whole else 'a number'}.")
        if whole and not -(2**63) <= value < 2**63:
            raise _unreadable(f"{path} is out of range.")
        size(value, value, path, faults)
        return value

    return check


def _boolean(value: Any, path: str, faults: Faults) -> bool:
    if not isinstance(value, bool):
        raise _unreadable(f"{path} must be true or false.")
    return value


def _timestamp(value: Any, path: str, faults: Faults) -> datetime:
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        if not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise _unreadable(f"{path} must be a time: seconds since 1970, or an ISO 8601 text.")


def _list(shape: service_model.Shape) -> Check:
    size, member = _sizes(shape, "length"), shape["member"]

    def check(value: Any, path: str, faults: Faults) -> list[Any]:
        if not isinstance(value, list):
            raise _unreadable(f"{path} must be a list.")
        if not size(value, len(value), path, faults) and len(value) > 1000:
            return value
        test = _compiled(member)
        if None in value:
            raise _unreadable(f"{path} holds null.")
        return [test(item, f"{path}.{number}.member", faults) for number, item in enumerate(value, 1)]

    return check


def _map(shape: service_model.Shape) -> Check:
    size, key, item = _sizes(shape, "length"), shape["key"], shape["value"]

    def check(value: Any, path: str, faults: Faults) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _unreadable(f"{path} must be an object.")
        if not size(value, len(value), path, faults) and len(value) > 1000:
            return value
        test_key, test_item = _compiled(key), _compiled(item)
        found = {}
        for name, content in value.items():
            if content is None:
                continue
            here = f"{path}.{name if len(name) <= _SHOWN else name[:_SHOWN]}"
            found[test_key(name, f"{here}.key", faults)] = test_item(content, f"{here}.value", faults)
        return found

    return check


def _structure(shape: service_model.Shape) -> Check:
    members = shape["members"]
    required = shape.get("required", ())

    def check(value: Any, path: str, faults: Faults) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _unreadable(f"{path or 'The body'} must be an object.")
        prefix = f"{path}." if path else ""
        found = {}
        for name, content in value.items():
            if content is not None and name in members:
                found[name] = _compiled(members[name])(content, prefix + camel(name), faults)
        for name in required:
            if name not in found:
                _fault(faults, None, prefix + camel(name), "Member must not be null")
        return found

    return check


_BUILDERS: dict[str, Callable[[service_model.Shape], Check]] = {
    "string": _string,
    "integer": _number,
    "long": _number,
    "float": _number,
    "double": _number,
    "boolean": lambda shape: _boolean,
    "timestamp": lambda shape: _timestamp,
    "list": _list,
    "map": _map,
    "structure": _structure,
}


@cache
def _compiled(name: str) -> Check:
    shape = service_model.load()["shapes"][name]
    return _BUILDERS[shape["type"]](shape)
