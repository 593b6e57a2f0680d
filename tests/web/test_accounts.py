"""Passwords and users in the browser; sign-in itself is in tests/accounts."""

import pytest
from django.test import Client

from registry.accounts.models import SignInFailure, User
from registry.events.models import Event
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db

NEW = "a-new-and-long-one"


def post(client, address, status, **form):
    response = client.post(address, form)
    assert response.status_code == status, response.content.decode()
    return response.content.decode()


@pytest.fixture
def admin(as_role):
    return as_role("admin")


def address_of(name):
    return f"/settings/users/{User.objects.get(username=name).pk}/"


def test_own_password_change_keeps_this_session_and_ends_the_others(cast, as_role):
    here, there = as_role("viewer"), as_role("viewer")
    post(here, "/settings/password/", 302, old_password=PASSWORD, password=NEW, password_again=NEW)
    assert "Password changed" in here.get("/settings/password/").content.decode()
    assert there.get("/settings/password/").status_code == 302
    event = Event.objects.get(kind="user.password_changed")
    assert (event.actor_name, event.target, event.door) == ("viewer", "viewer", "browser")


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"old_password": "wrong"}, "This is not your current password."),
        ({"password_again": "other"}, "The two passwords differ."),
        ({"password": "12345678", "password_again": "12345678"}, "too common"),
        ({"password": "short", "password_again": "short"}, "too short"),
        ({"password": ""}, "This field is required."),
        ({"password": "x" * 5000, "password_again": "x" * 5000}, "at most 256"),
    ],
)
def test_password_is_refused_with_the_reason(as_role, form, words):
    values = {"old_password": PASSWORD, "password": NEW, "password_again": NEW, **form}
    html = post(as_role("viewer"), "/settings/password/", 422, **values)
    assert words in html and 'aria-invalid="true"' in html and NEW not in html
    assert User.objects.get(username="viewer").check_password(PASSWORD)


def test_old_password_cannot_be_guessed_without_end(as_role):
    client = as_role("viewer")
    form = {"old_password": "wrong", "password": NEW, "password_again": NEW}
    for _ in range(10):
        post(client, "/settings/password/", 422, **form)
    assert "Too many failed sign-ins" in post(client, "/settings/password/", 429, **form)
    assert SignInFailure.objects.count() == 10


def test_user_list_searches_and_pages(admin, monkeypatch):
    from registry.web.views import accounts

    monkeypatch.setattr(accounts, "USERS_PER_PAGE", 3)
    html = admin.get("/settings/users/").content.decode()
    assert html.count("<tr id=") == 3 and "?q=&amp;after=reviewer" in html
    html = admin.get("/settings/users/?after=reviewer").content.decode()
    assert "viewer</span>" in html.replace("<wbr>", "") and "More users" not in html
    assert admin.get("/settings/users/?q=contrib").content.decode().count("<tr id=") == 1
    assert "No user is called nobody" in admin.get("/settings/users/?q=nobody").content.decode()


@pytest.mark.parametrize("rows", [1, 49])
def test_user_list_asks_the_same_few_queries(admin, rows, django_assert_num_queries):
    for n in range(rows - 1):
        make_user("viewer", username=f"user-{n}")
    with django_assert_num_queries(5):
        admin.get("/settings/users/")


def test_admin_makes_a_user_who_can_sign_in(admin):
    form = {"username": "rosa", "email": "", "role": "reviewer", "password": NEW, "password_again": NEW}
    post(admin, "/settings/users/new/", 302, **form)
    assert "User rosa made." in admin.get("/settings/users/").content.decode()
    assert Client().post("/login/", {"login": "rosa", "password": NEW}).status_code == 302
    assert Event.objects.get(target="rosa").door == "browser"


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"username": "VIEWER"}, "A user with that name exists"),
        ({"username": "a b"}, "Enter a valid username"),
        ({"username": "system"}, "reserved"),
        ({"email": "no"}, "Enter a valid email"),
        ({"role": "owner"}, "Select a valid choice"),
        ({"password": "rosa-rosa", "password_again": "rosa-rosa", "username": "rosa-rosa"}, "too similar"),
    ],
)
def test_bad_user_is_refused_and_what_was_typed_stays(admin, form, words):
    values = {"username": "rosa", "email": "r@example.org", "role": "viewer", "password": NEW, "password_again": NEW}
    html = post(admin, "/settings/users/new/", 422, **values | form)
    assert words in html
    assert f'value="{(values | form)["username"]}"' in html
    assert User.objects.count() == 4


def test_admin_changes_role_sign_in_and_password(admin):
    address = address_of("viewer")
    post(admin, address, 302, change="role", role="reviewer")
    assert User.objects.get(username="viewer").role == "reviewer"
    post(admin, address, 302, change="active", is_active="off")
    assert "may not sign in" in admin.get(address).content.decode()
    assert Client().post("/login/", {"login": "viewer", "password": PASSWORD}).status_code == 422
    post(admin, address, 302, change="active", is_active="on")
    post(admin, address, 302, change="password", password=NEW, password_again=NEW)
    assert Client().post("/login/", {"login": "viewer", "password": NEW}).status_code == 302


def test_last_admin_is_told_why_not(admin):
    for form in ({"change": "role", "role": "viewer"}, {"change": "active", "is_active": "off"}):
        html = post(admin, address_of("admin"), 422, **form)
        assert "admin is the last active admin. Give another user the role admin first." in html
    assert User.objects.get(username="admin").role == "admin"


def test_admin_who_gives_the_role_away_is_led_to_what_is_left(admin):
    make_user("admin", username="other")
    response = admin.post(address_of("admin"), {"change": "role", "role": "viewer"})
    assert response["Location"] == "/groups/"
    assert admin.get("/settings/users/").status_code == 403


@pytest.mark.parametrize(
    "form",
    [{}, {"change": "x"}, {"change": "role", "role": "owner"}, {"change": "active", "is_active": "maybe"}],
)
def test_odd_forms_change_nothing(admin, form):
    before = Event.objects.count()
    post(admin, address_of("viewer"), 422, **form)
    assert Event.objects.count() == before


def test_no_such_user(admin):
    assert admin.get("/settings/users/999999999999999999/").status_code == 404
    assert admin.get(f"/settings/users/{'9' * 30}/").status_code == 404
