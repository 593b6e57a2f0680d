"""Sign-in: who gets in, what a stranger can learn, and how many tries there are."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth import hashers
from django.db import connections
from django.test import Client
from django.utils import timezone

from registry.accounts import services, throttle
from registry.accounts.models import SignInFailure, User
from registry.accounts.permissions import Actor
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db

WRONG = "not-the-password"


def sign_in(client, name="vera", password=PASSWORD, path="/login/", **more):
    return client.post(path, {"login": name, "password": password, **more.pop("form", {})}, **more)


def fail(client, times, **more):
    return [sign_in(client, password=WRONG, **more).status_code for _ in range(times)]


@pytest.fixture
def vera():
    return make_user("viewer", username="vera")


def test_right_password_leads_to_the_groups_and_rotates_the_session(client, vera):
    client.get("/login/")
    session = client.session
    session["kept"] = 1
    session.save()
    before = session.session_key
    response = sign_in(client)
    assert (response.status_code, response["Location"]) == (302, "/groups/")
    assert client.session.session_key != before
    assert client.get("/settings/password/").status_code == 200


def test_name_counts_in_any_case_and_the_admins_field_names_work(client, vera):
    assert client.post("/login/", {"username": "VERA", "password": PASSWORD}).status_code == 302


@pytest.mark.parametrize(
    ("wanted", "got"),
    [
        ("/activity/?type=tags", "/activity/?type=tags"),
        ("https://elsewhere.example/", "/groups/"),
        ("//elsewhere.example/", "/groups/"),
        ("/\\elsewhere.example", "/groups/"),
        ("javascript:alert(1)", "/groups/"),
        ("http:///elsewhere.example", "/groups/"),
        ("https:elsewhere.example", "/groups/"),
        ("https:///elsewhere.example", "/groups/"),
        ("///elsewhere.example", "/groups/"),
        ("/\t/elsewhere.example", "/groups/"),
        ("\t//elsewhere.example", "/groups/"),
        (" //elsewhere.example", "/groups/"),
        ("\\\\elsewhere.example", "/groups/"),
        ("//elsewhere.example\\@testserver/", "/groups/"),
        ("http://testserver@elsewhere.example/", "/groups/"),
        ("http://testserver.elsewhere.example/", "/groups/"),
        ("elsewhere.example", "/groups/"),
        ("?next=//elsewhere.example", "/groups/"),
        ("data:text/html,x", "/groups/"),
        ("//[::1", "/groups/"),
        # Encoded once more it is a path of this host, which has no such page.
        ("/%2F/elsewhere.example", "/%2F/elsewhere.example"),
        ("/%5Celsewhere.example", "/%5Celsewhere.example"),
        ("", "/groups/"),
    ],
)
def test_next_is_local_only(client, vera, wanted, got):
    page = client.get("/login/", {"next": wanted}).content.decode()
    assert ('name="next"' in page) is (got != "/groups/")
    assert sign_in(client, form={"next": wanted})["Location"] == got
    assert client.get("/login/", {"next": wanted})["Location"] == got  # signed in already


def test_a_page_asks_for_sign_in_and_comes_back(client, vera):
    response = client.get("/activity/?type=tags")
    assert (response.status_code, response["Location"]) == (302, "/login/?next=/activity/%3Ftype%3Dtags")


def text_of(response):
    page = response.content.decode()
    page = re.sub(r'(csrfmiddlewaretoken" value=|X-CSRFToken": )"[^"]*"', "", page)
    return re.sub(r'name="login" type="text" value="[^"]*"', "", page)


def test_unknown_wrong_and_inactive_are_told_the_same_after_the_same_work(vera, monkeypatch):
    off = make_user("viewer", username="olaf")
    services.set_active(actor=Actor.system(), user=off, active=False)
    work, real = [], hashers.MD5PasswordHasher.encode
    monkeypatch.setattr(hashers.MD5PasswordHasher, "encode", lambda *a: work.append(1) or real(*a))
    answers, costs = set(), set()
    for name, password in (("nobody", WRONG), ("vera", WRONG), ("olaf", WRONG), ("olaf", PASSWORD)):
        work.clear()
        response = sign_in(Client(), name, password)
        answers.add((response.status_code, text_of(response)))
        costs.add(len(work))
    assert len(answers) == 1, answers
    assert costs == {1}
    ((status, page),) = answers
    assert status == 422
    assert "The username and password do not match. Passwords are case-sensitive." in page


def test_typed_name_stays_and_the_password_does_not(client, vera):
    page = sign_in(client, password=WRONG).content.decode()
    assert 'value="vera"' in page
    assert WRONG not in page


def test_empty_and_overlong_fields_are_told_at_the_field_and_not_counted(client):
    response = sign_in(client, name="", password="")
    assert (response.status_code, response.content.decode().count('aria-invalid="true"')) == (422, 2)
    assert sign_in(client, name="x" * 151).status_code == 422
    assert not SignInFailure.objects.exists()


# ---------- limits ----------


def test_ten_failures_then_429_with_retry_after_and_a_clear_page(client, vera):
    assert fail(client, 10) == [422] * 10
    response = sign_in(client)  # the right password, but from here it is not looked at
    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 15 * 60
    page = response.content.decode()
    assert "Try again in 15 minutes" in page
    assert "Only this address has to wait" in page
    assert "_auth_user_id" not in client.session


def test_the_same_account_works_from_another_address(client, vera):
    fail(client, 10)
    assert sign_in(client).status_code == 429
    assert sign_in(Client(REMOTE_ADDR="198.51.100.7")).status_code == 302


def test_another_account_works_from_the_same_address(client, vera):
    make_user("viewer", username="otto")
    fail(client, 10)
    assert sign_in(client, "otto").status_code == 302


def test_fifty_failures_of_an_address_whatever_the_account(client, vera):
    for n in range(5):
        assert fail(client, 10, name=f"guess-{n}") == [422] * 10
    response = sign_in(client)
    assert response.status_code == 429
    assert sign_in(Client(REMOTE_ADDR="198.51.100.7")).status_code == 302


def test_success_clears_that_pair_only(client, vera):
    make_user("viewer", username="otto")
    fail(client, 9)
    fail(client, 9, name="otto")
    assert sign_in(client).status_code == 302
    client.logout()
    assert fail(client, 10) == [422] * 10
    assert fail(client, 2, name="otto") == [422, 429]


def test_spelling_of_the_name_gives_no_more_tries(client, vera):
    names = ["vera", "Vera", "VERA", " vera", "ｖｅｒａ"]
    assert [sign_in(client, names[n % 5], WRONG).status_code for n in range(12)] == [422] * 10 + [429] * 2


def test_the_wait_ends_and_does_not_grow_by_trying(client, vera):
    start = timezone.now()
    with time_machine.travel(start, tick=False):
        fail(client, 10)
    with time_machine.travel(start + timedelta(minutes=14), tick=False):
        response = sign_in(client)
        assert (response.status_code, response["Retry-After"]) == (429, "60")
        assert "in 1 minute." in response.content.decode()
    with time_machine.travel(start + timedelta(minutes=15, seconds=1), tick=False):
        assert sign_in(client).status_code == 302


def test_old_failures_are_swept_away(client, vera):
    with time_machine.travel(timezone.now() - timedelta(hours=1)):
        fail(client, 5)
    fail(client, 1)
    assert SignInFailure.objects.count() == 1


def test_admin_login_is_the_same_door(client, vera):
    response = client.get("/admin/")
    assert response["Location"].startswith("/admin/login/")
    response = client.get("/admin/login/?next=/admin/catalog/")
    assert response["Location"] == "/login/?next=%2Fadmin%2Fcatalog%2F"
    tries = [client.post("/admin/login/", {"username": "vera", "password": WRONG}).status_code for _ in range(11)]
    assert tries == [422] * 10 + [429]
    assert sign_in(client).status_code == 429
    assert client.post("/admin/login/", {"username": "vera", "password": PASSWORD})["Retry-After"]


def test_admin_site_tells_a_viewer_which_role_it_needs(client, vera):
    client.force_login(vera)
    response = client.get("/admin/", follow=True)
    assert response.status_code == 403
    assert "Only admins use the admin site" in response.content.decode()


@pytest.mark.parametrize(("proxies", "shared"), [(0, True), (1, False)])
def test_forwarded_header_counts_only_behind_a_trusted_proxy(settings, vera, proxies, shared):
    settings.REGISTRY_TRUSTED_PROXIES = proxies
    client = Client()
    for n in range(10):
        assert sign_in(client, password=WRONG, headers={"x-forwarded-for": f"203.0.113.{n}"}).status_code == 422
    # Without a proxy the header is the visitor's own invention: still one address.
    blocked = sign_in(client, headers={"x-forwarded-for": "203.0.113.99"}).status_code == 429
    assert blocked is shared


def test_what_a_visitor_puts_before_the_proxys_hop_is_not_believed(settings, vera):
    settings.REGISTRY_TRUSTED_PROXIES = 1
    client = Client()
    for n in range(10):
        sign_in(client, password=WRONG, headers={"x-forwarded-for": f"203.0.113.{n}, 198.51.100.1"})
    assert sign_in(client, headers={"x-forwarded-for": "10.0.0.1, 198.51.100.1"}).status_code == 429


def test_an_ipv6_visitor_is_a_whole_64(vera):
    for n in range(10):
        sign_in(Client(REMOTE_ADDR=f"2001:db8:1:2::{n:x}"), password=WRONG)
    assert sign_in(Client(REMOTE_ADDR="2001:db8:1:2:ffff::1")).status_code == 429
    assert sign_in(Client(REMOTE_ADDR="2001:db8:1:3::1")).status_code == 302


def test_no_typed_name_is_kept_in_the_clear(client):
    sign_in(client, name="my-secret-typed-into-the-wrong-field")
    assert "secret" not in str(list(SignInFailure.objects.values()))


@pytest.mark.django_db(transaction=True)
def test_of_many_tries_at_once_at_most_ten_look_at_the_password():
    make_user("viewer", username="vera")

    def one(_):
        try:
            return sign_in(Client(), password=WRONG).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(one, range(24)))
    assert set(answers) <= {422, 429}
    assert answers.count(422) <= 10
    assert sign_in(Client()).status_code == 429


# ---------- sessions ----------


def test_logout_takes_a_post(client, vera):
    client.force_login(vera)
    assert client.get("/logout/").status_code == 200
    assert "_auth_user_id" in client.session
    assert client.post("/logout/")["Location"] == "/login/"
    assert "_auth_user_id" not in client.session


def test_sessions_of_a_deactivated_user_stop_at_once(client, vera):
    client.force_login(vera)
    assert client.get("/settings/password/").status_code == 200
    services.set_active(actor=Actor.system(), user=vera, active=False)
    assert client.get("/settings/password/").status_code == 302


def test_role_change_counts_at_the_next_request(client, vera):
    client.force_login(vera)
    assert client.get("/settings/users/").status_code == 403
    services.set_role(actor=Actor.system(), user=vera, role="admin")
    assert client.get("/settings/users/").status_code == 200
    make_user("admin", username="other")
    services.set_role(actor=Actor.system(), user=User.objects.get(pk=vera.pk), role="viewer")
    assert client.get("/settings/users/").status_code == 403


def test_allauths_other_pages_are_not_exposed(client):
    for path in ("/signup/", "/accounts/signup/", "/password/reset/", "/accounts/login/", "/confirm-email/"):
        assert client.get(path).status_code == 404, path


def test_wait_words():
    assert [throttle.wait_words(n) for n in (1, 60, 61, 900)] == ["1 minute", "1 minute", "2 minutes", "15 minutes"]
