"""What holds for every page: sign-in, privacy, content policy, broken input, the visitor's address."""

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from registry.web.middleware import PublicAddressMiddleware, usable_address
from tests.factories import UserFactory

POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
}


def policy_of(response: HttpResponse) -> set[str]:
    return {part.strip() for part in response["Content-Security-Policy"].split(";")}


@pytest.fixture
def visitor(client: Client) -> Client:
    """A client of somebody signed in."""
    client.force_login(UserFactory())
    return client


@pytest.mark.django_db
def test_stranger_is_sent_to_sign_in_and_back(client):
    response = client.get("/groups/?q=a")
    assert (response.status_code, response["Location"]) == (302, "/login/?next=/groups/%3Fq%3Da")


@pytest.mark.django_db
def test_stranger_through_htmx_gets_401_and_the_page_to_come_back_to(client):
    response = client.get(
        "/groups/", headers={"hx-request": "true", "hx-current-url": "http://testserver/activity/?x=1"}
    )
    assert response.status_code == 401
    assert response["HX-Redirect"] == "/login/?next=%2Factivity%2F%3Fx%3D1"
    assert response.content == b""


@pytest.mark.django_db
@pytest.mark.parametrize("current", ["", "https://evil.example/groups/", "javascript:alert(1)", "http://testserver"])
def test_stranger_through_htmx_comes_back_to_this_host_only(client, current):
    response = client.get("/groups/", headers={"hx-request": "true", "hx-current-url": current})
    assert response["HX-Redirect"] == "/login/?next=%2Fgroups%2F"


@pytest.mark.django_db
def test_page_is_private_and_varies(visitor):
    response = visitor.get("/groups/")
    assert response["Cache-Control"] == "no-store"
    assert {"Cookie", "HX-Request"} <= {part.strip() for part in response["Vary"].split(",")}
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["X-Frame-Options"] == "DENY"


@pytest.mark.django_db
def test_page_has_the_strict_content_policy(visitor):
    assert policy_of(visitor.get("/groups/")) == POLICY | {"img-src 'self'"}


@pytest.mark.django_db
def test_admin_may_show_its_icons(admin_client):
    response = admin_client.get("/admin/")
    assert response.status_code == 200
    assert policy_of(response) == POLICY | {"img-src 'self' data:"}


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["q=%00", "q=a%00b", "%00=1", "q=%FF%FE", "q=%C3%28", "q=%ED%A0%80", "q=a\x00"])
def test_broken_address_is_refused(visitor, query):
    response = visitor.generic("GET", "/groups/", QUERY_STRING=query)
    assert response.status_code == 400


@pytest.mark.django_db
@pytest.mark.parametrize(
    "query", ["q=100%25", "q=%E2%82%AC", "q=%", "q=%zz", "q=gr%C3%BC%C3%9Fe+dich", "q=%F0%9F%8E%89"]
)
def test_unusual_address_is_answered(visitor, query):
    assert visitor.generic("GET", "/groups/", QUERY_STRING=query).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/groups/us-east-1/a%00b/", "/packages/us-east-1/%00/", "/%00", "/static/%00.css"])
def test_nul_in_the_path_is_refused(visitor, path):
    assert visitor.get(path).status_code == 400


@pytest.mark.django_db
@pytest.mark.parametrize("body", [b"name=%00", b"name=a\x00", b"na%00me=x", b"name=%FF", b"name=\xff"])
def test_broken_form_is_refused(visitor, body):
    response = visitor.post("/groups/new/", body, content_type="application/x-www-form-urlencoded")
    assert response.status_code == 400


@pytest.mark.django_db
def test_broken_multipart_form_is_refused(visitor):
    assert visitor.post("/groups/new/", {"name": "a\x00b"}).status_code == 400


@pytest.mark.django_db
def test_cookie_with_nul_is_nobody_s(client):
    response = client.get("/groups/", headers={"cookie": 'sessionid="\\000bcdefghijkl"; theme="\\000"'})
    assert response.status_code == 302


@pytest.mark.django_db
def test_broken_input_of_a_stranger_is_refused_without_a_query(client):
    assert client.generic("GET", "/login/", QUERY_STRING="next=%00").status_code == 400


@pytest.mark.django_db
def test_forged_form_is_refused(django_user_model):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(UserFactory())
    assert strict.post(reverse("logout")).status_code == 403


def through_proxies(settings, count: int, forwarded: str, public_url: str = "") -> HttpRequest:
    """Return the request as the views see it behind that many trusted proxies."""
    settings.REGISTRY_TRUSTED_PROXIES = count
    settings.REGISTRY_PUBLIC_URL = public_url
    seen = []
    middleware = PublicAddressMiddleware(lambda request: seen.append(request) or HttpResponse())
    middleware(RequestFactory().get("/", headers={"x-forwarded-for": forwarded} if forwarded else {}))
    return seen[0]


@pytest.mark.parametrize(
    ("count", "forwarded", "expected"),
    [
        (0, "203.0.113.9", "127.0.0.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (2, "198.51.100.1, 203.0.113.9, 192.0.2.1", "203.0.113.9"),
        (2, "203.0.113.9", "127.0.0.1"),
        (1, "", "127.0.0.1"),
        (1, "unknown", "127.0.0.1"),
        (1, "[2001:db8::1]:4711", "2001:db8::1"),
        (1, "2001:db8::1", "2001:db8::1"),
        (1, "203.0.113.9:4711", "203.0.113.9"),
    ],
)
def test_visitor_s_address_behind_proxies(settings, count, forwarded, expected):
    assert through_proxies(settings, count, forwarded).META["REMOTE_ADDR"] == expected


def test_https_address_makes_every_page_secure(settings):
    assert through_proxies(settings, 0, "", "https://models.example.com").is_secure()
    assert not through_proxies(settings, 0, "", "http://models.example.com").is_secure()


@pytest.mark.parametrize("hop", ["", "a.b.c.d", "1.2.3", "::1::", "1.2.3.4:5:6", "١.2.3.4"])
def test_usable_address_refuses_what_is_none(hop):
    assert usable_address(hop) == ""
