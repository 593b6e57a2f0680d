"""Access keys in the browser: the list, the one answer with a secret, every change with and without script."""

from __future__ import annotations

import gzip
import re
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from registry.accounts import access_keys
from registry.accounts.models import AccessKey, User
from registry.accounts.permissions import Actor
from registry.events.models import Event
from registry.web.sentences import tell
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db

KEYS = "/settings/access-keys/"
HTMX = {"HX-Request": "true"}
SECRET = re.compile(r'class="secret"><span>([\w-]{40})</span>')


def make_key(user, name="pipeline", **values):
    return access_keys.create_access_key(actor=Actor.system("test"), user=user, name=name, **values)[0]


@pytest.fixture
def rosa():
    return make_user("contributor", username="rosa")


@pytest.fixture
def hers(rosa):
    """A client that rosa is signed in with."""
    client = Client()
    client.force_login(rosa)
    return client


def page(client, path=KEYS, status=200, **more):
    response = client.get(path, **more)
    assert response.status_code == status
    return response.content.decode()


def post(client, path, status=200, headers=None, **form):
    response = client.post(path, form, headers=headers or {})
    assert response.status_code == status, response.content.decode()[:3000]
    return response


def at(key, what=""):
    return f"{KEYS}{key.pk}/{what}"


def row(html, key):
    return re.search(rf'<tr id="key-{key.pk}".*?</tr>', html, re.DOTALL)[0]


# ---------- the list ----------


def test_list_shows_what_each_key_is_and_may(hers, rosa):
    now = timezone.now()
    plain = make_key(rosa)
    narrow = make_key(rosa, "notebook", role="viewer", expires_at=now + timedelta(days=90))
    soon = make_key(rosa, "soon", expires_at=now + timedelta(days=6, hours=1))
    over = make_key(rosa, "over", expires_at=now + timedelta(days=1))
    off = make_key(rosa, "off")
    AccessKey.objects.filter(pk=plain.pk).update(last_used_at=now - timedelta(hours=4), last_used_by="Boto3/1.44 <b>")
    AccessKey.objects.filter(pk=over.pk).update(expires_at=now - timedelta(days=2))
    AccessKey.objects.filter(pk=off.pk).update(is_active=False)
    html = page(hers)
    first = row(html, plain)
    assert plain.key_id in first and f'data-copy="{plain.key_id}"' in first
    assert ">contributor</td>" in first and "4 hours ago" in first and ">never<" in first
    assert "by Boto3/1.44 &lt;b&gt;" in first
    assert ">viewer</td>" in row(html, narrow) and f"{(now + timedelta(days=90)).day} " in row(html, narrow)
    assert "status--pending" in row(html, soon) and "in 6 days" in row(html, soon)
    assert "expired 2 days ago" in row(html, over) and "status--rejected" in row(html, over)
    assert "disabled" in row(html, off) and ">Enable</button>" in row(html, off)
    assert all("encrypted" not in html and key.encrypted_secret not in html for key in AccessKey.objects.all())


def test_empty_list_says_what_a_key_is_for(hers):
    assert "No access keys" in page(hers) and 'href="/settings/access-keys/new/"' in page(hers)


@pytest.mark.parametrize("count", [1, 30])
def test_list_asks_the_same_few_queries(hers, rosa, count, django_assert_max_num_queries):
    for n in range(count):
        make_key(rosa, f"key-{n}")
    with django_assert_max_num_queries(5):
        page(hers)


def test_fragment_is_the_part_of_the_page_that_it_replaces(hers, rosa):
    make_key(rosa)
    token = re.compile(r'(name="csrfmiddlewaretoken" value=|X-CSRFToken": )"[^"]*"')
    part = token.sub("", page(hers, headers=HTMX)).strip()
    assert part.startswith('<section class="stack" id="access-keys"')
    assert part in token.sub("", page(hers))


def test_menu_settings_and_keyboard_lead_there(hers):
    html = page(hers, "/groups/")
    assert re.search(r'id="usermenu".*?href="/settings/access-keys/"', html, re.DOTALL)
    assert 'href="/settings/access-keys/" data-key="g k"' in html
    assert re.search(
        r'aria-label="Settings".*?href="/settings/access-keys/" aria-current="page"', page(hers), re.DOTALL
    )


def test_who_has_no_role_has_no_keys():
    client = Client()
    client.force_login(User.objects.create(username="nobody"))
    assert client.get(KEYS).status_code == 403
    assert client.post(KEYS, {"name": "x", "expires": "90"}).status_code == 403
    assert KEYS not in client.get("/settings/password/").content.decode()
    assert Client().get(KEYS)["Location"].startswith("/login/")


# ---------- a new one ----------


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
def test_secret_is_shown_in_that_answer_and_nowhere_else(hers, rosa, headers):
    sent = {"name": "ci", "role": "viewer", "expires": "365"}
    response = post(hers, KEYS, headers={**headers, "Accept-Encoding": "gzip"}, **sent)
    html = response.content.decode()  # not compressed, whatever the browser takes
    assert "Content-Encoding" not in response
    assert "no-store" in response["Cache-Control"] and "no-transform" in response["Cache-Control"]
    (secret,) = SECRET.findall(html)
    key = AccessKey.objects.get()
    for line in (
        "export AWS_ENDPOINT_URL_SAGEMAKER=http://testserver",
        f"export AWS_ACCESS_KEY_ID={key.key_id}",
        f"export AWS_SECRET_ACCESS_KEY={secret}",
        "export AWS_DEFAULT_REGION=us-east-1",
    ):
        assert line in html
    assert (key.name, key.role, key.user) == ("ci", "viewer", rosa)
    assert timedelta(days=364) < key.expires_at - timezone.now() < timedelta(days=366)
    assert ("<!doctype html>" in html.lower()) is (headers == {})
    if headers:
        assert (response["HX-Retarget"], response["HX-Reswap"]) == ("#access-keys", "outerHTML")
        assert 'id="newkey"' in html and 'hx-swap-oob="true"' in html
    for path in (KEYS, at(key, "rename/"), "/activity/", "/groups/"):
        assert secret not in page(hers, path)


def test_other_pages_are_compressed_as_ever(hers):
    response = hers.get(KEYS, headers={"Accept-Encoding": "gzip"})
    assert b"Access keys" in gzip.decompress(response.content)


def test_public_address_stands_in_the_lines(hers, settings):
    settings.REGISTRY_PUBLIC_URL = "https://registry.example"
    html = post(hers, KEYS, name="ci", expires="never").content.decode()
    assert "export AWS_ENDPOINT_URL_SAGEMAKER=https://registry.example\n" in html
    assert AccessKey.objects.get().expires_at is None and AccessKey.objects.get().role == ""


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "x" * 129}, "at most 128"),
        ({"name": "a\x01b"}, "printable characters"),
        ({"name": "pipeline"}, "rosa has a key named pipeline already."),
        ({"role": "reviewer"}, "Select a valid choice"),
        ({"role": "boss"}, "Select a valid choice"),
        ({"expires": "7"}, "Select a valid choice"),
        ({"expires": ""}, "This field is required."),
    ],
)
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
def test_bad_key_is_refused_at_the_field_and_what_was_typed_stays(hers, rosa, form, words, headers):
    make_key(rosa)
    values = {"name": "typed", "role": "viewer", "expires": "90"} | form
    html = post(hers, KEYS, 422, headers, **values).content.decode()
    assert words in html and 'aria-invalid="true"' in html
    if values["name"].isprintable():
        assert f'value="{values["name"]}"' in html
    assert html.strip().startswith("<dialog") is (headers == HTMX)
    assert AccessKey.objects.count() == 1


def test_broken_bytes_are_no_error_of_ours(hers):
    assert hers.post(KEYS, {"name": "a\x00b", "expires": "90"}).status_code == 400
    body = b"name=%ff&expires=90"
    assert hers.post(KEYS, body, content_type="application/x-www-form-urlencoded").status_code == 400
    for path in (f"{KEYS}{'9' * 30}/rename/", f"{KEYS}999999999999/rename/", f"{KEYS}0/"):
        assert hers.get(path).status_code == 404, path


def test_no_wider_role_is_offered(hers):
    html = page(hers, f"{KEYS}new/")
    assert re.findall(r'<option value="(\w*)"', html)[:3] == ["", "viewer", "contributor"]
    assert 'value="reviewer"' not in html and "The same as you: contributor" in html


# ---------- changes ----------


def test_rename(hers, rosa):
    key = make_key(rosa)
    assert 'value="pipeline"' in page(hers, at(key, "rename/"))
    assert post(hers, at(key, "rename/"), 302, name="nightly", seen="pipeline")["Location"] == KEYS
    assert "Key renamed to nightly" in page(hers)
    make_key(rosa, "other")
    html = post(hers, at(key, "rename/"), 422, name="other", seen="nightly").content.decode()
    assert "rosa has a key named other already." in html and 'value="other"' in html
    html = post(hers, at(key, "rename/"), 409, name="weekly", seen="pipeline").content.decode()
    assert "was renamed meanwhile. Nothing was saved. By rosa" in html
    assert AccessKey.objects.get(pk=key.pk).name == "nightly"


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
def test_disable_and_enable(hers, rosa, headers):
    key = make_key(rosa)
    for word, active in (("off", False), ("on", True)):
        response = post(hers, at(key, "active/"), 200 if headers else 302, headers, active=word)
        assert AccessKey.objects.get().is_active is active
        if headers:
            html = response.content.decode()
            assert ("disabled" in row(html, key)) is not active
            assert ("abled" in response["HX-Trigger"]) and "<!doctype" not in html
    assert hers.get(at(key, "active/")).status_code == 405


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
def test_rotate_shows_a_new_secret_once(hers, rosa, headers):
    key = make_key(rosa)
    assert "stop working at once" in page(hers, at(key, "rotate/"))
    sent = {"seen": key.key_id}
    response = post(hers, at(key, "rotate/"), 200, {**headers, "Accept-Encoding": "gzip"}, **sent)
    html = response.content.decode()
    fresh = AccessKey.objects.get()
    assert fresh.key_id != key.key_id and fresh.key_id in html and key.key_id not in html
    assert len(SECRET.findall(html)) == 1 and "no-store" in response["Cache-Control"]
    again = post(hers, at(key, "rotate/"), 409, headers, **sent).content.decode()
    assert "was rotated meanwhile. Nothing was saved." in again and not SECRET.findall(again)
    assert AccessKey.objects.get().key_id == fresh.key_id


def test_delete_asks_first_without_script(hers, rosa):
    key = make_key(rosa)
    assert "Delete key" in page(hers, at(key, "delete/")) and AccessKey.objects.exists()
    assert post(hers, at(key, "delete/"), 409, seen="AKIAOTHER")
    assert post(hers, at(key, "delete/"), 302, seen=key.key_id)["Location"] == KEYS
    assert "Key pipeline deleted" in page(hers) and not AccessKey.objects.exists()


def test_delete_with_script_gives_the_list_back(hers, rosa):
    key = make_key(rosa)
    assert hers.delete(f"{at(key)}?seen=AKIAOTHER", headers=HTMX).status_code == 409
    response = hers.delete(f"{at(key)}?seen={key.key_id}", headers=HTMX)
    assert response.status_code == 200 and "No access keys" in response.content.decode()
    assert "Key pipeline deleted" in response["HX-Trigger"]
    assert hers.delete(at(key), headers=HTMX).status_code == 404
    assert Event.objects.filter(kind="access_key.deleted").count() == 1


def test_address_of_a_key_leads_to_its_line(hers, rosa):
    key = make_key(rosa)
    assert hers.get(at(key))["Location"] == f"{KEYS}#key-{key.pk}"


def test_a_key_that_nobody_can_decrypt_is_said_to_be_so(hers, rosa, settings):
    key = make_key(rosa)
    settings.SECRET_KEY_FALLBACKS = []
    old = AccessKey.objects.get().encrypted_secret
    settings.SECRET_KEY = "another-" + "y" * 40
    client = Client()
    client.force_login(rosa)
    html = page(client)
    assert "1 key cannot sign" in html and "cannot sign" in row(html, key)
    assert old not in html
    post(client, at(key, "rotate/"), seen=key.key_id)
    assert "cannot sign" not in page(client)


# ---------- keys of others ----------


@pytest.mark.parametrize("role", ["viewer", "contributor", "reviewer"])
def test_keys_of_others_are_not_there_for_who_is_no_admin(as_role, rosa, role):
    client, key = as_role(role), make_key(rosa)
    before = Event.objects.count()
    for what in ("", "rename/", "rotate/", "delete/"):
        assert client.get(at(key, what)).status_code == 404
    for what, form in (
        ("rename/", {"name": "x"}), ("active/", {"active": "off"}), ("rotate/", {}), ("delete/", {})
    ):  # fmt: skip
        assert client.post(at(key, what), form).status_code == 404
    assert client.delete(at(key)).status_code == 404
    for path in (f"/settings/users/{rosa.pk}/access-keys/", f"/settings/users/{rosa.pk}/access-keys/new/"):
        assert client.get(path).status_code == 403
    assert client.post(f"/settings/users/{rosa.pk}/access-keys/", {"name": "x", "expires": "90"}).status_code == 403
    assert key.key_id not in page(client)
    assert Event.objects.count() == before


def test_an_admin_keeps_the_keys_of_others_on_their_page(as_role, rosa):
    admin, key = as_role("admin"), make_key(rosa)
    theirs = f"/settings/users/{rosa.pk}/access-keys/"
    html = page(admin, f"/settings/users/{rosa.pk}/")
    assert key.key_id in row(html, key) and f'hx-post="{theirs}"' in html
    html = post(admin, theirs, name="by-admin", role="", expires="90").content.decode()
    assert len(SECRET.findall(html)) == 1 and "Access keys of rosa" in html
    made = AccessKey.objects.get(name="by-admin")
    assert (made.user, made.created_by_name) == (rosa, "admin")
    assert "cannot have the wider" not in html and 'value="reviewer"' not in page(admin, f"{theirs}new/")
    assert post(admin, at(key, "rename/"), 302, name="nightly")["Location"] == theirs
    assert post(admin, at(key, "active/"), 302, active="off")["Location"] == theirs
    assert len(SECRET.findall(post(admin, at(key, "rotate/")).content.decode())) == 1
    assert post(admin, at(key, "delete/"), 302)["Location"] == theirs
    told = {tell(event).text for event in Event.objects.filter(kind__startswith="access_key", actor_name="admin")}
    assert "made the access key by-admin of rosa, until " + str(made.expires_at)[:10] in told
    assert {"renamed the access key pipeline to nightly of rosa", "disabled the access key nightly of rosa"} <= told
    assert page(admin, "/settings/users/999999/access-keys/", 404)


def test_one_s_own_user_page_shows_one_s_own_keys(as_role, cast):
    admin = as_role("admin")
    key = make_key(cast["admin"])
    html = page(admin, f"/settings/users/{cast['admin'].pk}/")
    assert key.key_id in html and f'hx-post="{KEYS}"' in html


def test_keys_of_an_inactive_user_are_said_to_work_no_more(as_role, rosa):
    make_key(rosa)
    User.objects.filter(pk=rosa.pk).update(is_active=False)
    html = page(as_role("admin"), f"/settings/users/{rosa.pk}/")
    assert "rosa is not active, so none of these keys works." in html


# ---------- service accounts ----------


def test_admin_makes_a_service_account_and_gives_it_a_key(as_role):
    admin = as_role("admin")
    made = post(admin, "/settings/users/new/", 302, username="ci-bot", role="contributor", is_service="on")
    robot = User.objects.get(username="ci-bot")
    assert made["Location"] == f"/settings/users/{robot.pk}/" and robot.is_service
    html = page(admin, made["Location"])
    assert "Service account ci-bot made. Now give it a key." in html
    assert "ci-bot cannot sign in; its access keys work." in html and "New password" not in html
    assert "keys only" in page(admin, "/settings/users/") and "avatar--bot" in page(admin, "/settings/users/")
    html = post(admin, f"/settings/users/{robot.pk}/access-keys/", name="ci", expires="never").content.decode()
    assert len(SECRET.findall(html)) == 1
    html = post(
        admin, f"/settings/users/{robot.pk}/", 422, change="password", password=PASSWORD, password_again=PASSWORD
    )
    assert "is a service account and has no password" in html.content.decode()
    post(admin, f"/settings/users/{robot.pk}/", 302, change="active", is_active="off")
    assert "The keys of ci-bot no longer work." in page(admin, f"/settings/users/{robot.pk}/")


def test_a_person_still_needs_a_password(as_role):
    html = post(as_role("admin"), "/settings/users/new/", 422, username="otto", role="viewer").content.decode()
    assert html.count("This field is required.") >= 2 and not User.objects.filter(username="otto").exists()


def test_what_was_typed_as_password_before_counts_as_little(as_role):
    form = {"username": "ci-bot", "role": "viewer", "is_service": "on", "password": "x", "password_again": "y"}
    post(as_role("admin"), "/settings/users/new/", 302, **form)
    assert not User.objects.get(username="ci-bot").has_usable_password()


def test_expiry_moves_with_the_clock(hers, rosa):
    key = make_key(rosa, expires_at=timezone.now() + timedelta(days=90))
    with time_machine.travel(timezone.now() + timedelta(days=85)):
        client = Client()
        client.force_login(rosa)
        client.get(KEYS)
        assert "status--pending" in row(page(client), key)
