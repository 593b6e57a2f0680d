"""Every change to users: make one, set a role, switch one off; each asks permission and leaves an event."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.db import transaction

from registry.events.services import record

from .models import Role, User
from .permissions import Actor, authorize


def _take_role(user: User, role: Role) -> None:
    names = [name for name in Role.values if name != role]
    user.groups.remove(*Group.objects.filter(name__in=names))
    user.groups.add(Group.objects.get_or_create(name=role.value)[0])
    user.is_staff = role == Role.ADMIN or user.is_superuser
    user.save(update_fields=["is_staff"])
    user.__dict__.pop("role", None)


@transaction.atomic
def create_user(*, actor: Actor, username: str, password: str, role: Role | str, email: str = "") -> User:
    """Make a user with one role. Only admins; leaves `user.created`.

    Raises ValidationError for a name that is taken or malformed, or a password that is too weak.
    """
    authorize(actor, "user.edit")
    role = Role(role)
    user = User(username=username, email=email)
    user.set_password(password)
    user.full_clean(exclude=["password"])
    validate_password(password, user)
    user.save()
    _take_role(user, role)
    record(actor, "user.created", target=user.username, after={"username": user.username, "role": role.value})
    return user


@transaction.atomic
def set_role(*, actor: Actor, user: User, role: Role | str) -> User:
    """Give `user` exactly one role; counts at that user's next request. Only admins; leaves `user.role_changed`."""
    authorize(actor, "user.edit", user)
    role = Role(role)
    before = user.role
    if before == role:
        return user
    _take_role(user, role)
    record(
        actor,
        "user.role_changed",
        target=user.username,
        before={"role": before.value if before else None},
        after={"role": role.value},
    )
    return user


@transaction.atomic
def set_active(*, actor: Actor, user: User, active: bool) -> User:
    """Let `user` sign in or not; nothing of the user's past is lost. Only admins; leaves `user.activated` or
    `user.deactivated`."""
    authorize(actor, "user.edit", user)
    if user.is_active == active:
        return user
    user.is_active = active
    user.save(update_fields=["is_active"])
    record(actor, "user.activated" if active else "user.deactivated", target=user.username)
    return user


@transaction.atomic
def set_password(*, actor: Actor, user: User, password: str) -> User:
    """Set a new password: one's own, or anybody's as an admin. Leaves `user.password_changed`, never the password.

    Raises ValidationError with the reasons for a weak one.
    """
    if actor.user != user:
        authorize(actor, "user.edit", user)
    validate_password(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    record(actor, "user.password_changed", target=user.username)
    return user
