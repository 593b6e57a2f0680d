"""Equal values have one text on both databases, and the text is as good as the value."""

from __future__ import annotations

import json

import pytest
from django.db import connection, models
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from registry.backup.canonical import json_text, line_maker, rows_of
from registry.backup.tables import Column, Table, _kind, quoted

from .worlds import HOSTILE

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
numbers = st.integers(-(10**40), 10**40) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(values)
@example(HOSTILE)
def test_the_text_of_a_value_stays_as_it_is_and_means_the_same(value):
    text = json_text(json.dumps(value))
    assert json_text(text) == text
    assert json.loads(text, parse_int=float) == json.loads(json.dumps(value), parse_int=float)


@pytest.mark.django_db
@pytest.mark.postgresql_only
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(values)
@example(HOSTILE)
def test_jsonb_changes_nothing_of_it(value):
    written = json.dumps(value)
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::jsonb::text, %s::jsonb::text", [written, json_text(written)])
        assert {json_text(text) for text in cursor.fetchone()} == {json_text(written)}


def test_what_is_equal_has_one_text():
    assert {json_text(text) for text in ("-0.0", "0.0")} == {"0.0"}
    assert {json_text(text) for text in ("1e23", "1e+23", "100000000000000000000000")} == {"1" + "0" * 23}
    assert {json_text(text) for text in ("1e-7", "0.0000001")} == {"1e-07"}
    assert json_text('{"b":1,"a":[]}') == json_text('{ "a" : [], "b" : 1 }') == '{"a": [], "b": 1}'


def test_what_looks_alike_stays_apart():
    apart = ["null", '"null"', '""', "0", "false", "[]", "{}", '"0"', "1.5", '"1.5"', "1e-7"]
    assert len({*map(json_text, apart)}) == len(apart)
    lines = line_maker(["json", "text", "boolean"])
    rows = [(None, None, None), ("null", "", 0), ("null", "null", 1), (None, "", False)]
    assert len({*lines(rows).splitlines()}) == 4
    assert rows_of(lines(rows).splitlines())[1] == ["null", "", False]


def test_a_row_is_one_line_whatever_is_in_it():
    row = ("a\nb\r\u2028\u0085\x1e", '{"a": "\\n\u2028"}')
    lines = line_maker(["text", "json"])([row])
    assert lines.count(b"\n") == 1
    assert lines.isascii()
    assert rows_of(lines.split(b"\n")[:-1])[0][0] == row[0]


def test_a_column_of_an_unknown_kind_is_no_guess():
    with pytest.raises(TypeError, match="do not know how to write a DurationField"):
        _kind(models.DurationField(name="lasted"))


def test_names_are_names():
    assert quoted("events_event") == '"events_event"'
    for name in ('a"b', "a b", "a;", ""):
        with pytest.raises(ValueError, match="no name of a table"):
            quoted(name)
    with pytest.raises(ValueError, match="no name"):
        Table("t", "id", (Column("id", "integer"), Column('x" --', "text"))).select("sqlite")
