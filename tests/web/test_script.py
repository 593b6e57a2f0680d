"""The script in a real browser: swaps keep the focus, keys do what the help says, nothing breaks the content policy."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.test import Client
from django.urls import path
from playwright.sync_api import Page, expect

from registry.urls import urlpatterns as project
from registry.web.htmx import toast
from tests.factories import make_group, make_version
from tests.scripts import act_when_ready, await_scripts

pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db(transaction=True)]

PAGE = """{% extends "base.html" %}{% import "components/ui.html" as ui %}{% block title %}Script{% endblock %}
{% block main %}<h1>Script</h1>
<div id="tags"><button hx-get="/script/edit/" hx-target="#tags" hx-swap="outerHTML">Edit tags</button></div>
<table class="table"><tbody id="rows">
{% for n in range(3) %}<tr data-row id="row-{{ n }}"><td><a href="#row-{{ n }}">Row {{ n }}</a>
<button aria-label="Remove row {{ n }}"
 hx-delete="/script/remove/" hx-target="#row-{{ n }}" hx-swap="outerHTML">x</button>
</td></tr>{% endfor %}</tbody></table>
<button id="reload" hx-get="/script/rows/" hx-target="#rows" hx-swap="outerHTML">Reload rows</button>
<button id="refused" hx-post="/script/refused/">Refused</button>
<form id="filter" hx-get="/script/list/" hx-target="#list" hx-swap="outerHTML" hx-trigger="change">
<div id="list">{{ ui.facet("f-stage", "Stage", "stage", [("Staging", "Staging", 2), ("Production", "Production", 1)]) }}
</div></form>
<form role="search" class="search"><div class="search__box">{{ ui.token("tag:", "team=fraud", "#removed") }}
<input id="q" data-key="/" name="q" class="search__input" role="combobox" aria-expanded="false" aria-controls="suggest"
 aria-autocomplete="list" aria-label="Filter" autocomplete="off" hx-get="/script/suggest/"
 hx-trigger="input changed delay:50ms" hx-target="#suggest"></div>
<div class="suggest" id="suggest" role="listbox" aria-label="Suggestions" hidden></div></form>
<form id="pairs" method="post" action="/script/saved/" hx-post="/script/saved/" hx-target="#saved" data-reset>
<div class="repeat"><div class="repeat__row" data-repeat-row><input name="key" aria-label="Key 1">
<input name="value" aria-label="Value 1">{{ ui.remove_row("Remove pair 1") }}</div>
{{ ui.add_row("Add pair", "pair") }}</div><button>Save pairs</button></form><p id="saved"></p>
<template id="pair"><div class="repeat__row" data-repeat-row><input name="key" aria-label="Key __n__">
<input name="value" aria-label="Value __n__">{{ ui.remove_row("Remove pair __n__") }}</div></template>
<form id="decide" action="/script/decided/"><textarea name="comment" aria-label="Comment"></textarea>
<button name="decision" value="Rejected">Reject</button><button name="decision" value="Approved">Approve</button></form>
<a href="/script/new/" data-key="n" data-dialog="new">New group</a>{{ ui.copy("ARN", "arn:aws:sagemaker") }}
<div id="md-add"><input aria-label="New key" data-key="m"></div>
<a data-key="[" href="#newer">Newer</a><a data-key="]" href="#older">Older</a>
{% endblock %}{% block overlays %}{% include dialog %}
<dialog class="dialog" id="approvedlg" data-key="a" aria-label="Approve"><button autofocus>Approve v25</button></dialog>
{% endblock %}"""

DIALOG = """<dialog class="dialog" id="new" aria-labelledby="new-h"><form method="post" action="/script/new/"
 hx-post="/script/new/" hx-target="#new" hx-swap="outerHTML"><div class="dialog__body"><h2 id="new-h">New</h2>
<label>Name <input name="name" value="{{ name }}"{{ ' aria-invalid="true" autofocus'|safe if error }}></label>
<p>{{ error }}</p><button>Create</button></div></form></dialog>"""


def jinja(source: str) -> Any:
    return engines["jinja2"].from_string(source)


def script_page(request: HttpRequest) -> HttpResponse:
    dialog = engines["jinja2"].env.from_string(DIALOG)
    return HttpResponse(jinja(PAGE).render({"dialog": dialog}, request))


def edit(request: HttpRequest) -> HttpResponse:
    return HttpResponse(
        '<form id="tags"><input aria-label="Tag" autofocus><button type="button" data-esc hx-get="/script/tags/" '
        'hx-target="#tags" hx-swap="outerHTML">Cancel</button></form>'
    )


def tags(request: HttpRequest) -> HttpResponse:
    return HttpResponse(
        '<div id="tags"><button hx-get="/script/edit/" hx-target="#tags" hx-swap="outerHTML">Edit tags</button></div>'
    )


def rows(request: HttpRequest) -> HttpResponse:
    drawn = "".join(f'<tr data-row id="row-{n}"><td><a href="#row-{n}">Row {n}</a></td></tr>' for n in range(4))
    return HttpResponse(f'<tbody id="rows">{drawn}</tbody>')


def facets(request: HttpRequest) -> HttpResponse:
    source = """{% import "components/ui.html" as ui %}<div id="list"><p>Filtered</p>{{ ui.facet("f-stage", "Stage",
    "stage", [("Staging", "Staging", 2), ("Production", "Production", 1)], chosen) }}</div>"""
    return HttpResponse(jinja(source).render({"chosen": request.GET.getlist("stage")}))


def suggest(request: HttpRequest) -> HttpResponse:
    values = ["tag:team=fraud", "tag:"]
    return HttpResponse(
        "".join(f'<button type="button" role="option" tabindex="-1" data-value="{v}">{v}</button>' for v in values)
    )


def create(request: HttpRequest) -> HttpResponse:
    name = request.POST["name"]
    if name == "good":
        return toast(HttpResponse(jinja(DIALOG).render({})), "Group created")
    return HttpResponse(jinja(DIALOG).render({"name": name, "error": "Spaces are not allowed."}), status=422)


urlpatterns = [
    *project,
    path("script/", script_page),
    path("script/edit/", edit),
    path("script/tags/", tags),
    path("script/rows/", rows),
    path("script/remove/", lambda request: HttpResponse("")),
    path("script/refused/", lambda request: HttpResponse(status=403)),
    path("script/list/", facets),
    path("script/suggest/", suggest),
    path("script/new/", create),
    path("script/saved/", lambda request: toast(HttpResponse(",".join(request.POST.getlist("key"))), "Saved")),
    path("script/decided/", lambda request: HttpResponse(request.GET["decision"])),
]


@pytest.fixture
def script(page: Page, live_server: Any, cast: dict[str, Any]) -> Iterator[Page]:
    """The page above, signed in; fails on any script error, console error or violation of the content policy."""
    (client := Client()).force_login(cast["admin"])
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    act_when_ready(page)
    page.goto(f"{live_server.url}/script/")
    await_scripts(page)
    yield page
    # Refusals are asked for; what HTMX says last is of a request that was under way when the page was left.
    expected = ("403", "422", "htmx:afterRequest", "htmx:sendError", "htmx:sendAbort")
    assert [p for p in problems if not any(part in p for part in expected)] == []


def test_autofocus_of_a_fragment_gets_the_focus_and_escape_gives_it_back(script: Page) -> None:
    script.get_by_role("button", name="Edit tags").click()
    expect(script.get_by_label("Tag", exact=True)).to_be_focused()
    script.keyboard.press("Escape")
    expect(script.get_by_role("button", name="Edit tags")).to_be_focused()


def test_focus_moves_to_the_neighbour_of_a_removed_row(script: Page) -> None:
    script.get_by_role("button", name="Remove row 1").click()
    expect(script.locator("#row-1")).to_have_count(0)
    expect(script.locator("#row-2 a")).to_be_focused()


def test_rows_are_walked_by_keys_also_after_a_swap(script: Page) -> None:
    script.keyboard.press("j")
    expect(script.locator("#row-0 a")).to_be_focused()
    script.keyboard.press("j")
    script.evaluate("htmx.ajax('GET', '/script/rows/', {target: '#rows', swap: 'outerHTML'})")
    expect(script.locator("#row-3")).to_be_visible()
    assert script.evaluate("document.activeElement !== document.body")
    script.evaluate("document.activeElement.blur()")
    script.keyboard.press("j")
    expect(script.locator("#row-2 a")).to_be_focused()
    script.keyboard.press("k")
    expect(script.locator("#row-1 a")).to_be_focused()
    expect(script.locator(".is-cursor")).to_have_count(1)


def test_open_filter_menu_stays_open_and_the_choice_keeps_the_focus(script: Page) -> None:
    script.get_by_text("Stage").click()
    script.get_by_label("Production").check()
    expect(script.get_by_text("Filtered")).to_be_visible()
    expect(script.get_by_label("Production")).to_be_focused()
    expect(script.get_by_label("Production")).to_be_checked()
    script.keyboard.press("Escape")
    expect(script.get_by_label("Production")).to_be_hidden()


def test_dialog_shows_errors_again_and_closes_when_saved(script: Page) -> None:
    script.keyboard.press("n")
    dialog = script.get_by_role("dialog", name="New")
    expect(dialog).to_be_visible()
    dialog.get_by_label("Name").fill("bad name")
    dialog.get_by_role("button", name="Create").click()
    expect(dialog.get_by_text("Spaces are not allowed.")).to_be_visible()
    expect(dialog.get_by_label("Name")).to_have_value("bad name")
    expect(dialog.get_by_label("Name")).to_be_focused()
    dialog.get_by_label("Name").fill("good")
    script.keyboard.press("Control+Enter")
    expect(dialog).to_be_hidden()
    expect(script.locator("#toasts")).to_contain_text("Group created")


def test_suggestions_replace_the_last_word(script: Page) -> None:
    box = script.get_by_role("combobox")
    script.keyboard.press("/")
    expect(box).to_be_focused()
    script.keyboard.type("price te")
    expect(script.get_by_role("option").first).to_be_visible()
    assert box.get_attribute("aria-expanded") == "true"
    script.keyboard.press("ArrowDown")
    script.keyboard.press("Enter")
    expect(box).to_have_value("price tag:team=fraud ")
    script.keyboard.type("t")
    expect(script.get_by_role("option").first).to_be_visible()
    script.keyboard.press("Escape")
    expect(script.get_by_role("listbox")).to_be_hidden()
    expect(box).to_be_focused()


def test_backspace_in_the_empty_filter_removes_the_last_token(script: Page) -> None:
    script.get_by_role("combobox").focus()
    script.keyboard.press("Backspace")
    script.wait_for_url("**/script/#removed")


def test_rows_of_a_form_are_added_removed_and_emptied(script: Page) -> None:
    script.get_by_label("Key 1").fill("a")
    script.get_by_role("button", name="Add pair").click()
    expect(script.get_by_label("Key 2")).to_be_focused()
    script.keyboard.type("b")
    script.get_by_role("button", name="Add pair").click()
    script.get_by_role("button", name="Remove pair 3").click()
    expect(script.get_by_label("Key 3")).to_have_count(0)
    script.get_by_label("Key 2").focus()
    script.keyboard.press("Control+Enter")
    expect(script.locator("#saved")).to_have_text("a,b")
    expect(script.get_by_label("Key 1")).to_have_value("")
    expect(script.get_by_label("Key 1")).to_be_focused()


def test_control_enter_never_picks_one_of_two_decisions(script: Page) -> None:
    script.get_by_label("Comment").fill("fine")
    script.keyboard.press("Control+Enter")
    script.wait_for_timeout(200)
    assert script.url.endswith("/script/")


def test_single_keys_open_dialogs_and_can_be_turned_off(script: Page) -> None:
    script.keyboard.press("a")
    expect(script.get_by_role("dialog", name="Approve")).to_be_visible()
    script.keyboard.press("Escape")
    expect(script.get_by_role("dialog")).to_have_count(0)
    script.keyboard.press("]")
    script.wait_for_url("**/script/#older")
    script.keyboard.press("m")
    expect(script.get_by_label("New key")).to_be_focused()
    script.keyboard.type("a?")
    expect(script.get_by_role("dialog")).to_have_count(0)
    script.get_by_label("New key").blur()
    script.keyboard.press("?")
    help_text = script.get_by_role("dialog", name="Keyboard shortcuts")
    expect(help_text).to_be_visible()
    help_text.get_by_role("switch").uncheck()
    script.keyboard.press("Escape")
    script.reload()
    script.keyboard.press("?")
    script.wait_for_timeout(100)
    expect(help_text).to_be_hidden()


def test_chords_go_to_pages(script: Page) -> None:
    script.keyboard.press("g")
    script.keyboard.press("a")
    script.wait_for_url("**/activity/")


def test_theme_is_remembered_by_a_cookie(script: Page) -> None:
    script.get_by_role("button", name="Change colour theme").click()
    expect(script.locator("html")).to_have_attribute("data-theme", "light")
    script.get_by_role("button", name="Change colour theme").click()
    script.reload()
    expect(script.locator("html")).to_have_attribute("data-theme", "dark")


def test_copy_works_without_a_clipboard_api(script: Page) -> None:
    script.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    script.get_by_role("button", name="Copy ARN").click()
    expect(script.locator("#toasts")).to_contain_text("Copied")
    script.get_by_label("Comment").focus()
    script.keyboard.press("Control+v")
    expect(script.get_by_label("Comment")).to_have_value("arn:aws:sagemaker")


def test_a_refusal_is_said(script: Page) -> None:
    script.locator("#refused").click()
    expect(script.locator(".toast--bad")).to_contain_text("Your role does not allow it")


def test_user_menu_signs_out_by_a_form(script: Page) -> None:
    script.get_by_role("button", name="AD, account of admin").click()
    expect(script.get_by_role("button", name="Sign out")).to_be_visible()
    expect(script.get_by_role("link", name="Users")).to_be_visible()


# ---------- the palette, and keys that stand on elements ----------


def test_the_palette_by_keyboard_alone(script: Page, live_server: Any) -> None:
    group = make_group("fraud")
    package = make_version(group)
    make_version(make_group("fraud-two"))
    script.get_by_label("Comment").focus()
    script.keyboard.press("Control+k")
    box = script.get_by_role("combobox", name="Search groups, versions and commands")
    expect(box).to_be_focused()
    options = script.locator("#palette-list [role=option]")
    expect(options.first).to_have_attribute("aria-selected", "true")
    script.keyboard.type("fraud")
    expect(options).to_have_count(3)
    expect(options.first).to_have_attribute("aria-selected", "true")
    expect(script.locator("#palette-told")).to_have_text("3 results")
    script.keyboard.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    assert box.get_attribute("aria-activedescendant") == options.nth(1).get_attribute("id")
    script.keyboard.press("ArrowUp")
    script.keyboard.press("ArrowUp")
    expect(options.last).to_have_attribute("aria-selected", "true")
    script.keyboard.press("ArrowDown")
    script.keyboard.press("Enter")
    script.wait_for_url(f"**{group.get_absolute_url()}")

    script.keyboard.press("Control+k")
    script.keyboard.press("Control+k")
    expect(script.locator("#palette")).to_be_hidden()
    script.keyboard.press("Control+k")
    script.keyboard.press("Escape")
    expect(script.locator("#palette")).to_be_hidden()
    script.keyboard.press("Control+k")
    # Enter before the list has come: the form asks, and the server leads on.
    script.route(
        "**/search/?q=*", lambda route: route.abort() if "HX-Request" in route.request.headers else route.continue_()
    )
    box.fill(package.arn)
    script.keyboard.press("Enter")
    script.wait_for_url(f"**{package.get_absolute_url()}")


def test_nothing_found_is_no_choice(script: Page) -> None:
    script.keyboard.press("Control+k")
    script.keyboard.type(">nothing")
    expect(script.locator("#palette-told")).to_have_text("Nothing found")
    script.keyboard.press("ArrowDown")
    script.keyboard.press("Enter")
    script.wait_for_url("**/search/?q=%3Enothing&go=1")


def test_the_second_key_of_a_pair_is_no_key_of_its_own(script: Page) -> None:
    script.keyboard.press("g")
    script.keyboard.press("n")
    script.wait_for_timeout(100)
    expect(script.get_by_role("dialog")).to_have_count(0)
    script.keyboard.press("n")
    expect(script.get_by_role("dialog", name="New")).to_be_visible()


def test_keys_of_rows_mean_the_row_of_the_cursor(script: Page) -> None:
    script.evaluate("""() => document.querySelectorAll('#rows tr').forEach((row, n) => {
      row.firstElementChild.insertAdjacentHTML('afterbegin',
        `<input type="checkbox" data-key="x" aria-label="Row ${n} chosen">`);
    })""")
    script.keyboard.press("x")
    assert script.locator("input:checked").count() == 0, "no row is meant yet"
    script.keyboard.press("j")
    script.keyboard.press("j")
    script.keyboard.press("x")
    expect(script.get_by_label("Row 1 chosen")).to_be_checked()
    expect(script.get_by_label("Row 0 chosen")).not_to_be_checked()
    script.keyboard.press("x")
    expect(script.get_by_label("Row 1 chosen")).not_to_be_checked()


def test_a_key_may_focus_and_escape_is_asked_last(script: Page) -> None:
    script.evaluate("""() => document.querySelector('#main').insertAdjacentHTML('beforeend',
      '<button id="later" data-key="c" data-key-focus>Approve</button>' +
      '<button id="clear" data-key="Escape">Clear</button>')""")
    script.evaluate("() => { document.querySelector('#clear').onclick = (e) => { e.target.textContent = 'Cleared' } }")
    script.keyboard.press("c")
    expect(script.locator("#later")).to_be_focused()
    script.keyboard.press("?")
    expect(script.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    script.keyboard.press("Escape")
    expect(script.get_by_role("dialog")).to_have_count(0)
    expect(script.locator("#clear")).to_have_text("Clear")
    script.keyboard.press("Escape")
    expect(script.locator("#clear")).to_have_text("Cleared")
    script.locator("#clear").evaluate("(e) => { e.hidden = true; e.textContent = 'Clear' }")
    script.keyboard.press("Escape")
    expect(script.locator("#clear")).to_have_text("Clear")


def test_the_palette_opens_with_single_keys_off(script: Page) -> None:
    script.evaluate("localStorage.singleKeys = 'off'")
    script.keyboard.press("/")
    script.wait_for_timeout(100)
    expect(script.locator("#palette")).to_be_hidden()
    script.keyboard.press("Control+k")
    expect(script.locator("#palette")).to_be_visible()
