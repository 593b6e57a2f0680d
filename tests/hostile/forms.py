"""The forms of a page as a browser would send them, every field included, so that a new field is found by itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from django.db import transaction
from django.test import Client

from tests.hostile_values import CANARY, ELSEWHERE

FORM = "application/x-www-form-urlencoded"
# What people type; the rest is chosen, or comes from the page.
TYPED = {"text", "textarea", "search", "email", "url", "password", "number", "date", "datetime-local"}
# A refusal is no fault; 429 is one of the sign-in's.
ANSWERS = {200, 204, 301, 302, 400, 401, 403, 404, 405, 409, 410, 413, 422, 429, 431}
# Where a browser would fetch or run what stands there.
_GOES = {"href", "src", "action", "formaction", "xlink:href", "data", "srcdoc", "style", "poster", "ping"}


class _BrokenOut(HTMLParser):
    """Markup that no template of ours holds: something typed has left its place."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found, self.tag = "", ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tag = tag
        for name, value in attrs:
            runs = name.startswith(("on", "hx-on", "data-hx-on"))
            goes = name in _GOES and (value or "").strip().lower().startswith(("javascript:", "data:text", "vbscript:"))
            away = name in _GOES and (value or "").startswith((f"https://{ELSEWHERE}", f"//{ELSEWHERE}"))
            # A link to an https address that was typed as one is one.
            if runs or goes or (away and not (tag == "a" and name == "href" and (value or "").startswith("https://"))):
                self.found = self.found or f"<{tag} {name}={value!r}>"

    def handle_data(self, data: str) -> None:
        if self.tag in ("script", "style") and (CANARY in data or ELSEWHERE in data):
            self.found = self.found or f"<{self.tag}> {data[:80]!r}"


@dataclass
class Form:
    """Where a form goes, and its controls as (name, kind, value), in order."""

    method: str
    action: str
    fields: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, str, tuple[str, ...]]:
        """Forms that only differ in the row they speak of are one."""
        path = re.sub(r"/\d+(?=/)", "/0", urlsplit(self.action).path)
        return self.method, path, tuple(sorted({name for name, _, _ in self.fields}))

    def names(self, *, typed: bool | None = None) -> list[str]:
        """The names of its controls, each once; those that people type, or only the others."""
        found = {name: kind for name, kind, _ in self.fields if name != "csrfmiddlewaretoken"}
        return [name for name, kind in found.items() if typed is None or (kind in TYPED) is typed]

    def filled(self, names: Sequence[str], value: str) -> list[tuple[str, str]]:
        """What is sent with `value` in every control of these names."""
        return [(name, value if name in names else own) for name, _, own in self.fields]


class _Reader(HTMLParser):
    def __init__(self, html: str, page: str) -> None:
        super().__init__()
        self.page = page
        self.forms: list[Form] = []
        self.by_id: dict[str, Form] = {}
        self.open: Form | None = None
        self.area: tuple[Form, str] | None = None
        self.select: tuple[Form, str, list[str], list[str]] | None = None
        self.later: list[tuple[str, str, str, str]] = []
        self.feed(html)
        for form_id, name, kind, value in self.later:
            if form_id in self.by_id:
                self.by_id[form_id].fields.append((name, kind, value))

    def _add(self, given: dict[str, str], name: str, kind: str, value: str) -> Form | None:
        if given.get("form"):
            self.later.append((given["form"], name, kind, value))
            return None
        if self.open is not None:
            self.open.fields.append((name, kind, value))
        return self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            method = given.get("method", "get").lower()
            action = given.get("hx-post") or given.get("action") or self.page
            self.open = Form("post" if "hx-post" in given else method, urljoin(self.page, action))
            self.forms.append(self.open)
            if given.get("id"):
                self.by_id[given["id"]] = self.open
        for verb in ("post", "delete", "put", "patch"):
            if tag != "form" and f"hx-{verb}" in given:
                asked = Form(verb, urljoin(self.page, given[f"hx-{verb}"]))
                asked.fields = [(n, "hidden", str(v)) for n, v in json.loads(given.get("hx-vals", "{}")).items()]
                self.forms.append(asked)
        name, kind = given.get("name", ""), given.get("type", "text")
        if tag == "input" and name:
            self._add(given, name, kind, given.get("value", "on" if kind in ("checkbox", "radio") else ""))
        elif tag == "button" and name:
            self._add(given, name, "button", given.get("value", ""))
        elif tag == "textarea" and name:
            owner = self._add(given, name, "textarea", "")
            self.area = (owner, name) if owner else None
        elif tag == "select" and name:
            owner = self._add(given, name, "select", "")
            self.select = (owner, name, [], []) if owner else None
        elif tag == "option" and self.select:
            self.select[3 if "selected" in given else 2].append(given.get("value", ""))

    def handle_data(self, data: str) -> None:
        if self.area:
            owner, name = self.area
            *others, (_, kind, text) = owner.fields
            owner.fields = [*others, (name, kind, text + data)]

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.open = None
        elif tag == "textarea" and self.area:
            # The first line break of a textarea is not part of its value.
            owner, _ = self.area
            name, kind, text = owner.fields[-1]
            owner.fields[-1] = (name, kind, text.removeprefix("\n"))
            self.area = None
        elif tag == "select" and self.select:
            owner, name, options, selected = self.select
            value = (selected or options or [""])[0]
            at = next(i for i, (n, k, _) in enumerate(owner.fields) if n == name and k == "select")
            owner.fields[at] = (name, "select", value)
            self.select = None


def forms_of(html: str, page: str) -> list[Form]:
    """The forms of a page, and what its parts send by themselves (hx-post and the like)."""
    return [form for form in _Reader(html, page).forms if not urlsplit(form.action).netloc]


def crawl(client: Client, addresses: dict[str, str]) -> list[Form]:
    """Every form that the pages at these addresses, and their fragments, hold; each kind once, sign-out last."""
    found: dict[Any, Form] = {}
    for address in addresses.values():
        for headers in ({}, {"HX-Request": "true"}):
            with undone():
                response = client.get(address, headers=headers)
                if "html" not in response.get("Content-Type", "") or response.streaming:
                    continue
                for form in forms_of(response.content.decode(), address):
                    found.setdefault(form.key, form)
    return sorted(found.values(), key=lambda form: "logout" in form.action)


class undone(transaction.Atomic):
    """A block whose changes are taken back at its end."""

    def __init__(self) -> None:
        super().__init__(using=None, savepoint=True, durable=False)

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None:
            transaction.set_rollback(True)
        super().__exit__(kind, error, trace)


def send(client: Client, form: Form, pairs: list[tuple[str, str]], **headers: str) -> Any:
    """Send a form as a browser does; halves of pairs of code units go as the bytes they would be."""
    body = urlencode(pairs, errors="surrogatepass")
    if form.method == "get":
        return client.generic("GET", urlsplit(form.action).path, QUERY_STRING=body, headers=headers)
    return client.generic(form.method.upper(), form.action, body, content_type=FORM, headers=headers)


def fault_of(response: Any) -> str:
    """What is wrong with an answer; "" for a good one or a refusal."""
    if response.status_code not in ANSWERS:
        return f"answers {response.status_code}"
    location = response.get("Location", "") or response.get("HX-Redirect", "")
    if location and (not location.startswith("/") or location.startswith(("//", "/\\"))):
        return f"leads to {location!r}"
    if "a" in response.cookies:
        return "sets a cookie that was typed"
    if not response.streaming and "html" in response.get("Content-Type", ""):
        html = response.content.decode()
        if (CANARY in html or ELSEWHERE in html) and (found := _BrokenOut(html).found):
            return f"draws {found}"
    return ""


def ways(form: Form, values: Sequence[str], *, each: int = 0) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """(what is tried, what is sent): each value in all typed fields at once, and one in `each` also in every single
    field, what the page sends by itself included; other ones in the next field, so that a form meets them all."""
    typed = form.names(typed=True)
    for number, value in enumerate(values if typed else ()):
        yield f"all typed fields, value {number}", form.filled(typed, value)
    for place, name in enumerate(form.names() if each else ()):
        for number in range(place % each, len(values), each):
            yield f"{name}, value {number}", form.filled([name], values[number])
