"""The rows below a form: tags and metadata as a service takes them, containers and metrics to be seen."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest

from registry.accounts.admin import ServiceAdmin, ServiceForm

from ..models import Container, CustomerMetadataProperty, Metric, Tag
from ..services.registrations import clean_pairs, clean_tags


class PairForm(ServiceForm):
    """One key and value; an empty row is no row."""

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        # What the pair was when the page was made, as the page itself says: the service compares it with what is.
        self.was = {name: self.data.get(self.add_initial_prefix(name)) for name in ("key", "value") if self.instance.pk}
        return data


class PairFormSet(BaseInlineFormSet):
    """Pairs as a service takes them, checked by its own rules, so that limits and messages are the same."""

    def pairs(self) -> list[tuple[str, str]]:
        """The pairs that shall be, in the order of the form."""
        kept = [form for form in self.forms if form.cleaned_data.get("key") and not self._goes(form)]
        return [(form.cleaned_data["key"], form.cleaned_data.get("value") or "") for form in kept]

    def seen(self) -> dict[str, str]:
        """The pairs that the page showed."""
        return {form.was["key"]: form.was["value"] or "" for form in self.forms if getattr(form, "was", {}).get("key")}

    def _goes(self, form: Any) -> bool:
        return bool(form.cleaned_data.get("DELETE"))

    def clean(self) -> None:
        if not any(self.errors):
            self.check(self.pairs())

    @abstractmethod
    def check(self, pairs: list[tuple[str, str]]) -> None:
        """Raise ValidationError where the service would."""

    def validate_unique(self) -> None:
        """Nothing: the service says which key is there twice."""


class TagFormSet(PairFormSet):
    def check(self, pairs: list[tuple[str, str]]) -> None:
        clean_tags(pairs)


class MetadataFormSet(PairFormSet):
    def check(self, pairs: list[tuple[str, str]]) -> None:
        keys = [key for key, _ in pairs]
        for key in keys:
            if keys.count(key) > 1:
                raise ValidationError(f"The key {key} is there twice.", "twice")
        clean_pairs(dict(pairs))


class PairInline(admin.TabularInline):
    """Key and value with the hidden values that the page was made with."""

    form = PairForm
    fields = ["key", "value"]
    extra = 1
    action = ""

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.name in self.fields:
            field.show_hidden_initial = True
        return field

    def _may(self, request: HttpRequest) -> bool:
        outer = self.admin_site._registry[self.parent_model]
        return isinstance(outer, ServiceAdmin) and outer.actor(request).may(self.action)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.admin_site.has_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request)

    has_change_permission = has_delete_permission = has_add_permission


class TagInline(PairInline):
    model = Tag
    formset = TagFormSet
    action = "model_package_group.edit_tags"


class PackageTagInline(TagInline):
    action = "model_package.edit_tags"


class MetadataInline(PairInline):
    model = CustomerMetadataProperty
    formset = MetadataFormSet
    action = "model_package.edit_metadata"
    verbose_name_plural = "customer metadata properties"


class RegisteredInline(admin.TabularInline):
    """What was registered: to be seen."""

    extra = 0
    can_delete = False
    show_change_link = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.admin_site.has_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_change_permission = has_delete_permission = has_add_permission


class ContainerInline(RegisteredInline):
    model = Container
    fields = [
        "position",
        "image",
        "image_digest",
        "model_data_url",
        "model_data_etag",
        "framework",
        "framework_version",
    ]


class MetricInline(RegisteredInline):
    model = Metric
    fields = ["name", "value", "standard_deviation", "source"]
