"""CSV files: what a spreadsheet would run is text, numbers stay numbers, and rows are not held in memory."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.web.spreadsheets import cell, csv_lines, csv_response


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\n=x", "  =1", "-cmd|' /C calc'!A0", "＝1"]
)
def test_cell_makes_text_that_begins_like_a_formula_inert(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (-1.5, -1.5),
        (0, 0),
        (True, "true"),
        ("plain", "plain"),
        ("a=b", "a=b"),
        ("'quoted", "'quoted"),
        ("nul\0", "nul\N{REPLACEMENT CHARACTER}"),
        (datetime(2026, 3, 1, 12, 30, tzinfo=UTC), "2026-03-01T12:30:00Z"),
        (datetime(2026, 3, 1, 12, 30, tzinfo=timezone(timedelta(hours=2))), "2026-03-01T10:30:00Z"),
    ],
)
def test_cell_keeps_what_is_harmless(value: object, shown: object) -> None:
    assert cell(value) == shown


@given(st.lists(st.lists(st.text() | st.integers() | st.floats(allow_nan=False), min_size=1), max_size=5))
def test_a_file_read_back_has_every_row_and_no_formula(rows: list[list[object]]) -> None:
    text = "".join(csv_lines(["name", "=value"], rows))
    assert text.startswith("\ufeff")
    header, *read = csv.reader(io.StringIO(text[1:], newline=""))
    assert header == ["name", "'=value"]
    assert len(read) == len(rows)
    for given_row, read_row in zip(rows, read, strict=True):
        for value, found in zip(given_row, read_row, strict=True):
            if isinstance(value, str):
                assert not found.startswith(("=", "+", "-", "@", "\t", "\r"))
                assert found.removeprefix("'") == value.replace("\0", "\N{REPLACEMENT CHARACTER}").removeprefix("'")
            else:
                assert float(found) == float(value)  # type: ignore[arg-type]


def test_csv_response_reads_its_rows_while_it_is_sent() -> None:
    read: list[int] = []

    def rows() -> Iterator[list[int]]:
        for number in range(3):
            read.append(number)
            yield [number]

    response = csv_response("versions.csv", ["n"], rows())
    lines = iter(response)
    assert next(lines) == b"\xef\xbb\xbfn\r\n"
    assert read == []
    assert next(lines) == b"0\r\n"
    assert read == [0]
    assert response["Content-Disposition"] == 'attachment; filename="versions.csv"'
    assert response["Content-Type"] == "text/csv; charset=utf-8"
