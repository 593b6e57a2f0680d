"""Every change to access keys: make, rename, switch off and on, rotate, delete; and finding one that signed a call."""

from __future__ import annotations

import base64
import secrets as randomness
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from registry.events.services import record

from . import secrets
from .models import AccessKey, Role, User
from .permissions import Actor, authorize

NAME_MAX = 128
# A key that is used all the time is noted as used once in this span: one write, not one for every call.
_NOTE_USE_EVERY = timedelta(minutes=1)


def new_key_id() -> str:
    """20 characters that look like an AWS access key id, so that clients which check the form take it."""
    return "AKIA" + base64.b32encode(randomness.token_bytes(10)).decode()


def new_secret() -> str:
    """40 characters of 240 random bits, without the signs that shells and URLs dislike."""
    return randomness.token_urlsafe(30)


def _authorize(actor: Actor, user: User) -> None:
    if actor.user != user:
        authorize(actor, "access_key.edit_others", user)
    else:
        authorize(actor, "access_key.edit_own", user)


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


@transaction.atomic
def create_access_key(
    *, actor: Actor, user: User, name: str, role: Role | str | None = None, expires_at: datetime | None = None
) -> tuple[AccessKey, str]:
    """Make a key for `user` and return it with its secret, which is never shown again; leaves `access_key.created`.

    One's own as anybody with a role, others' as an admin. `role` may not be wider than the user's. Raises
    ValidationError for `name`, `role` or `expires_at`.
    """
    _authorize(actor, user)
    name = _clean_name(user, name)
    held = user.role
    if held is None:
        raise ValidationError({"role": [f"{user.username} has no role, so a key could do nothing."]})
    if role and Role(role).rank > held.rank:
        raise ValidationError({"role": [f"{user.username} is {held}; a key cannot have the wider role {Role(role)}."]})
    if expires_at is not None and expires_at <= timezone.now():
        raise ValidationError({"expires_at": ["This day is over. Choose a later one."]})
    secret = new_secret()
    key = AccessKey.objects.create(
        user=user,
        name=name,
        key_id=new_key_id(),
        encrypted_secret=secrets.encrypt(secret),
        role=Role(role).value if role else "",
        expires_at=expires_at,
        created_by_name=actor.name,
    )
    record(actor, "access_key.created", target=_target(key), after=_state(key))
    return key, secret


@transaction.atomic
def rename_access_key(*, actor: Actor, key: AccessKey, name: str) -> AccessKey:
    """Give the key another name; leaves `access_key.renamed`. Raises ValidationError for `name`."""
    _authorize(actor, key.user)
    before = key.name
    name = _clean_name(key.user, name, but=key)
    if name == before:
        return key
    key.name = name
    key.save(update_fields=["name"])
    record(actor, "access_key.renamed", target=_target(key), before={"name": before}, after={"name": name})
    return key


@transaction.atomic
def set_access_key_active(*, actor: Actor, key: AccessKey, active: bool) -> AccessKey:
    """Switch the key on or off, from the next call on; leaves `access_key.enabled` or `access_key.disabled`."""
    _authorize(actor, key.user)
    if key.is_active != active:
        key.is_active = active
        key.save(update_fields=["is_active"])
        record(actor, "access_key.enabled" if active else "access_key.disabled", target=_target(key))
    return key


@transaction.atomic
def rotate_access_key(*, actor: Actor, key: AccessKey) -> tuple[AccessKey, str]:
    """Give the key a new id and secret and return both; the old ones stop at once. Leaves `access_key.rotated`."""
    _authorize(actor, key.user)
    before, secret = key.key_id, new_secret()
    key.key_id, key.encrypted_secret = new_key_id(), secrets.encrypt(secret)
    key.save(update_fields=["key_id", "encrypted_secret"])
    record(actor, "access_key.rotated", target=_target(key), before={"key_id": before}, after={"key_id": key.key_id})
    return key, secret


@transaction.atomic
def delete_access_key(*, actor: Actor, key: AccessKey) -> None:
    """Delete the key; calls it signed keep its name in the log. Leaves `access_key.deleted`."""
    _authorize(actor, key.user)
    record(actor, "access_key.deleted", target=_target(key), before=_state(key))
    key.delete()


def note_use(key: AccessKey, client: str) -> None:
    """Remember when and by which client the key was used, at most once a minute; no event, it changes no right."""
    now = timezone.now()
    if key.last_used_at is None or key.last_used_at < now - _NOTE_USE_EVERY:
        AccessKey.objects.filter(pk=key.pk).update(last_used_at=now, last_used_by=client[:512])


def reencrypt_secrets() -> int:
    """Put every secret under the first of REGISTRY_SECRET_KEY and return how many there are; done at each start."""
    keys = list(AccessKey.objects.only("encrypted_secret"))
    for key in keys:
        key.encrypted_secret = secrets.rotate(key.encrypted_secret)
    AccessKey.objects.bulk_update(keys, ["encrypted_secret"], batch_size=500)
    return len(keys)


def _target(key: AccessKey) -> str:
    return f"{key.user.username}/{key.name}"


def _state(key: AccessKey) -> dict[str, str | None]:
    return {
        "name": key.name,
        "key_id": key.key_id,
        "role": key.role or None,
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
    }
