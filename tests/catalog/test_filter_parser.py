"""The filter language as text: what is read, what is said about mistakes and where, and that reading never fails."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry.catalog.filters import (
    ACTIVITY,
    GROUPS,
    KEYS,
    PACKAGES,
    REVIEW,
    TIMELINE,
    And,
    Not,
    Or,
    Term,
    join,
    last_term,
    parse,
    tag_text,
)
from registry.catalog.filters.parser import MAX_DEPTH, MAX_LENGTH, MAX_TERMS
from registry.catalog.filters.terms import all_of, negated, one_of, terms_of
from registry.catalog.models import SavedView

pytestmark = pytest.mark.sqlite_only

A, B, C = Term("", "a"), Term("", "b"), Term("", "c")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("fraud xgb", [Term("", "fraud"), Term("", "xgb")]),
        ("tag:team=fraud", [Term("tag", "fraud", "team")]),
        ("TAG:team=a=b", [Term("tag", "a=b", "team")]),
        ("tag:team", [Term("tag", None, "team")]),
        ("tag:team=", [Term("tag", None, "team")]),
        ('tag:team=""', [Term("tag", "", "team")]),
        ('tag:"a=b"=c', [Term("tag", "c", "a=b")]),
        ('meta:"data set"="a b"', [Term("meta", "a b", "data set")]),
        ("-status:rejected", [Not(Term("status", "rejected"))]),
        ('-"-x" "status:x"', [Not(Term("", "-x")), Term("", "status:x")]),
        ("s3://bucket/key", [Term("", "s3://bucket/key")]),
        ("arn:aws:sagemaker:x:1:model-package-group/a", [Term("", "arn:aws:sagemaker:x:1:model-package-group/a")]),
        ('"open end', [Term("", "open end")]),
        ('""  ', []),
        ("metric:auc>0.94", [Term("metric", ">0.94", "auc")]),
        ("metric:auc<=-1e-3", [Term("metric", "<=-1e-3", "auc")]),
        ('metric:"a>b"=.5', [Term("metric", "=.5", "a>b")]),
        ("metric:auc", [Term("metric", None, "auc")]),
        ("check:unit-tests=Failure", [Term("check", "Failure", "unit-tests")]),
        ("created:2026-03-01..2026-03-31", [Term("created", "2026-03-01..2026-03-31")]),
        ("updated:..2026-03-31", [Term("updated", "..2026-03-31")]),
        # signs
        ("a AND b", [A, B]),
        ("a OR b", [Or((A, B))]),
        ("a b OR c", [Or((And((A, B)), C))]),
        ("a OR b c", [Or((A, And((B, C))))]),
        ("(a OR b) c", [Or((A, B)), C]),
        ("(a b) c", [A, B, C]),
        ("a OR (b OR c)", [Or((A, B, C))]),
        ("NOT a", [Not(A)]),
        ("NOT NOT a", [A]),
        ("NOT -a", [A]),
        ("-(a b)", [Not(And((A, B)))]),
        ("NOT (a OR b) c", [Not(Or((A, B))), C]),
        ("and or not Or", [Term("", "and"), Term("", "or"), Term("", "not"), Term("", "Or")]),
        ('"AND" a"OR" -"NOT"', [Term("", "AND"), Term("", "aOR"), Not(Term("", "NOT"))]),
        ("a-b - --c", [Term("", "a-b"), Term("", "-"), Not(Term("", "-c"))]),
        ('"a (b" tag:x="(1)"', [Term("", "a (b"), Term("tag", "(1)", "x")]),
        ("a(b)c", [A, B, C]),
    ],
)
def test_parse_reads_terms_and_signs(text: str, parts: list[Any]) -> None:
    assert list(parse(text).parts) == parts
    assert not parse(text).faults


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("team:fraud", "tag:team=fraud"),
        ("statsu:approved", "status:approved"),
        ("xgboost:1.7-1", "image:xgboost:1.7-1"),
        ("tags:team=fraud", "tag:team=fraud"),
        ("metrics:auc>0.9", "metric:auc>0.9"),
        ("status:aproved", "status:approved"),
        ("approved:yes", "status:approved"),
        ("updated:7", "updated:<7d"),
        ("updated:<2026-02-31", "updated:<7d"),
        ("created:..", "created:<7d"),
        ("metric:auc>0,94", "metric:auc>0.94"),
        ("metric:auc>high", ""),
        ("metric:auc>1e999", ""),
        ("metric:>1", ""),
        ("check:unit=fail", "check:unit=failure"),
        ("tag:", ""),
        ("by:", ""),
    ],
)
def test_a_mistake_is_told_at_its_place_and_filters_nothing(text: str, suggestion: str) -> None:
    query = parse(f"x -{text} fraud")
    (fault,) = query.faults
    assert fault.message
    assert (fault.start, fault.end) == (3, 3 + len(text))
    assert fault.suggestion == suggestion
    assert str(query.node) == "x fraud"
    if suggestion:
        assert not parse(suggestion).faults
        assert query.mended(fault) == f"x -{suggestion} fraud"


@pytest.mark.parametrize(
    ("text", "wrong", "rest"),
    [
        ("(a OR b", "(", "a OR b"),
        ("a) b", ")", "a b"),
        ("a () b", "()", "a b"),
        ("a OR", "OR", "a"),
        ("OR a", "OR", "a"),
        ("a AND", "AND", "a"),
        ("a OR OR b", "OR", "a OR b"),
        ("a AND OR b", "AND", "a OR b"),
        ("(a OR AND b)", "AND", "a OR b"),
        ("a NOT", "NOT", "a"),
        ("(a NOT) b", "NOT", "a b"),
        ("tag:team=(a OR b) c", "tag:team=", "(a OR b) c"),
        ("a OR statsu:x OR b", "statsu:x", "a OR b"),
        ("NOT (statsu:x)", "statsu:x", ""),
    ],
)
def test_a_mistake_in_the_signs_is_told_at_its_place_and_the_rest_filters(text: str, wrong: str, rest: str) -> None:
    query = parse(text)
    (fault,) = query.faults
    assert text[fault.start : fault.end] == wrong
    assert query.node == And(tuple(parse(rest).parts))
    assert not query.is_plain or wrong == "statsu:x"
    assert "fault" in {kind for _, kind in query.marked}
    assert "".join(piece for piece, _ in query.marked) == text


def test_limits_are_told_where_they_are_passed() -> None:
    query = parse(" ".join(f"w{n}" for n in range(MAX_TERMS + 2)))
    assert len(query.node.nodes) == MAX_TERMS
    (fault,) = query.faults
    assert query.source[fault.start : fault.end] == f"w{MAX_TERMS} w{MAX_TERMS + 1}"
    assert not parse("(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH).faults
    (fault,) = parse("b " + "(" * (MAX_DEPTH + 1) + "a" + ")" * (MAX_DEPTH + 1)).faults
    assert fault.start == 2 + MAX_DEPTH and "20 parentheses" in fault.message
    (fault,) = parse('"' + "x" * (MAX_LENGTH + 50)).faults
    assert fault.start == MAX_LENGTH and "2,000 characters" in fault.message
    assert parse(parse("x " * 1500).text).faults == parse("x " * 1500).faults


def test_the_longest_texts_are_read_at_once() -> None:
    for sign in (
        "(",
        ")",
        "-",
        "NOT ",
        "OR ",
        "AND ",
        '"',
        "\\",
        "a ",
        "a OR ",
        "(a OR ",
        "-(",
        "tag:",
        ":",
        "metric:a>",
    ):
        text = sign * (MAX_LENGTH * 50 // len(sign))
        began = time.process_time()
        query = parse(text)
        assert (query.text, query.marked, query.is_plain) is not None
        assert time.process_time() - began < 0.5, sign


def test_each_list_says_which_keys_it_lacks() -> None:
    def told(text: str, of: str) -> list[tuple[str, str]]:
        return [(fault.message, fault.suggestion) for fault in parse(text, of=of).faults]

    assert told("approved:none", TIMELINE) == [
        ("approved: is about groups. For versions use status:approved.", "status:approved")
    ]
    assert "Tags are on the group" in told("tag:a=b", TIMELINE)[0][0]
    assert told("status:approved", ACTIVITY)[0][1] == "type:review"
    assert told("meta:a=b", ACTIVITY) == [("meta: says nothing about the activity.", "")]
    assert told("group:x", PACKAGES) == [("group: says nothing about unversioned packages.", "")]
    assert told("metric:auc>1 check:a=failure created:<7d", GROUPS) == []
    assert told("group:fraud* metric:auc>1 waiting", REVIEW) == []
    assert told("type:reviews", ACTIVITY)[0][1] == "type:review"
    # A misspelled key of another list is not taken for one of this list that looks like it.
    assert told("stag:Production", ACTIVITY) == [
        ("There is no filter stag:. stage: says nothing about the activity.", "")
    ]
    assert told("stag:Production", GROUPS) == [("There is no filter stag:.", "stage:Production")]
    assert told("statsu:approved", ACTIVITY)[0][1] == "type:review"
    assert set(KEYS) == set(SavedView.Page.values)


def test_tag_text_quotes_what_the_language_would_read_otherwise() -> None:
    assert tag_text("team", "fraud") == "tag:team=fraud"
    assert parse(tag_text("a b=c", "")).parts == (Term("tag", "", "a b=c"),)
    assert parse(tag_text("(a", "OR")).parts == (Term("tag", "OR", "(a"),)


def test_several_filters_are_joined_so_that_all_must_match() -> None:
    assert join(["tag:a=b", "x OR y"]) == "tag:a=b (x OR y)"
    assert join(["tag:a=b", "x y"]) == "tag:a=b x y"
    assert join(["", "x OR y", " "]) == "x OR y"
    assert join(["a", "x OR (y"]) == "a x OR (y"


@pytest.mark.parametrize(
    ("typed", "filters"),
    [
        ("a tag:team=fr", "a tag:team=fr*"),
        ("a -tag:team=fr", "a -tag:team=fr*"),
        ("a -tag:te", "a"),
        ("a OR meta:k=1", "a OR meta:k=1*"),
        ("(a OR status:appr", "a"),
        ("(a OR status:approved", "a OR status:approved"),
        ("a OR ", "a"),
        ("metric:auc>", ""),
        ("x (by:ana OR", "x by:ana"),
        ("fra", "fra"),
    ],
)
def test_what_is_not_finished_filters_nothing_and_is_no_mistake(typed: str, filters: str) -> None:
    query = parse(typed).while_typing()
    assert query.faults == ()
    assert query.node == parse(filters).node


def test_last_term_is_the_one_that_is_typed() -> None:
    assert last_term("(a OR -tag:te") == (7, Term("tag", None, "te"))
    assert last_term("a ") is None and last_term("(") is None and last_term("a OR") is None


# ---------- any text ----------


SIGNS = st.sampled_from(
    [
        *[
            "tag:",
            "meta:",
            "metric:",
            "check:",
            "status:",
            "by:",
            "created:",
            "updated:",
            "AND",
            "OR",
            "NOT",
            "<7d",
            "0.5",
            "..",
            "b:",
        ],
        *'"\\=- a()>*',
        " OR ",
        "x y",
    ]
)
TEXTS = st.text(max_size=60) | st.lists(SIGNS, max_size=20).map("".join)


@given(TEXTS, st.sampled_from(sorted(KEYS)))
@example("A:AND(", "activity")
def test_any_text_is_read_and_its_mistakes_have_a_place(text: str, of: str) -> None:
    query = parse(text, of=of)
    for fault in query.faults:
        assert 0 <= fault.start < fault.end <= len(query.source) and fault.message
        if fault.suggestion:
            better = parse(query.mended(fault), of=of)
            assert len(better.faults) < len(query.faults)
    assert "".join(piece for piece, _ in query.marked) == query.source
    query.while_typing(), query.split(), [query.around(fault) for fault in query.faults]


@given(TEXTS)
@example(')" ')
def test_a_query_is_read_again_as_it_is_written_in_an_address(text: str) -> None:
    query = parse(text)
    again = parse(query.text)
    assert again == query
    assert [fault.message for fault in again.faults] == [fault.message for fault in query.faults]


WORDS = st.sampled_from(["a", "b", "AND", "OR", "x y", "-", "(", "status:x", '"', "\\"])
TERMS = st.one_of(
    WORDS.map(lambda word: Term("", word)),
    st.tuples(WORDS, WORDS).map(lambda pair: Term("tag", pair[1], pair[0])),
    st.tuples(WORDS, st.sampled_from([">0.5", "<=1e3", "=-2"])).map(lambda pair: Term("metric", pair[1], pair[0])),
    WORDS.map(lambda word: Term("by", word)),
    st.sampled_from(["approved", "none"]).map(lambda word: Term("status", word)),
)
TREES = st.recursive(
    TERMS,
    lambda inner: (
        st.lists(inner, min_size=2, max_size=3).map(all_of)
        | st.lists(inner, min_size=2, max_size=3).map(one_of)
        | inner.map(negated)
    ),
    max_leaves=12,
)


@given(TREES)
def test_a_tree_is_read_again_as_it_is_written(tree: Any) -> None:
    query = parse(str(tree))
    assert not query.faults
    assert all_of(list(query.parts)) == tree
    assert list(terms_of(query.node)) == list(terms_of(tree))


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_tag_is_found_by_its_own_filter_text(key: str, value: str) -> None:
    key, value = key.replace("\x00", ""), value.replace("\x00", "")
    if key:
        assert parse(tag_text(key, value)).parts == (Term("tag", value, key),)
