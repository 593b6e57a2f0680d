"""The browser's words for access keys: name, role and how long; the rules are registry.accounts.access_keys'."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils import timezone

from registry.accounts.access_keys import NAME_MAX
from registry.accounts.models import Role, User

from .accounts import ROLE_WORDS

EXPIRY_CHOICES = [("90", "After 90 days"), ("365", "After 1 year"), ("never", "Never")]


class KeyNameForm(forms.Form):
    """What a key is called."""

    name = forms.CharField(label="Name", max_length=NAME_MAX)

    def __init__(self, data: QueryDict | None = None, **more: Any) -> None:
        super().__init__(data, auto_id="key-%s", **more)


class NewKeyForm(KeyNameForm):
    """A new key of `person`: no role that is wider than the person's is offered."""

    role = forms.ChoiceField(label="Can", required=False)
    expires = forms.ChoiceField(label="Expires", choices=EXPIRY_CHOICES, initial="90")

    def __init__(self, data: QueryDict | None = None, *, person: User, is_own: bool) -> None:
        super().__init__(data)
        held = person.role
        whose = "you" if is_own else person.username
        same = ("", f"The same as {whose}: {held}" if held else "Nothing: no role")
        narrower = [(role.value, words) for role, words in ROLE_WORDS.items() if held and role.rank <= held.rank]
        self.fields["role"].choices = [same, *narrower]  # type: ignore[attr-defined]

    @property
    def expires_at(self) -> datetime | None:
        """When the key ends, counted from now; None for never."""
        days = self.cleaned_data["expires"]
        return None if days == "never" else timezone.now() + timedelta(days=int(days))

    @property
    def key_role(self) -> Role | None:
        return Role(self.cleaned_data["role"]) if self.cleaned_data["role"] else None
