"""Every change to access keys: make, rename, switch off and on, rotate, delete; and finding one that signed a call."""

from __future__ import annotations

import base64
import secrets as randomness
from datetime import datetime, timedelta

from cryptography.fernet import InvalidToken
from django.core.exceptions import ValidationError
from django.db import OperationalError, transaction
from django.db.models import Q
from django.utils import timezone

from registry.events.models import Event
from registry.events.services import record
from registry.outages import AWAY, outage_of

from . import secrets
from .models import AccessKey, Role, User
from .permissions import Actor, authorize

NAME_MAX = 128
# The page shows all keys of a user at once, and nobody keeps an eye on more.
KEYS_MAX = 100
# A key that is used all the time is noted as used once in this span: one write, not one for every call.
_NOTE_USE_EVERY = timedelta(minutes=1)
# When noting the use of a key failed last; each call would wait for the lock again.
_not_noted: dict[int, datetime] = {}


class KeyChanged(Exception):
    """The key was rotated or renamed since it was read: nothing was saved. Who and when, as far as the log knows."""

    def __init__(self, message: str, changed_by: str = "", changed_at: datetime | None = None) -> None:
        super().__init__(message)
        self.changed_by, self.changed_at = changed_by, changed_at


def new_key_id() -> str:
    """20 characters that look like an AWS access key id, so that clients which check the form take it."""
    return "AKIA" + base64.b32encode(randomness.token_bytes(10)).decode()


def new_secret() -> str:
    """40 characters of 240 random bits, without the signs that shells and URLs dislike."""
    return randomness.token_urlsafe(30)


def can_sign(key: AccessKey) -> bool:
    """False for a key whose secret was encrypted under a REGISTRY_SECRET_KEY that is no longer listed."""
    try:
        secrets.decrypt(key.encrypted_secret)
    except InvalidToken:
        return False
    return True


def free_name(user: User, stem: str) -> str:
    """`stem`, or where the user has a key of that name `stem-2`, `stem-3` and so on."""
    taken = set(user.access_keys.filter(name__startswith=stem).values_list("name", flat=True))
    if stem not in taken:
        return stem
    return next(name for name in (f"{stem}-{n}" for n in range(2, len(taken) + 3)) if name not in taken)


def _authorize(actor: Actor, user: User) -> None:
    authorize(actor, "access_key.edit_own" if actor.user == user else "access_key.edit_others", user)


def _lock_user(user: User) -> None:
    """Wait for whoever else makes or names a key of this user: two of one name must not both find it free."""
    User.objects.select_for_update().only("pk").get(pk=user.pk)


def _lock(actor: Actor, key: AccessKey, seen: str | None = None) -> AccessKey:
    """The key as it is now, locked; AccessKey.DoesNotExist when it is gone, KeyChanged when its id is not `seen`."""
    _authorize(actor, key.user)
    locked = AccessKey.objects.select_for_update(of=("self",)).select_related("user").get(pk=key.pk)
    if seen is not None and seen != locked.key_id:
        raise _changed(locked, "rotated")
    return locked


def _changed(key: AccessKey, what: str) -> KeyChanged:
    last = Event.objects.filter(category="access", kind=f"access_key.{what}", target=_target(key)).first()
    said = f"The key {key.name} was {what} meanwhile."
    return KeyChanged(said, last.actor_name, last.at) if last else KeyChanged(said)


def _clean_name(user: User, name: str, but: AccessKey | None = None) -> str:
    name = name.strip()
    if not name:
        raise ValidationError({"name": ["Enter a name, for example the pipeline that will use the key."]})
    if len(name) > NAME_MAX or not name.isprintable():
        raise ValidationError({"name": [f"A name has at most {NAME_MAX} printable characters."]})
    others = user.access_keys.filter(name=name)
    if (others.exclude(pk=but.pk) if but else others).exists():
        raise ValidationError({"name": [f"{user.username} has a key named {name} already."]})
    return name


def _clean_role(user: User, role: Role | str | None) -> str:
    held = user.role
    if held is None:
        why = "has no role" if user.is_active else "is not active"
        raise ValidationError({"role": [f"{user.username} {why}, so a key could do nothing."]})
    if not role:
        return ""
    if role not in Role.values:
        raise ValidationError({"role": [f"The role is one of {', '.join(Role.values)}."]})
    if Role(role).rank > held.rank:
        wider = f"{user.username} has the role {held}; a key cannot have the wider role {Role(role)}."
        raise ValidationError({"role": [wider]})
    return Role(role).value


@transaction.atomic
def create_access_key(
    *, actor: Actor, user: User, name: str, role: Role | str | None = None, expires_at: datetime | None = None
) -> tuple[AccessKey, str]:
    """Make a key for `user` and return it with its secret, which is never shown again; leaves `access_key.created`.

    One's own as anybody with a role, others' as an admin. `role` may not be wider than the user's; none means the
    user's own, whatever it becomes. Raises ValidationError for `name`, `role` or `expires_at`.
    """
    _authorize(actor, user)
    _lock_user(user)
    name, own_role = _clean_name(user, name), _clean_role(user, role)
    if expires_at is not None and expires_at <= timezone.now():
        raise ValidationError({"expires_at": ["This day is over. Choose a later one."]})
    if user.access_keys.count() >= KEYS_MAX:
        raise ValidationError({"name": [f"{user.username} has {KEYS_MAX} keys. Delete one that is not used."]})
    secret = new_secret()
    key = AccessKey.objects.create(
        user=user,
        name=name,
        key_id=new_key_id(),
        encrypted_secret=secrets.encrypt(secret),
        role=own_role,
        expires_at=expires_at,
        created_by_name=actor.name,
    )
    record(actor, "access_key.created", target=_target(key), after=_state(key), at=key.created_at)
    return key, secret


@transaction.atomic
def rename_access_key(*, actor: Actor, key: AccessKey, name: str, seen: str | None = None) -> AccessKey:
    """Give the key another name; leaves `access_key.renamed`. Raises ValidationError for `name`.

    `seen` is the name that was read, KeyChanged when it is another one now.
    """
    locked = _lock(actor, key)
    _lock_user(locked.user)
    before = locked.name
    name = _clean_name(locked.user, name, but=locked)
    if name == before:
        return locked
    if seen is not None and seen != before:
        raise _changed(locked, "renamed")
    locked.name = name
    locked.save(update_fields=["name"])
    record(actor, "access_key.renamed", target=_target(locked), before={"name": before}, after={"name": name})
    return locked


@transaction.atomic
def set_access_key_active(*, actor: Actor, key: AccessKey, active: bool) -> AccessKey:
    """Switch the key on or off, from the next call on; leaves `access_key.enabled` or `access_key.disabled`."""
    locked = _lock(actor, key)
    if locked.is_active != active:
        locked.is_active = active
        locked.save(update_fields=["is_active"])
        record(actor, "access_key.enabled" if active else "access_key.disabled", target=_target(locked))
    return locked


@transaction.atomic
def rotate_access_key(*, actor: Actor, key: AccessKey, seen: str | None = None) -> tuple[AccessKey, str]:
    """Give the key a new id and secret and return both; the old ones stop at once. Leaves `access_key.rotated`.

    `seen` is the id that was read, KeyChanged when it is another one now: the secret that somebody was just shown
    must not stop by a form that was sent twice.
    """
    locked = _lock(actor, key, seen)
    before, secret = locked.key_id, new_secret()
    locked.key_id, locked.encrypted_secret = new_key_id(), secrets.encrypt(secret)
    locked.save(update_fields=["key_id", "encrypted_secret"])
    after = {"key_id": locked.key_id}
    record(actor, "access_key.rotated", target=_target(locked), before={"key_id": before}, after=after)
    return locked, secret


@transaction.atomic
def delete_access_key(*, actor: Actor, key: AccessKey, seen: str | None = None) -> None:
    """Delete the key; calls it signed keep its name in the log. Leaves `access_key.deleted`. `seen` as above."""
    locked = _lock(actor, key, seen)
    record(actor, "access_key.deleted", target=_target(locked), before=_state(locked))
    locked.delete()


def note_use(key: AccessKey, client: str) -> None:
    """Remember when and by which client the key was used, at most once a minute; no event, it changes no right.

    While the database takes no changes a call that only reads is answered all the same, and this is left for later.
    """
    now = timezone.now()
    due = now - _NOTE_USE_EVERY
    if (key.last_used_at is None or key.last_used_at < due) and _not_noted.get(key.pk, due) <= due:
        # Of many calls at once one writes.
        old = AccessKey.objects.filter(Q(last_used_at=None) | Q(last_used_at__lt=due), pk=key.pk)
        try:
            with transaction.atomic():
                old.update(last_used_at=now, last_used_by=client[:512])
        except OperationalError as error:
            outage = outage_of(error)
            if outage is None or outage.what == AWAY:
                raise
            _not_noted[key.pk] = now


def reencrypt_secrets() -> list[AccessKey]:
    """Put every secret under the first of REGISTRY_SECRET_KEY; done at each start, writes only what is not there yet.

    Leaves `access_key.reencrypted` for each that was written. Returns the keys whose secret no listed
    REGISTRY_SECRET_KEY opens: they sign nothing until they are rotated.
    """
    unreadable, actor = [], Actor.system()
    for key in AccessKey.objects.select_related("user").order_by("user__username", "name"):
        if secrets.is_current(key.encrypted_secret):
            continue
        try:
            fresh = secrets.rotate(key.encrypted_secret)
        except InvalidToken:
            unreadable.append(key)
            continue
        # Another server may run and rotate the key right now: its new secret must not be overwritten by the old one.
        with transaction.atomic():
            same = AccessKey.objects.filter(pk=key.pk, encrypted_secret=key.encrypted_secret)
            if same.update(encrypted_secret=fresh):
                record(actor, "access_key.reencrypted", target=_target(key))
    return unreadable


def _target(key: AccessKey) -> str:
    return f"{key.user.username}/{key.name}"[:256]


def _state(key: AccessKey) -> dict[str, str | None]:
    return {
        "name": key.name,
        "key_id": key.key_id,
        "role": key.role or None,
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
    }
