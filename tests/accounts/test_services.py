"""The rules about users: who may change them, that one admin stays, and that each change leaves one event."""

import threading

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connections

from registry.accounts import services
from registry.accounts.models import Role, User
from registry.accounts.permissions import Actor, NotAllowed
from registry.events.models import Event
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db


def actor_for(user):
    return Actor.of(User.objects.get(pk=user.pk), "browser")


def kinds():
    return list(Event.objects.order_by("id").values_list("kind", flat=True))


def test_create_user_gives_one_role_and_leaves_one_event():
    user = make_user("reviewer", username="rosa")
    assert (user.role, user.is_staff) == (Role.REVIEWER, False)
    event = Event.objects.get(kind="user.created")
    assert (event.target, event.after) == ("rosa", {"username": "rosa", "role": "reviewer"})
    assert PASSWORD not in str(vars(event))


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"username": "Rosa"}, "username"),  # rosa is there
        ({"username": "system"}, "username"),
        ({"username": "a b"}, "username"),
        ({"username": ""}, "username"),
        ({"username": "x" * 151}, "username"),
        ({"username": "new", "password": "12345678"}, "password"),
        ({"username": "new", "role": "owner"}, "role"),
        ({"username": "new", "email": "no"}, "email"),
    ],
)
def test_create_user_refuses_with_the_reason_at_the_field(values, field):
    make_user("viewer", username="rosa")
    with pytest.raises(ValidationError) as refusal:
        make_user(**{"role": "viewer", **values})
    assert list(refusal.value.message_dict) == [field]
    assert User.objects.count() == 1


@pytest.mark.parametrize("role", ["viewer", "contributor", "reviewer"])
def test_only_admins_change_users(cast, role):
    actor = actor_for(cast[role])
    for change in (
        lambda: services.create_user(actor=actor, username="x", password=PASSWORD, role="viewer"),
        lambda: services.set_role(actor=actor, user=cast["viewer"], role="admin"),
        lambda: services.set_active(actor=actor, user=cast["admin"], active=False),
        lambda: services.set_password(actor=actor, user=cast["admin"], password=PASSWORD),
    ):
        with pytest.raises(NotAllowed):
            change()


def test_everybody_sets_their_own_password(cast):
    services.set_password(actor=actor_for(cast["viewer"]), user=cast["viewer"], password="another-long-one")
    assert User.objects.get(username="viewer").check_password("another-long-one")
    assert kinds()[-1] == "user.password_changed"


def test_set_role_moves_staff_along_and_same_role_is_no_event(cast):
    admin, viewer = actor_for(cast["admin"]), cast["viewer"]
    services.set_role(actor=admin, user=viewer, role="admin")
    assert User.objects.get(pk=viewer.pk).is_staff
    services.set_role(actor=admin, user=viewer, role="admin")
    services.set_role(actor=admin, user=viewer, role="contributor")
    fresh = User.objects.get(pk=viewer.pk)
    assert (fresh.role, fresh.is_staff) == (Role.CONTRIBUTOR, False)
    assert kinds().count("user.role_changed") == 2


def test_last_active_admin_stays(cast):
    admin = cast["admin"]
    for change in (
        lambda: services.set_role(actor=actor_for(admin), user=admin, role="viewer"),
        lambda: services.set_active(actor=actor_for(admin), user=admin, active=False),
    ):
        with pytest.raises(ValidationError, match="last active admin"):
            change()
    other = make_user("admin", username="other")
    services.set_active(actor=actor_for(admin), user=other, active=False)
    with pytest.raises(ValidationError, match="last active admin"):  # an inactive admin does not count
        services.set_role(actor=actor_for(admin), user=admin, role="viewer")
    services.set_active(actor=actor_for(admin), user=other, active=True)
    services.set_role(actor=actor_for(other), user=admin, role="viewer")
    assert list(User.objects.admins()) == [other]


def test_inactive_user_has_no_role_but_keeps_it(cast):
    services.set_active(actor=actor_for(cast["admin"]), user=cast["reviewer"], active=False)
    user = User.objects.get(username="reviewer")
    assert (user.role, user.held_role) == (None, Role.REVIEWER)
    services.set_active(actor=actor_for(cast["admin"]), user=user, active=True)
    assert User.objects.get(username="reviewer").role == Role.REVIEWER
    assert kinds()[-2:] == ["user.deactivated", "user.activated"]


@pytest.mark.django_db(transaction=True)
def test_two_admins_who_demote_each_other_at_once_leave_one():
    pair = [make_user("admin", username="first"), make_user("admin", username="second")]
    actors, start, refused = [actor_for(user) for user in pair], threading.Barrier(2), []

    def demote(actor, user):
        start.wait()
        try:
            services.set_role(actor=actor, user=User.objects.get(pk=user.pk), role="viewer")
        except ValidationError:
            refused.append(user)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=demote, args=pair) for pair in zip(actors, reversed(pair), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(refused), User.objects.admins().count()) == (1, 1)


def test_createsuperuser_makes_the_first_admin_with_an_event(monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", username="root", email="", interactive=False, verbosity=0)
    user = User.objects.get()
    assert (user.role, user.is_staff, user.check_password(PASSWORD)) == (Role.ADMIN, True, True)
    event = Event.objects.get()
    assert (event.kind, event.actor_name, event.door) == ("user.created", "system", "command")
    with pytest.raises((CommandError, ValidationError)):
        call_command("createsuperuser", username="root", email="", interactive=False, verbosity=0)


def test_a_demoted_superuser_is_none_any_more(monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", username="root", email="", interactive=False, verbosity=0)
    other = make_user("admin", username="other")
    services.set_role(actor=actor_for(other), user=User.objects.get(username="root"), role="viewer")
    root = User.objects.get(username="root")
    assert (root.role, root.is_superuser, root.is_staff) == (Role.VIEWER, False, False)


def test_changepassword_goes_through_the_service(monkeypatch):
    from registry.accounts.management.commands import changepassword

    user = make_user("viewer", username="vera")
    typed = iter(["12345678", "12345678", "one-long-password", "different-one", PASSWORD + "x", PASSWORD + "x"])
    monkeypatch.setattr(changepassword.Command, "_get_pass", lambda *_: next(typed))
    call_command("changepassword", "vera", verbosity=0)
    user.refresh_from_db()
    assert user.check_password(PASSWORD + "x")
    assert kinds()[-1] == "user.password_changed"
    with pytest.raises(CommandError, match="no user nobody"):
        call_command("changepassword", "nobody")
