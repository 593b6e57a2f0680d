"""Rows that were drawn before are what they would be now: nothing has a say in them but what they are kept by."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.template import engines
from django.test import Client
from django.utils.functional import SimpleLazyObject
from jinja2 import meta, nodes
from markupsafe import Markup

from registry.accounts.models import User
from registry.catalog import services
from registry.catalog.models import ModelPackage
from registry.web import wording
from registry.web.drawn import SHELF, Drawings, drawings, now
from tests.factories import an_actor, make_group, make_package, make_version, specification

TEMPLATES = Path(settings.BASE_DIR) / "templates"
DRAWS = [path for path in TEMPLATES.rglob("*.html") if "drawn(" in path.read_text()]
# What such a macro may use beside its arguments: each draws or says the same for the same arguments.
PURE = {
    *("group_form", "icon", "icon_in_place", "mark", "mark_in_place", "package_path", "stage_bars", "strip"),
    *("tag_href", "tell", "uri_pieces", "url"),
}


def environment():
    return engines["jinja2"].env


def drawn_macros() -> set[tuple[str, str]]:
    """(template, macro) of all that is drawn by `drawn`."""
    found = set()
    for path in DRAWS:
        tree = environment().parse(path.read_text())
        imported = {}
        for statement in tree.find_all(nodes.FromImport):
            for name in statement.names if not statement.with_context else ():
                macro, alias = (name, name) if isinstance(name, str) else name
                imported[alias] = (statement.template.value, macro)
        for call in tree.find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name == "drawn":
                # KeyError: a macro of the page itself would be another one for each page.
                found.add(imported[call.args[0].name])
    return found


def asked_by(template: str) -> set[str]:
    """The names that a template takes from outside, with those of what it imports."""
    tree = environment().parse((TEMPLATES / template).read_text())
    set_here = {name.name for name in tree.find_all(nodes.Name) if name.ctx == "store"}
    asked = meta.find_undeclared_variables(tree) - set_here
    return asked.union(*map(asked_by, filter(None, meta.find_referenced_templates(tree))))


def test_rows_are_drawn_by_imported_macros_from_their_arguments_and_what_never_changes():
    macros = drawn_macros()
    assert len(macros) >= 6
    for template, _ in macros:
        assert asked_by(template) - {"caller"} <= PURE, template


def test_what_asks_for_the_time_cannot_be_kept():
    moment = now() - timedelta(hours=2)
    memory = Drawings()
    for word in (wording.ago, wording.age, wording.day_name, wording.period_name):
        with pytest.raises(RuntimeError, match="what time it is"):
            memory.drawn(word, moment)
        assert word(moment), "and outside of a drawing it can"
    assert len(memory) == 0


def test_equal_values_that_are_written_otherwise_are_other_rows():
    memory = Drawings()
    page = environment().from_string("{% macro row(value) %}{{ value }}{% endmacro %}").module.row
    for value, text in ((1, "1"), (1.0, "1.0"), (True, "True"), ("<b>", "&lt;b&gt;"), (Markup("<b>"), "<b>")):
        assert memory.drawn(page, value) == text
        assert memory.drawn(page, value) == text


def test_what_could_change_later_is_no_part_of_a_row():
    for value in ([1], {"a": 1}, SimpleLazyObject(lambda: True)):
        with pytest.raises(TypeError):
            Drawings().drawn(str, value)


def test_a_worker_keeps_a_bounded_amount_and_forgets_what_was_not_asked_for():
    memory, drawings_made = Drawings(shelf=100_000), []

    def draw(number: int) -> str:
        drawings_made.append(number)
        return "x" * 1000

    for number in range(2000):
        memory.drawn(draw, number)
        memory.drawn(draw, 0)
    assert len(memory) < 80, "two shelves of less than 40"
    assert drawings_made.count(0) < 60, "a row that is asked for again and again stays"
    memory.drawn(draw, 0)
    assert drawings_made[-1] == 1999
    assert SHELF <= 4_000_000


@pytest.fixture
def pages(cast: dict[str, User]) -> list[str]:
    group = make_group("fraud", description="<b>&amp;", tags=[("team", "risk=co")])
    for number in range(4):
        make_version(
            group,
            approval_status=("Approved", "PendingManualApproval", "Rejected", None)[number],
            inference_specification=specification("train:1"),
            customer_metadata_properties={"a": "1", "b": str(number), "c": "2"},
        )
    make_version(make_group("other", region="eu-west-1"), approval_status="PendingManualApproval")
    make_package("alone", inference_specification=specification("train:1"))
    path = group.get_absolute_url()
    return [
        "/groups/",
        "/groups/?q=fraud",
        "/groups/?sort=name",
        path,
        f"{path}?status=waiting",
        f"{path}?before=3",
        f"{path}?as_of={datetime.now(UTC):%Y-%m-%d}",
        "/activity/",
        "/activity/?type=registration",
        "/review/",
        "/review/?who=all",
        "/review/?who=decided",
        "/used/?image=train:1",
    ]


def body(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    # The one thing that is another each time.
    return re.sub(r'("X-CSRFToken": "|name="csrfmiddlewaretoken" value=")\w+', r"\1", answer.content.decode())


def test_pages_are_the_same_from_memory_and_drawn_anew_for_each_reader_and_on_each_day(
    cast: dict[str, User], pages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = {name: Client() for name in ("viewer", "reviewer", "admin")}
    for name, client in clients.items():
        client.force_login(cast[name])
    seen = []
    for later in (timedelta(), timedelta(hours=3), timedelta(days=40)):
        moment = datetime.now(UTC) + later
        for name, client in clients.items():
            with monkeypatch.context() as patched:
                patched.setattr("registry.web.drawn._clock", lambda moment=moment: moment)
                kept = [body(client, path) for path in pages]
                for path, text in zip(pages, kept, strict=True):
                    drawings.clear()
                    assert body(client, path) == text, (name, later, path)
            seen.append(kept)
    assert len(drawings) > 0
    assert seen[0] != seen[-1]


def test_a_row_is_another_one_as_soon_as_what_it_says_has_changed(cast: dict[str, User], pages: list[str]) -> None:
    client = Client()
    client.force_login(cast["viewer"])
    path = pages[3]
    before = body(client, path)
    waiting = ModelPackage.objects.get(group__name="fraud", version=2)
    services.update_approval_status(actor=an_actor(), package=waiting, approval_status="Approved")
    after = body(client, path)
    assert before != after
    drawings.clear()
    assert body(client, path) == after
