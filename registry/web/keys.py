"""What the list of somebody's access keys needs, wherever it stands: Settings, and the page of a user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from registry.accounts.access_keys import can_sign
from registry.accounts.models import AccessKey, User

from .forms.access_keys import NewKeyForm


@dataclass(frozen=True)
class Shown:
    """A secret that is shown in this answer and never again; `done` is "created" or "rotated"."""

    key: AccessKey
    secret: str
    done: str
    endpoint: str

    @property
    def lines(self) -> str:
        """What a shell needs so that boto3 and the AWS CLI speak to this registry."""
        values = {
            "AWS_ENDPOINT_URL_SAGEMAKER": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.key.key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_DEFAULT_REGION": settings.REGISTRY_REGION,
        }
        return "\n".join(f"export {name}={value}" for name, value in values.items())


def endpoint_of(request: HttpRequest) -> str:
    """The address of this registry as clients are told it, without a slash at the end."""
    return settings.REGISTRY_PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")


def address_of(request: HttpRequest, person: User) -> str:
    """Where the keys of `person` are kept: one's own under Settings, others' beside their user page."""
    if person.pk == request.user.pk:
        return reverse("access-keys")
    return reverse("user-access-keys", args=[person.pk])


def keys_context(request: HttpRequest, person: User, form: NewKeyForm | None = None) -> dict[str, Any]:
    """What templates/accounts/_keys.html and _key_create.html need; two queries at most, whatever there is."""
    is_own = person.pk == request.user.pk
    keys = list(person.access_keys.all())
    return {
        "person": person,
        "is_own": is_own,
        "section": "access-keys" if is_own else "users",
        "keys": keys,
        "unreadable": {key.pk for key in keys if not can_sign(key)},
        "keys_address": address_of(request, person),
        "key_form": form or NewKeyForm(person=person, is_own=is_own),
    }
