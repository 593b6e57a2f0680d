"""The browser's words for users and passwords: fields and what can be told without asking a service."""

from __future__ import annotations

from typing import Any

from django import forms

from registry.accounts.models import Role, User

# What a role may do, in a few words; the rule itself is permissions.MINIMUM_ROLE.
ROLE_WORDS = {
    Role.VIEWER: "Viewer: reads everything",
    Role.CONTRIBUTOR: "Contributor: creates groups, registers versions, edits metadata",
    Role.REVIEWER: "Reviewer: also approves, rejects and moves stages",
    Role.ADMIN: "Admin: also edits tags and descriptions, and manages users",
}
ROLE_CHOICES = [(role.value, words) for role, words in ROLE_WORDS.items()]

# Not longer: hashing a megabyte for everybody who asks is a gift to nobody.
PASSWORD_MAX = 256


def _password(label: str, autocomplete: str, **more: Any) -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": autocomplete})
    return forms.CharField(label=label, strip=False, max_length=PASSWORD_MAX, widget=widget, **more)


class NewPasswordForm(forms.Form):
    """A new password, typed twice; how strong it must be is the service's rule."""

    password = _password("New password", "new-password")
    password_again = _password("The same again", "new-password")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if "password" in data and "password_again" in data and data["password"] != data["password_again"]:
            self.add_error("password_again", "The two passwords differ.")
        return data


class OwnPasswordForm(NewPasswordForm):
    """Change one's own password: whoever sits at an open page must know the old one."""

    old_password = _password("Current password", "current-password")
    field_order = ["old_password", "password", "password_again"]


class NewUserForm(NewPasswordForm):
    """Make a person with a first password, or a service account without any."""

    username = forms.CharField(label="Username", max_length=User._meta.get_field("username").max_length)
    email = forms.EmailField(label="Email", required=False, max_length=254)
    role = forms.ChoiceField(label="Role", choices=ROLE_CHOICES, initial=Role.VIEWER.value)
    is_service = forms.BooleanField(label="Service account", required=False)
    field_order = ["username", "email", "role", "is_service", "password", "password_again"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.is_bound and self.data.get("is_service"):
            # Not drawn then; what was typed before counts as little.
            del self.fields["password"], self.fields["password_again"]


class RoleForm(forms.Form):
    """Give a user another role."""

    role = forms.ChoiceField(label="Role", choices=ROLE_CHOICES)


class ActiveForm(forms.Form):
    """Let a user sign in or not."""

    is_active = forms.ChoiceField(choices=[("on", "on"), ("off", "off")], label="Sign-in")
