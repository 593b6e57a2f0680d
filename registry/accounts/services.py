"""Every change to users: make one, set a role, switch one off; each asks permission and leaves an event."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from registry.events.services import record

from .models import Role, User
from .permissions import Actor, authorize

# Names that the log uses for actors who are no users.
RESERVED_NAMES = {"system"}


def _take_role(user: User, role: Role) -> None:
    names = [name for name in Role.values if name != role]
    user.groups.remove(*Group.objects.filter(name__in=names))
    user.groups.add(Group.objects.get_or_create(name=role.value)[0])
    user.is_superuser = user.is_superuser and role == Role.ADMIN
    user.is_staff = role == Role.ADMIN and not user.is_service
    user.save(update_fields=["is_staff", "is_superuser"])
    forget_role(user)


def forget_role(user: User) -> None:
    """Have role and teams of `user` read again when they are asked for next."""
    user.__dict__.pop("role", None)
    user.__dict__.pop("may_miss_groups", None)
    getattr(user, "_prefetched_objects_cache", {}).pop("groups", None)


def lock_user(user: User) -> User:
    """Lock the row and bring `user` up to date.

    The row of the Django group "admin" comes first: two admins who demote each other at once must wait for one
    another, or none would be left.
    """
    Group.objects.select_for_update().filter(name=Role.ADMIN.value).first()
    user.refresh_from_db(from_queryset=User.objects.select_for_update())
    forget_role(user)
    return user


def _keep_an_admin(user: User, field: str) -> None:
    if user.role == Role.ADMIN and not user.is_service and not User.objects.admins().exclude(pk=user.pk).exists():
        message = f"{user.username} is the last active admin. Give another user the role admin first."
        raise ValidationError({field: [message]}, "last_admin")


def _check_role(role: Role | str) -> Role:
    if role not in Role.values:
        raise ValidationError({"role": [f"The role is one of {', '.join(Role.values)}."]})
    return Role(role)


def _check_new(user: User, password: str | None) -> None:
    """Raise ValidationError with all faults of a new user by field (username, email, password)."""
    faults: dict[str, list[str]] = {}
    try:
        user.full_clean(exclude=["password"])
    except ValidationError as error:
        faults |= error.message_dict
    if user.username.lower() in RESERVED_NAMES:
        faults.setdefault("username", []).append(f"The name {user.username} is reserved for the registry itself.")
    elif "username" not in faults and User.objects.filter(username__iexact=user.username).exists():
        faults["username"] = ["A user with that name exists; upper and lower case make no difference."]
    try:
        if password is not None:
            validate_password(password, user)
    except ValidationError as error:
        faults["password"] = error.messages
    if faults:
        raise ValidationError(faults)


@transaction.atomic
def create_user(*, actor: Actor, username: str, password: str, role: Role | str, email: str = "") -> User:
    """Make a user with one role. Only admins; leaves `user.created`.

    Raises ValidationError by field: a name that is taken, reserved or malformed, a password that is too weak.
    """
    authorize(actor, "user.edit")
    role = _check_role(role)
    user = User(username=User.normalize_username(username), email=email)
    user.set_password(password)
    _check_new(user, password)
    user.save()
    _take_role(user, role)
    after = {"username": user.username, "role": role.value}
    record(actor, "user.created", target=user.username, after=after, at=user.date_joined)
    return user


@transaction.atomic
def create_service_account(*, actor: Actor, username: str, role: Role | str, email: str = "") -> User:
    """Make a user for a program: no password, no way to sign in, only access keys. Only admins; leaves `user.created`.

    Raises ValidationError by field as create_user does.
    """
    authorize(actor, "user.edit")
    role = _check_role(role)
    user = User(username=User.normalize_username(username), email=email, is_service=True)
    user.set_unusable_password()
    _check_new(user, None)
    user.save()
    _take_role(user, role)
    after = {"username": user.username, "role": role.value, "is_service": True}
    record(actor, "user.created", target=user.username, after=after, at=user.date_joined)
    return user


@transaction.atomic
def create_superuser(*, username: str, password: str | None, email: str = "") -> User:
    """Make an admin from the command line (createsuperuser), the first one included; leaves `user.created`.

    Whoever may run commands on this machine owns the database: the command asked about a weak password already.
    Raises ValidationError by field.
    """
    user = User(username=User.normalize_username(username), email=email, is_superuser=True)
    user.set_password(password)
    _check_new(user, None)
    user.save()
    _take_role(user, Role.ADMIN)
    after = {"username": user.username, "role": Role.ADMIN.value}
    record(Actor.system(), "user.created", target=user.username, after=after, at=user.date_joined)
    return user


@transaction.atomic
def set_role(*, actor: Actor, user: User, role: Role | str) -> User:
    """Give `user` exactly one role; counts at that user's next request. Only admins; leaves `user.role_changed`.

    Raises ValidationError for `role` when the last active admin would lose it.
    """
    authorize(actor, "user.edit", user)
    role = _check_role(role)
    before = lock_user(user).held_role
    if before == role:
        return user
    if role != Role.ADMIN:
        _keep_an_admin(user, "role")
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
    """Let `user` sign in or not; nothing of the user's past is lost, sessions stop at their next request.

    Only admins; leaves `user.activated` or `user.deactivated`. Raises ValidationError for `is_active` when nobody
    would be left to undo it: the last active admin.
    """
    authorize(actor, "user.edit", user)
    if lock_user(user).is_active == active:
        return user
    if not active:
        _keep_an_admin(user, "is_active")
    user.is_active = active
    user.save(update_fields=["is_active"])
    forget_role(user)
    record(actor, "user.activated" if active else "user.deactivated", target=user.username)
    return user


@transaction.atomic
def set_password(*, actor: Actor, user: User, password: str) -> User:
    """Set a new password: one's own, or anybody's as an admin. Leaves `user.password_changed`, never the password.

    Ends the user's sessions (the caller may keep its own). Raises ValidationError with the reasons for a weak one, and
    for a service account, which has none.
    """
    if actor.user != user:
        authorize(actor, "user.edit", user)
    if user.is_service:
        raise ValidationError(f"{user.username} is a service account and has no password.")
    validate_password(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    record(actor, "user.password_changed", target=user.username)
    return user
