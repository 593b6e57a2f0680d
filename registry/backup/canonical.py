"""One text for each row, whatever database it comes from: equal rows are equal bytes, so that digests can be compared.

A row is a JSON array in ASCII on a line of its own. Times are UTC with six digits after the second, UUIDs 32 hex
digits, bytes hex digits; a JSON column is a string that holds JSON, its members sorted. Numbers in JSON are as
PostgreSQL's jsonb holds them: 1e+23 has 24 digits and zero has no sign.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

_encode_json = json.JSONEncoder(sort_keys=True).encode
_encode_row = json.JSONEncoder(separators=(",", ":")).encode


def _number(token: str) -> int | float:
    """A number with a point or an exponent, from its digits."""
    if "e" in token or "E" in token:
        exact = Decimal(token)
        if exact == exact.to_integral_value():
            return int(exact)
    # Not -0.0, which jsonb does not know.
    return float(token) + 0.0


# Specifications and people's contexts are the same over many rows.
@lru_cache(maxsize=2048)
def json_text(text: str) -> str:
    """The canonical text of a JSON value; also what goes into a database on the way back."""
    return _encode_json(json.loads(text, parse_float=_number))


def line_maker(kinds: Sequence[str]) -> Callable[[Iterable[Sequence[Any]]], bytes]:
    """A function from rows, as the queries of tables.py give them, to their lines; `kinds` are those of the columns."""
    converters: list[tuple[int, Callable[[Any], Any]]] = [
        (place, json_text if kind == "json" else bool)
        for place, kind in enumerate(kinds)
        # SQLite has no booleans, only 0 and 1.
        if kind in {"json", "boolean"}
    ]

    def lines(rows: Iterable[Sequence[Any]]) -> bytes:
        made = []
        for row in rows:
            values = list(row)
            for place, convert in converters:
                if (value := values[place]) is not None:
                    values[place] = convert(value)
            made.append(_encode_row(values))
        made.append("")
        return "\n".join(made).encode("ascii")

    return lines


def rows_of(lines: Sequence[bytes]) -> list[list[Any]]:
    """The rows that lines stand for; ValueError for what is no row."""
    rows: list[list[Any]] = json.loads(b"[" + b",".join(lines) + b"]")
    return rows
