"""Words, numbers, icons and components: what every page is made of."""

import math
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.template import engines
from django.test import RequestFactory
from markupsafe import Markup

from registry.web import wording
from registry.web.htmx import is_fragment, redirect_to, toast
from registry.web.icons import MARKS, icon_in_place, mark, mark_in_place
from registry.web.jinja import breaks
from registry.web.sentences import Sentence
from registry.web.uris import UriPiece, uri_parts, uri_pieces

NOW = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)


def render(source: str, **context: Any) -> str:
    return engines["jinja2"].env.from_string('{% import "components/ui.html" as ui %}' + source).render(**context)


# ---------- time ----------


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (timedelta(seconds=20), "just now"),
        (timedelta(seconds=-20), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(minutes=59), "59 minutes ago"),
        (timedelta(hours=2), "2 hours ago"),
        (timedelta(hours=23), "23 hours ago"),
        (timedelta(hours=25), "yesterday"),
        (timedelta(days=2), "2 days ago"),
        (timedelta(days=12), "12 days ago"),
        (timedelta(days=14), "2 weeks ago"),
        (timedelta(days=56), "8 weeks ago"),
        (timedelta(days=61), "2 months ago"),
        (timedelta(days=364), "12 months ago"),
        (timedelta(days=366), "1 year ago"),
        (timedelta(days=3000), "8 years ago"),
        (timedelta(days=-6), "in 6 days"),
    ],
)
def test_ago_says_what_the_design_says(before: timedelta, words: str) -> None:
    assert wording.ago(NOW - before, NOW) == words


def test_time_words_take_what_queries_give() -> None:
    assert wording.ago(None) == wording.utc(None) == wording.iso(None) == wording.age(None) == ""
    assert wording.utc(datetime(2026, 11, 22, 13, 57)) == "2026-11-22 13:57 UTC", "naive is UTC"
    assert wording.utc("2026-11-22T14:57:00+01:00") == "2026-11-22 13:57 UTC"
    assert wording.iso(NOW) == "2026-11-22T16:00:00Z"
    assert wording.utc("soon") == ""
    assert wording.ago(datetime.min, NOW).endswith("years ago")


def test_day_and_period_names() -> None:
    today = NOW.date()
    assert wording.day_name(today, today) == "Today"
    assert wording.day_name(NOW - timedelta(days=1), today) == "Yesterday"
    assert wording.day_name(date(2026, 11, 20), today) == "Friday 20 November"
    assert wording.day_name(date(2025, 11, 20), today) == "Thursday 20 November 2025"
    assert wording.period_name(date(2026, 11, 16), today) == "Last 7 days"
    assert wording.period_name(date(2026, 11, 15), today) == "November 2026"


# ---------- numbers ----------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.9478, "0.9478"),
        (0.94781234, "0.9478"),
        (13.4, "13.4"),
        (0.038, "0.038"),
        (1, "1"),
        (0, "0"),
        (-0.0, "0"),
        (0.1 + 0.2, "0.3"),
        (-0.001, "−0.001"),
        (0.0000421, "0.0000421"),
        (1234.5678, "1,235"),
        (25_800_000, "25,800,000"),
        (1.5e12, "1.5e12"),
        (10**400, "–"),
        (1e-9, "1e−9"),
        (math.nan, "NaN"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (None, "–"),
        ("many", "–"),
        ("0.5", "0.5"),
    ],
)
def test_number_shows_four_significant_digits(value: Any, text: str) -> None:
    assert wording.number(value) == text


def test_digits_for_gives_a_column_one_width() -> None:
    values = [0.9478, 0.944, 0.95]
    digits = wording.digits_for(values)
    assert [wording.number(v, digits) for v in values] == ["0.9478", "0.9440", "0.9500"]
    assert wording.digits_for([13.4, 11.6]) == 1
    assert wording.digits_for([0.99996, 1.0]) == 0
    assert wording.digits_for([]) == wording.digits_for([None, math.nan, 1e300, 5]) == 0


def test_signed_has_a_real_minus_and_never_says_plus_zero_for_a_change() -> None:
    assert wording.signed(0.0031, 4) == "+0.0031"
    assert wording.signed(-0.001, 4) == "−0.0010"
    assert wording.signed(0.00002, 4) == "+0.00002"
    assert wording.signed(0) == "0"
    assert wording.signed(math.nan) == "NaN"
    assert wording.signed(None) == "–"


# ---------- names ----------


def test_short_names_of_images_and_artifacts() -> None:
    host = "683313688378.dkr.ecr.us-east-1.amazonaws.com/"
    assert wording.short_image(host + "sagemaker-xgboost:1.7-1") == "sagemaker-xgboost:1.7-1"
    assert wording.short_image("ghcr.io/team/model@sha256:" + "ab" * 32) == "model@abababababab"
    assert wording.short_image(None) == wording.short_path(None) == ""
    assert wording.short_path("s3://b/fraud/2026-11-10/model.tar.gz", "fraud") == "2026-11-10/model.tar.gz"
    assert wording.short_path("s3://b/other/model.tar.gz", "fraud") == "other/model.tar.gz"
    assert wording.short_path("s3://b") == "s3://b"


def test_machines_and_initials() -> None:
    assert [n for n in ("mlops-ci", "drift-monitor", "deploy-bot", "system", "lucia", None) if wording.is_bot(n)] == [
        "mlops-ci",
        "drift-monitor",
        "deploy-bot",
        "system",
    ]
    assert [wording.initials(n) for n in ("reviewer-a", "admin", "data-scientist-c", "x", "", None)] == [
        "RA",
        "AD",
        "DC",
        "X",
        "?",
        "?",
    ]


def test_uri_pieces_mark_only_the_segments_that_differ() -> None:
    host, pieces = uri_pieces("s3://acme/fraud/2026-11-22/model.tar.gz", "s3://acme/fraud/2026-11-10/model.tar.gz")
    assert host == "s3://acme/"
    assert [p.text for p in pieces if p.changed] == ["2026-11-22"]
    assert "".join(p.text for p in pieces) == "fraud/2026-11-22/model.tar.gz"
    assert uri_pieces("plain") == ("", [UriPiece("plain", False)])
    assert uri_pieces(None, "x") == uri_pieces("") == ("", [])
    assert uri_parts("localhost:5000/img:1") == ("localhost:5000/", "img:1")


def test_breaks_escapes_first() -> None:
    assert breaks("<b>/recall_at") == "&lt;b&gt;/<wbr>recall_<wbr>at"


# ---------- status ----------


@pytest.mark.parametrize(
    ("status", "slug", "word"),
    [
        ("Approved", "approved", "Approved"),
        ("PendingManualApproval", "pending", "Waiting"),
        ("Rejected", "rejected", "Rejected"),
        (None, "none", "No status"),
        ("", "none", "No status"),
        ("Unheard", "none", "No status"),
    ],
)
def test_status_is_shape_word_and_colour(status: str | None, slug: str, word: str) -> None:
    drawn = render("{{ ui.status(status) }}", status=status)
    assert f"#mark-{slug}" in drawn and f"status--{slug}" in drawn
    assert drawn.endswith(f"{word}</span>")
    assert f"mark--{slug}" in mark(status)
    assert f"mark--{slug}" in mark_in_place(status) and MARKS[slug] in mark_in_place(status)


# ---------- components ----------


@pytest.mark.parametrize(
    ("call", "expected", "verdict"),
    [
        ("0.0031, 'higher', 4", "+0.0031", "better"),
        ("-0.0031, 'higher', 4", "−0.0031", "worse"),
        ("-0.0031, 'lower', 4", "−0.0031", "better"),
        ("1.8, 'lower', 1, ' ms'", "+1.8 ms", "worse"),
        ("1.8", "+1.8", ""),
    ],
)
def test_delta_says_direction_by_sign_arrow_and_word(call: str, expected: str, verdict: str) -> None:
    drawn = render("{{ ui.delta(" + call + ") }}")
    assert expected in drawn
    assert (icon_in_place("arrow-up") in drawn, icon_in_place("arrow-down") in drawn) == (
        expected[0] == "+",
        expected[0] != "+",
    )
    assert re.findall(r"delta--(\w+)", drawn) == ([verdict] if verdict else [])
    assert (f'<span class="vh"> {verdict}</span>' in drawn) == bool(verdict)


def test_delta_without_a_change() -> None:
    assert ">same<" in render("{{ ui.delta(0, 'higher') }}")
    assert ">first version<" in render("{{ ui.delta(None, 'higher') }}")
    assert render("{{ ui.delta(None, first='') }}") == ""
    assert "better" not in render("{{ ui.delta(nan, 'lower') }}", nan=math.nan)


def test_stage_fills_bars_up_to_its_place() -> None:
    assert render("{{ ui.stage('Staging', 2) }}").count('class="on"') == 2
    assert render("{{ ui.stage('Fifth', 5, 6) }}").count('class="on"') == 3
    assert "<svg" not in render("{{ ui.stage('Unknown') }}")
    assert render("{{ ui.stage('') }}") == ""


def test_field_ties_its_error_to_the_control_and_keeps_what_was_typed() -> None:
    drawn = render("{{ ui.field('name', 'Name', '<a b>', ['Spaces are not allowed.'], hint='h') }}")
    assert 'value="&lt;a b&gt;"' in drawn
    assert 'aria-invalid="true" aria-describedby="id_name-d"' in drawn
    assert '<span class="field__err" id="id_name-d">' in drawn
    assert "field__hint" not in drawn
    assert "secret" not in render("{{ ui.field('p', 'Password', 'secret', type='password') }}")


def test_bound_draws_djangos_fields() -> None:
    from django import forms

    class Example(forms.Form):
        name = forms.CharField(max_length=63)
        note = forms.CharField(widget=forms.Textarea, required=False, help_text="Why?")
        stage = forms.ChoiceField(choices=[("a", "A"), ("b", "B")], required=False)

    form = Example({"name": "", "note": "x<y", "stage": "b"})
    drawn = render(
        "{{ ui.form_errors(form) }}{{ ui.bound(form['name']) }}{{ ui.bound(form['note']) }}"
        "{{ ui.bound(form['stage']) }}",
        form=form,
    )
    assert 'href="#id_name">Name: This field is required.</a>' in drawn
    assert 'id="id_name"' in drawn and 'maxlength="63"' in drawn and 'aria-invalid="true"' in drawn
    assert "x&lt;y</textarea>" in drawn and "Why?" in drawn
    assert '<option value="b" selected>B</option>' in drawn


def test_pager_facet_and_tokens_work_as_plain_links_and_forms() -> None:
    drawn = render("{{ ui.pager('1–25 of 38', older='/groups/?after=9', target='groups-list') }}")
    assert 'href="/groups/?after=9"' in drawn and 'hx-target="#groups-list"' in drawn
    assert 'aria-disabled="true"' in drawn
    drawn = render("{{ ui.facet('f', 'Stage', 'stage', [('S', 'Staging', 3)], ['S']) }}")
    assert '<input class="check" type="checkbox" name="stage" value="S" checked>' in drawn and "<noscript>" in drawn
    assert 'href="/x"' in render("{{ ui.token('tag:', 'a', '/x') }}")


def test_link_makes_no_link_of_a_script() -> None:
    assert "<a" not in render("{{ ui.link('javascript:alert(1)') }}")
    assert 'href="https://git.example.com/a"' in render("{{ ui.link('https://git.example.com/a') }}")


def test_components_escape_every_input() -> None:
    evil = '"><script>alert(1)</script>'
    drawn = render(
        "{{ ui.tag(e, e, e) }}{{ ui.chip(e, e) }}{{ ui.copy(e, e) }}{{ ui.uri(e, 's3://b/x') }}{{ ui.who(e) }}"
        "{{ ui.stage(e, 1) }}{{ ui.badge(e) }}{{ ui.token(e, e, e, e) }}{{ ui.region(e, true) }}"
        "{{ ui.field(e, e, e, e) }}"
        "{{ ui.textarea(e, e, e, e) }}{{ ui.select(e, e, [(e, e)], e) }}{{ ui.head(e, [(e, e)], e) }}"
        "{{ ui.empty(e, e) }}"
        "{{ ui.error_summary([(e, e, e)]) }}{{ ui.facet(e, e, e, [(e, e, e)], [e]) }}{{ ui.pager(e, e, e, e) }}"
        "{% call(s) ui.feed_lines(told) %}x{% endcall %}{{ ui.version(e, e) }}{{ ui.sort_link(e, e) }}",
        e=evil,
        told=[Sentence(1, NOW, evil, "pencil", Markup(""), evil, evil)],
    )
    assert "<script" not in drawn


def test_components_carry_no_inline_style_or_script() -> None:
    for file in Path(settings.BASE_DIR).glob("templates/**/*.html"):
        text = file.read_text()
        assert not re.search(r"\sstyle=|<style|<script(?! src=)|\shx-on|\son\w+=|js:|javascript:", text), file


def test_every_component_says_what_it_takes() -> None:
    for file in (Path(settings.BASE_DIR) / "templates/components").glob("[a-z]*.html"):
        lines = file.read_text().splitlines()
        for above, line in zip(["", *lines], lines, strict=False):
            if found := re.match(r"{% macro ([a-z]\w*)\(", line):
                assert above.startswith(f"{{# {found[1]}("), f"{file.name}: {found[1]}"


# ---------- the page around all pages ----------


def page_for(user: Any, **context: Any) -> str:
    request = RequestFactory().get("/", headers={"cookie": "theme=dark"})
    request.user = user
    request._messages = []  # type: ignore[attr-defined]
    template = engines["jinja2"].from_string('{% extends "base.html" %}{% block title %}T{% endblock %}')
    return template.render(context, request)


def test_base_page_shows_each_person_what_exists_for_them(cast: dict[str, Any]) -> None:
    drawn = page_for(cast["viewer"], nav="activity")
    assert re.findall(r'nav__a" href="([^"]+)"', drawn) == ["/groups/", "/packages/", "/review/", "/activity/"]
    assert 'href="/activity/" aria-current="page"' in drawn
    assert "/settings/users/" not in drawn and "/admin/" not in drawn
    assert "Role viewer" in drawn and 'data-theme="dark"' in drawn
    assert 'method="post" action="/logout/"' in drawn and "csrfmiddlewaretoken" in drawn
    assert "/settings/users/" in page_for(cast["admin"])


def test_base_page_of_a_stranger_and_without_a_request() -> None:
    from django.contrib.auth.models import AnonymousUser

    drawn = page_for(AnonymousUser())
    assert 'href="/login/"' in drawn and "usermenu" not in drawn and 'class="nav"' not in drawn
    bare = engines["jinja2"].from_string('{% extends "base.html" %}').render({})
    assert 'data-theme="auto"' in bare and "hx-headers" not in bare


def test_base_page_asks_no_query_beside_the_role(cast: dict[str, Any], django_assert_num_queries: Any) -> None:
    user = type(cast["viewer"]).objects.get(pk=cast["viewer"].pk)
    with django_assert_num_queries(1):
        page_for(user)


# ---------- page or fragment ----------


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),
        ({"HX-Request": "true"}, True),
        ({"HX-Request": "true", "HX-Boosted": "true"}, False),
        ({"HX-Request": "true", "HX-History-Restore-Request": "true"}, False),
    ],
)
def test_is_fragment(headers: dict[str, str], expected: bool) -> None:
    assert is_fragment(RequestFactory().get("/", headers=headers)) is expected


def test_answers_for_htmx() -> None:
    plain, ours = RequestFactory().get("/"), RequestFactory().get("/", headers={"HX-Request": "true"})
    assert redirect_to(plain, "/groups/")["Location"] == "/groups/"
    assert redirect_to(ours, "/groups/")["HX-Redirect"] == "/groups/"
    assert redirect_to(ours, "/groups/").status_code == 200
    assert toast(HttpResponse(), "Größe saved")["HX-Trigger"].isascii()
