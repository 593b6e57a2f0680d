"""What templates print is what MarkupSafe would print, and a drawing is part of them only where it is the global."""

from __future__ import annotations

import pytest
from django.template import engines
from markupsafe import Markup, escape

from registry.catalog.models import ApprovalStatus
from registry.web.icons import icon
from registry.web.templating import output


@pytest.mark.parametrize(
    "value", ["<a b='c'>&\"", "", Markup("<b>x</b>"), 7, True, None, 1.5, ApprovalStatus.WAITING, ["<"], b"<"]
)
def test_a_value_is_printed_as_markupsafe_escapes_it(value: object) -> None:
    assert output(value) == str(escape(value))
    page = engines["jinja2"].from_string("{{ value }}|{% set a %}{{ value }}{% endset %}{{ a }}")
    assert page.render({"value": value}) == f"{escape(value)}|{escape(value)}"


def test_a_drawing_with_constant_arguments_is_the_globals_own() -> None:
    page = engines["jinja2"].from_string(
        '{% macro own(icon) %}{{ icon("x") }}{% endmacro %}{{ icon("x") }}|{{ own(shout) }}|{{ icon(name) }}'
    )
    assert page.render({"shout": lambda name: f"<{name}>", "name": "x"}) == f"{icon('x')}|&lt;x&gt;|{icon('x')}"
