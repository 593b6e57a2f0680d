"""What holds at every address of the urlconf: no foreign form writes, no reading writes, no cache keeps."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.http import HttpResponse
from django.test import Client

from registry.accounts.models import SignInFailure
from tests.factories import PASSWORD
from tests.hostile.forms import forms_of, send
from tests.hostile.places import World

pytestmark = pytest.mark.django_db

WRITES = ("POST", "PUT", "PATCH", "DELETE")
ORIGIN = "https://testserver"
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/groups/"}
# What reading may leave: the visitor's session, and the registry's signature under what is there already.
OWN_NOTES = '"(django_session|events_checkpoint\\w*)"'
# The same for everybody, and kept: what a visitor is shown before and after the sign-in.
PUBLIC = {"icons"}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def addresses(world: World) -> dict[str, str]:
    return world.addresses() | world.admin_addresses()


def signed_in(world: World, **options: Any) -> Client:
    client = Client(**options)
    client.force_login(world.admin)
    return client


def stored() -> str:
    """A digest of every row of every table but the sessions and the count of badly signed calls."""
    digest = hashlib.sha256()
    for model in apps.get_models(include_auto_created=True):
        if model._meta.managed and model._meta.label not in ("sessions.Session", "accounts.BadSignatures"):
            digest.update(f"{model._meta.label} {sorted(model._base_manager.values_list(), key=str)}".encode())
    return digest.hexdigest()


def token_of(client: Client, address: str) -> str:
    """The token of the forms of a page."""
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get(address, secure=True).content.decode())
    assert found is not None
    return found[1]


def forged(world: World) -> Iterator[tuple[str, Client, dict[str, str]]]:
    """(how, client, headers) of requests that another site can make a browser send."""
    client = signed_in(world, enforce_csrf_checks=True)
    token = token_of(client, "/settings/password/")
    yield "no token", client, {}
    yield "no token, htmx", client, HTMX
    yield "a foreign origin", client, {"X-CSRFToken": token, "Origin": "https://evil.example"}
    yield "an origin below ours", client, {"X-CSRFToken": token, "Origin": "https://testserver.evil.example"}
    yield "our host over http", client, {"X-CSRFToken": token, "Origin": "http://testserver"}
    yield "no origin to speak of", client, {"X-CSRFToken": token, "Origin": "null"}
    yield "a foreign referer", client, {"X-CSRFToken": token, "Referer": "https://evil.example/testserver/"}
    yield "a token of somebody else", client, {"X-CSRFToken": "x" * 64, "Origin": ORIGIN}


@pytest.mark.sqlite_only
def test_no_form_of_another_site_writes_anywhere(world: World, addresses: dict[str, str]):
    ways, passed = list(forged(world)), []
    before = stored()
    for number, (how, client, headers) in enumerate(ways):
        for name, address in addresses.items():
            # Every way of forging at every address, the four methods by turns.
            method = WRITES[0] if number < 3 else WRITES[number % 4]
            response = client.generic(method, address, headers=headers, secure=True)
            # What is posted to the start page is a call, which has a signature or is none.
            if response.status_code != 403 and (name, method, response.status_code) != ("home", "POST", 400):
                passed.append(f"{method} {name} with {how}: {response.status_code}")
    assert not passed
    assert stored() == before


def test_the_sign_in_takes_no_forged_form_and_its_own(world: World):
    """The sign-in too: else another site signs a visitor in as somebody it can read."""
    typed = {"login": "ada", "password": PASSWORD}
    client = Client(enforce_csrf_checks=True)
    for address in ("/login/", "/admin/login/"):
        assert client.post(address, typed, secure=True).status_code == 403
    assert not SignInFailure.objects.exists()
    token = token_of(client, "/login/")
    headers = {"Origin": "https://evil.example"}
    assert (
        client.post("/login/", typed | {"csrfmiddlewaretoken": token}, headers=headers, secure=True).status_code == 403
    )
    headers = {"Origin": ORIGIN}
    assert (
        client.post("/login/", typed | {"csrfmiddlewaretoken": token}, headers=headers, secure=True).status_code == 302
    )


def test_the_forms_of_our_own_pages_pass(world: World):
    """Else the tests above would pass for a server that refuses everything."""
    client = signed_in(world, enforce_csrf_checks=True)
    page = f"{world.group.get_absolute_url()}description/"
    (form,) = [one for one in forms_of(client.get(page).content.decode(), page) if "description" in one.names()]
    assert send(client, form, form.filled(["description"], "Other words")).status_code in (200, 302)
    world.group.refresh_from_db()
    assert world.group.description == "Other words"


@pytest.mark.sqlite_only
def test_reading_changes_nothing(world: World, addresses: dict[str, str]):
    """A link or an image of another site reads: all that it may cost is a page."""
    client, wrote = signed_in(world), []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        writes = re.match(r"\s*(INSERT|UPDATE|DELETE|REPLACE|TRUNCATE|MERGE)", sql, re.IGNORECASE)
        if writes and not re.search(OWN_NOTES, sql):
            wrote.append(f"{where}: {sql[:80]}")
        return execute(sql, params, many, context)

    where = "a form"
    with connection.execute_wrapper(watch):
        client.post(f"{world.group.get_absolute_url()}description/", {"description": "x", "seen": "Card payments"})
        assert wrote  # so that the watch is awake
        wrote.clear()
        for turn, (name, address) in enumerate(addresses.items()):
            for method, headers in (("GET", {}), ("GET", HTMX), (("HEAD", "OPTIONS")[turn % 2], {})):
                where = f"{method} {name}"
                response = client.generic(method, address, headers=headers)
                if response.streaming:
                    list(response.streaming_content)
    assert not wrote


def private(response: HttpResponse) -> list[str]:
    """What an answer lacks of what keeps it private."""
    faults = [] if response.get("Cache-Control", "") == "no-store" else [f"kept: {response.get('Cache-Control')}"]
    vary = {part.strip() for part in response.get("Vary", "").split(",")}
    faults += [f"does not vary by {name}" for name in ("Cookie", "HX-Request") if name not in vary]
    faults += [f"{name} is {response.get(name)}" for name, value in HEADERS.items() if response.get(name) != value]
    if "frame-ancestors 'none'" not in response.get("Content-Security-Policy", ""):
        faults.append("no content policy")
    if "html" in response.get("Content-Type", "") and "camera=()" not in response.get("Permissions-Policy", ""):
        faults.append("no permissions policy")
    return faults


@pytest.mark.sqlite_only
def test_every_page_and_fragment_is_private(world: World, addresses: dict[str, str]):
    ada, faults = signed_in(world), []
    for name, address in addresses.items():
        for client, headers in ((ada, {}), (ada, HTMX), (Client(), {}), (Client(), HTMX)):
            response = client.get(address, headers=headers)
            if name in PUBLIC:
                assert "public" in response["Cache-Control"] and "Set-Cookie" not in response
                continue
            # The admin site says it at more length.
            if name.startswith("admin:") and "no-store" in response["Cache-Control"]:
                response["Cache-Control"] = "no-store"
            faults += [f"{name} {response.status_code} {dict(headers)}: {fault}" for fault in private(response)]
    assert not faults


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", "/nowhere/", 404),
        ("GET", "/groups/us-east-1/none/", 404),
        ("POST", "/groups/", 405),
        ("GET", "/activity/?before=x", 400),
        ("GET", "/groups/csv/?q=colour:red", 422),
        ("GET", "/groups/%00/", 400),
        ("POST", "/settings/users/new/", 422),
    ],
)
def test_every_refusal_is_private_too(world: World, method: str, address: str, status: int):
    for headers in ({}, HTMX):
        response = signed_in(world).generic(method, address, headers=headers)
        assert response.status_code == status
        assert not private(response)


@pytest.mark.sqlite_only
def test_a_fragment_without_a_session_says_where_to_sign_in_and_nothing_else(world: World):
    for name, address in world.addresses().items():
        response = Client().get(address, headers=HTMX)
        if name in ("icons", "login", "logout"):
            continue
        assert (response.status_code, response.content) == (401, b""), name
        assert response["HX-Redirect"] == "/login/?next=%2Fgroups%2F", name


# ---------- limits ----------


FORM, PARTS = "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"
PART = b'Content-Disposition: form-data; name="a"\r\n\r\nx\r\n--b\r\n'
FILE = b'--b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\nx\r\n'


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"name=" + b"x" * (5 * 1024 * 1024), FORM),
        (b"&".join([b"tag_key=a"] * 2001), FORM),
        (b"--b\r\n" + PART * 2001, PARTS),
        (FILE * 21 + b"--b--", PARTS),
        (b"--b", "multipart/form-data"),
        (b"\xff" * 100, f"multipart/form-data; boundary={'b' * 300}"),
    ],
    ids=["megabytes", "fields", "parts", "files", "no boundary", "long boundary"],
)
def test_a_body_beyond_the_limits_is_refused_as_one(world: World, body: bytes, kind: str):
    client = signed_in(world, raise_request_exception=False)
    before = stored()
    for address in ("/groups/new/", "/login/", "/admin/accounts/user/add/"):
        response = client.generic("POST", address, body, content_type=kind)
        assert response.status_code in (400, 413), address
        assert not private(response) or address.startswith("/admin/")
    assert stored() == before


def test_a_name_of_megabytes_is_refused_at_its_field(world: World):
    client = signed_in(world)
    for address, name in (
        ("/groups/new/", "name"),
        ("/settings/access-keys/", "name"),
        ("/settings/users/new/", "username"),
    ):
        assert client.post(address, {name: "x" * 1_000_000}).status_code == 422, address


# ---------- hosts ----------


@pytest.mark.parametrize(
    "host", ["evil.example", "testserver.evil.example", "testserver:80@evil.example", "", "a b", "[::1"]
)
def test_a_host_that_is_not_ours_gets_a_refusal_that_names_no_host(world: World, host: str, settings: Any):
    client = signed_in(world)
    for headers in ({"Host": host}, {"Host": "testserver", "X-Forwarded-Host": host}):
        response = client.get("/settings/access-keys/", headers=headers, HTTP_HOST=headers["Host"])
        assert response.status_code == (400 if headers["Host"] == host else 200)
        assert "evil.example" not in response.content.decode() + str(dict(response.headers))
