"""JSON that stands inside a text that was stored as it came: model cards, policies, metric reports. Pure."""

from __future__ import annotations

import json
from typing import Any

DEEPEST = 100  # levels; what draws or writes a deeper one would run out of stack


def read_json(text: str) -> Any:
    """What a JSON text says.

    Raises ValueError for what is none, for more than DEEPEST levels, and for halves of pairs of code units ("\\ud800"),
    which no page and no database can carry.
    """
    try:
        found = json.loads(text)
        if "\\u" in text:
            json.dumps(found, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("It is nested too deeply.") from None
    if text.count("[") + text.count("{") > DEEPEST and _is_too_deep(found):
        raise ValueError(f"It has more than {DEEPEST} levels.")
    return found


def _is_too_deep(found: Any) -> bool:
    level = [found]
    for _ in range(DEEPEST):
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict | list):
                inner += value.values() if isinstance(value, dict) else value
        if not inner:
            return False
        level = inner
    return any(isinstance(value, dict | list) for value in level)
