"""How the tests use the admin site's forms: as a browser does, with all that stands in the page."""

import re
from html.parser import HTMLParser

from django.urls import reverse

from registry.events.models import Event


class Inputs(HTMLParser):
    """The values that a browser would send with the main form of an admin page."""

    def __init__(self, html):
        super().__init__()
        self.values, self.select, self.area, self.inside = {}, None, None, False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "form":
            self.inside = given.get("id", "").endswith("_form")
        if not self.inside:
            return
        name, kind = given.get("name"), given.get("type")
        if tag == "input" and name and kind not in ("submit", "checkbox"):
            self.values[name] = given.get("value", "")
        elif tag == "input" and name and kind == "checkbox" and "checked" in given:
            self.values[name] = given.get("value", "on")
        elif tag == "select":
            self.select = name
            self.values.setdefault(name, "")
        elif tag == "option" and self.select and "selected" in given:
            self.values[self.select] = given.get("value", "")
        elif tag == "textarea":
            self.area = name
            self.values[name] = ""

    def handle_endtag(self, tag):
        if tag == "textarea":
            # The first line break of a textarea is not part of its value.
            self.values[self.area] = self.values[self.area].removeprefix("\r\n").removeprefix("\n")
        self.select = None if tag == "select" else self.select
        self.area = None if tag == "textarea" else self.area

    def handle_data(self, data):
        if self.area:
            self.values[self.area] += data


def address(obj_or_model, view="change"):
    meta = obj_or_model._meta
    args = [obj_or_model.pk] if view in ("change", "delete") else []
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{view}", args=args)


def form_of(client, url):
    response = client.get(url)
    assert response.status_code == 200
    return Inputs(response.content.decode()).values


def save(client, url, status=302, **changes):
    """Post the page's own form with some values changed; dots in names are written as two underscores."""
    values = form_of(client, url)
    values |= {name.replace("__", "-"): value for name, value in changes.items()}
    response = client.post(url, values)
    html = response.content.decode()
    assert response.status_code == status, re.findall(r"errorlist[^<]*(?:<li>[^<]*)+", html) or html[:400]
    return html


def kinds():
    return list(Event.objects.order_by("id").values_list("kind", "door"))
