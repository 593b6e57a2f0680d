"""Access keys by their services and the command, and service accounts: whom they refuse, what they keep and record."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client
from django.utils import timezone

from registry.accounts import access_keys, secrets, services
from registry.accounts.access_keys import KeyChanged, create_access_key
from registry.accounts.models import AccessKey, User
from registry.accounts.permissions import Actor, NotAllowed
from registry.events.models import Event
from registry.web.management.commands.serve import Command as Serve
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db

SYSTEM = Actor.system("test")


def acting(user):
    return Actor.of(User.objects.get(pk=user.pk), "browser")


@pytest.fixture
def rosa():
    return make_user("contributor", username="rosa")


@pytest.fixture
def key(rosa):
    return create_access_key(actor=acting(rosa), user=rosa, name="pipeline")[0]


def faults_of(call):
    with pytest.raises(ValidationError) as caught:
        call()
    return caught.value.message_dict


def last():
    return Event.objects.first()


# ---------- making one ----------


def test_a_key_is_made_with_a_secret_that_only_its_maker_sees(rosa):
    key, secret = create_access_key(actor=acting(rosa), user=rosa, name=" pipeline ", role="viewer")
    assert (key.name, key.role, key.created_by_name, key.is_active) == ("pipeline", "viewer", "rosa", True)
    assert len(secret) == 40 and len(key.key_id) == 20 and key.key_id.startswith("AKIA") and key.key_id.isalnum()
    assert secret not in key.encrypted_secret and secrets.decrypt(key.encrypted_secret) == secret
    event = last()
    assert (event.kind, event.category, event.target, event.actor_name) == (
        "access_key.created", "access", "rosa/pipeline", "rosa",
    )  # fmt: skip
    assert event.after == {"name": "pipeline", "key_id": key.key_id, "role": "viewer", "expires_at": None}


def test_ids_and_secrets_are_never_the_same():
    assert len({access_keys.new_key_id() for _ in range(500)} | {access_keys.new_secret() for _ in range(500)}) == 1000


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"name": ""}, "name", "Enter a name"),
        ({"name": "   "}, "name", "Enter a name"),
        ({"name": "x" * 129}, "name", "at most 128"),
        ({"name": "a\x00b"}, "name", "printable"),
        ({"name": "a\nb"}, "name", "printable"),
        ({"name": "pipeline"}, "name", "has a key named pipeline already"),
        ({"role": "admin"}, "role", "cannot have the wider role admin"),
        ({"role": "reviewer"}, "role", "cannot have the wider role reviewer"),
        ({"role": "boss"}, "role", "The role is one of"),
        ({"expires_at": timezone.now() - timedelta(days=1)}, "expires_at", "Choose a later one"),
    ],
)
def test_what_is_refused_leaves_no_key_and_no_event(rosa, key, values, field, words):
    before = Event.objects.count()
    faults = faults_of(lambda: create_access_key(actor=acting(rosa), user=rosa, **{"name": "other", **values}))
    assert list(faults) == [field] and words in faults[field][0]
    assert (AccessKey.objects.count(), Event.objects.count()) == (1, before)


def test_two_users_may_use_the_same_name(rosa, key):
    other = make_user("viewer")
    assert create_access_key(actor=acting(other), user=other, name="pipeline")[0].pk != key.pk


def test_who_has_no_role_or_is_not_active_gets_no_key(rosa):
    services.set_active(actor=SYSTEM, user=rosa, active=False)
    assert "not active" in faults_of(lambda: create_access_key(actor=SYSTEM, user=rosa, name="x"))["role"][0]
    nobody = User.objects.create(username="nobody")
    assert "no role" in faults_of(lambda: create_access_key(actor=SYSTEM, user=nobody, name="x"))["role"][0]


def test_there_is_an_end_to_the_keys_of_one_user(rosa, monkeypatch):
    monkeypatch.setattr(access_keys, "KEYS_MAX", 2)
    for name in ("a", "b"):
        create_access_key(actor=acting(rosa), user=rosa, name=name)
    assert "rosa has 2 keys" in faults_of(lambda: create_access_key(actor=acting(rosa), user=rosa, name="c"))["name"][0]


@pytest.mark.django_db(transaction=True)
def test_of_two_equal_names_at_once_one_is_refused():
    rosa = make_user("viewer", username="rosa")

    def one(_):
        try:
            create_access_key(actor=SYSTEM, user=rosa, name="pipeline")
        except ValidationError:
            return "refused"
        finally:
            connections.close_all()
        return "made"

    with ThreadPoolExecutor(4) as pool:
        done = sorted(pool.map(one, range(4)))
    assert done == ["made", "refused", "refused", "refused"]


# ---------- whose ----------

CHANGES = {
    "create": lambda actor, key: create_access_key(actor=actor, user=key.user, name="new"),
    "rename": lambda actor, key: access_keys.rename_access_key(actor=actor, key=key, name="new"),
    "disable": lambda actor, key: access_keys.set_access_key_active(actor=actor, key=key, active=False),
    "rotate": lambda actor, key: access_keys.rotate_access_key(actor=actor, key=key),
    "delete": lambda actor, key: access_keys.delete_access_key(actor=actor, key=key),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("role", ["viewer", "contributor", "reviewer"])
def test_keys_of_others_are_for_admins(key, change, role):
    before = Event.objects.count()
    with pytest.raises(NotAllowed):
        CHANGES[change](acting(make_user(role)), key)
    assert Event.objects.count() == before + 1  # the user that was just made


@pytest.mark.parametrize("change", CHANGES)
def test_an_admin_changes_the_keys_of_others_and_the_log_says_who(key, change):
    CHANGES[change](acting(make_user("admin", username="ada")), key)
    assert last().actor_name == "ada" and last().target.startswith("rosa/")


@pytest.mark.parametrize("change", CHANGES)
def test_who_lost_the_role_changes_no_key(rosa, key, change):
    rosa.groups.clear()
    with pytest.raises(NotAllowed):
        CHANGES[change](acting(rosa), key)


# ---------- changing one ----------


def test_rename_rotate_switch_and_delete_leave_one_event_each(rosa, key):
    actor = acting(rosa)
    access_keys.rename_access_key(actor=actor, key=key, name="nightly")
    assert (last().kind, last().before, last().after) == (
        "access_key.renamed", {"name": "pipeline"}, {"name": "nightly"},
    )  # fmt: skip
    rotated, secret = access_keys.rotate_access_key(actor=actor, key=key)
    assert (last().before, last().after) == ({"key_id": key.key_id}, {"key_id": rotated.key_id})
    assert rotated.key_id != key.key_id and secrets.decrypt(rotated.encrypted_secret) == secret
    for active, kind in ((False, "access_key.disabled"), (True, "access_key.enabled")):
        access_keys.set_access_key_active(actor=actor, key=key, active=active)
        assert last().kind == kind
    before = Event.objects.count()
    access_keys.set_access_key_active(actor=actor, key=key, active=True)
    access_keys.rename_access_key(actor=actor, key=key, name="nightly")
    assert Event.objects.count() == before
    access_keys.delete_access_key(actor=actor, key=key)
    assert (last().kind, last().target, last().before["name"]) == ("access_key.deleted", "rosa/nightly", "nightly")
    assert not AccessKey.objects.exists()


def test_a_form_that_was_drawn_before_a_rotation_changes_nothing(rosa, key):
    seen = key.key_id
    rotated, _ = access_keys.rotate_access_key(actor=acting(make_user("admin", username="ada")), key=key)
    for change in (access_keys.rotate_access_key, access_keys.delete_access_key):
        with pytest.raises(KeyChanged) as caught:
            change(actor=acting(rosa), key=key, seen=seen)
        assert caught.value.changed_by == "ada" and caught.value.changed_at
    assert AccessKey.objects.get().key_id == rotated.key_id


def test_a_rename_of_what_was_renamed_meanwhile_is_refused(rosa, key):
    access_keys.rename_access_key(actor=acting(rosa), key=key, name="nightly")
    with pytest.raises(KeyChanged):
        access_keys.rename_access_key(actor=acting(rosa), key=key, name="weekly", seen="pipeline")
    assert AccessKey.objects.get().name == "nightly"


def test_a_key_that_is_gone_is_not_changed(rosa, key):
    access_keys.delete_access_key(actor=acting(rosa), key=key)
    gone = AccessKey(pk=10**6, user=rosa, name="x", key_id="x")
    for change in ("rename", "disable", "rotate", "delete"):
        with pytest.raises(AccessKey.DoesNotExist):
            CHANGES[change](acting(rosa), gone)


def test_an_event_outlives_a_very_long_name(rosa):
    name = "x" * 128
    rosa.username = "r" * 150
    rosa.save()
    create_access_key(actor=acting(rosa), user=rosa, name=name)
    assert len(last().target) == 256


@pytest.mark.parametrize(
    ("days", "expired", "soon"), [(None, False, False), (-1, True, False), (6, False, True), (8, False, False)]
)
def test_when_a_key_ends(rosa, days, expired, soon):
    end = None if days is None else timezone.now() + timedelta(days=days)
    key = AccessKey(user=rosa, expires_at=end)
    assert (key.is_expired, key.expires_soon) == (expired, soon)


# ---------- the command ----------


def run(*arguments):
    out, err = io.StringIO(), io.StringIO()
    call_command("createaccesskey", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_the_command_prints_two_lines_for_a_script_and_the_rest_for_a_person(rosa):
    out, err = run("rosa", "--name", "ci", "--role", "viewer")
    key = AccessKey.objects.get()
    assert out == f"AWS_ACCESS_KEY_ID={key.key_id}\nAWS_SECRET_ACCESS_KEY={secrets.decrypt(key.encrypted_secret)}\n"
    assert "Key ci of rosa, role viewer" in err
    assert (key.name, key.role, last().door, last().actor_name) == ("ci", "viewer", "command", "system")


def test_without_a_name_the_command_finds_one(rosa):
    for _ in range(3):
        run("ROSA")
    assert sorted(AccessKey.objects.values_list("name", flat=True)) == [
        "command-line", "command-line-2", "command-line-3",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nobody"], "There is no user nobody."),
        (["rosa", "--role", "admin"], "cannot have the wider role admin"),
        (["rosa", "--role", "boss"], "The role is one of viewer, contributor, reviewer, admin."),
        (["rosa", "--name", ""], "Enter a name"),
        (["rosa", "--name", "pipeline"], "rosa has a key named pipeline already."),
    ],
)
def test_the_command_says_what_is_wrong_and_makes_nothing(key, arguments, words):
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    assert words in str(caught.value) and caught.value.returncode == 1
    assert AccessKey.objects.count() == 1


# ---------- the secret key of the registry ----------


def test_a_start_puts_secrets_under_the_first_key_and_names_those_it_cannot_open(settings, rosa):
    create_access_key(actor=SYSTEM, user=rosa, name="kept")
    first = settings.SECRET_KEY
    settings.SECRET_KEY = "lost-" + "l" * 40
    create_access_key(actor=SYSTEM, user=rosa, name="lost")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new-" + "n" * 40, [first]
    errors = io.StringIO()
    Serve(stderr=errors, no_color=True).renew_secrets()
    assert "the access key lost of rosa cannot sign any more" in errors.getvalue()
    assert "kept" not in errors.getvalue()
    settings.SECRET_KEY_FALLBACKS = []
    assert {key.name: access_keys.can_sign(key) for key in AccessKey.objects.all()} == {"kept": True, "lost": False}


# ---------- service accounts ----------


@pytest.fixture
def robot():
    return services.create_service_account(actor=SYSTEM, username="robot", role="admin")


def test_a_service_account_is_made_without_a_password(robot):
    assert robot.is_service and not robot.has_usable_password() and not robot.is_staff
    assert last().after == {"username": "robot", "role": "admin", "is_service": True}


def test_a_service_account_needs_an_admin_and_a_free_name(robot, rosa):
    with pytest.raises(NotAllowed):
        services.create_service_account(actor=acting(rosa), username="other", role="viewer")
    call = lambda: services.create_service_account(actor=SYSTEM, username="ROBOT", role="viewer")  # noqa: E731
    assert "exists" in faults_of(call)["username"][0]


def test_a_service_account_signs_in_nowhere_even_with_a_password(robot, rf):
    with pytest.raises(ValidationError):
        services.set_password(actor=SYSTEM, user=robot, password=PASSWORD)
    robot.set_password(PASSWORD)  # as somebody could write it into the table
    robot.is_staff = True
    robot.save()
    assert authenticate(rf.post("/login/"), username="robot", password=PASSWORD) is None
    wrong = Client().post("/login/", {"login": "robot", "password": "wrong-password"})
    for path in ("/login/", "/admin/login/"):
        client = Client()
        answer = client.post(path, {"login": "robot", "password": PASSWORD})
        assert answer.status_code == 422 and "do not match" in answer.content.decode()
        assert len(answer.content) == len(wrong.content) or path != "/login/"
        assert "_auth_user_id" not in client.session
    client = Client()
    client.force_login(robot)
    assert client.get("/groups/").status_code == 302
    assert client.get("/admin/", follow=True).redirect_chain[-1][0].startswith("/login/")


def test_a_session_ends_when_its_user_becomes_a_service_account(rosa):
    client = Client()
    client.force_login(rosa)
    assert client.get("/groups/").status_code == 200
    User.objects.filter(pk=rosa.pk).update(is_service=True)
    assert client.get("/groups/").status_code == 302


def test_a_service_account_is_not_the_last_admin(robot):
    ada = make_user("admin", username="ada")
    for change in (
        lambda: services.set_role(actor=SYSTEM, user=ada, role="viewer"),
        lambda: services.set_active(actor=SYSTEM, user=ada, active=False),
    ):
        assert "last active admin" in str(faults_of(change))
    services.set_role(actor=SYSTEM, user=robot, role="viewer")
