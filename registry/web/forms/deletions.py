"""The name that somebody types before something is deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError


class DeleteForm(forms.Form):
    """One field that takes any of `names`, the first being the one that is shown."""

    name = forms.CharField(required=False, max_length=200)

    def __init__(self, data: Any = None, *, names: Sequence[str]) -> None:
        super().__init__(data, auto_id="delete-%s")
        self.names = names

    @property
    def wanted(self) -> str:
        return self.names[0]

    def clean_name(self) -> str:
        typed = " ".join(self.cleaned_data["name"].split())
        if typed not in self.names:
            raise ValidationError(f"Type {self.wanted} exactly as it is written here. Nothing was deleted.")
        return typed
