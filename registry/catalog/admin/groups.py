"""Groups in the admin site: made, described and tagged."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest

from registry.accounts.admin import ServiceForm, choose_teams, teams_field

from .. import services
from ..models import ModelPackageGroup
from .base import CatalogAdmin
from .inlines import TagInline


class GroupForm(ServiceForm):
    """A group's description and teams, or a new group."""

    limited_to = teams_field("Only these teams, and admins, see the group. Without any, everybody with a role does.")
    service_names = {"teams": "limited_to"}

    class Meta:
        model = ModelPackageGroup
        fields = ["region", "name", "description"]
        widgets = {"description": forms.Textarea(attrs={"rows": 3, "cols": 80})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "region" in self.fields:
            self.fields["region"].initial = settings.REGISTRY_REGION
        if self.instance.pk is None:
            del self.fields["limited_to"]
        else:
            choose_teams(self, "limited_to")
            self.initial["limited_to"] = sorted(self.instance.teams.values_list("name", flat=True))
        if "description" in self.fields:
            self.fields["description"].show_hidden_initial = True


@admin.register(ModelPackageGroup)
class GroupAdmin(CatalogAdmin):
    form = GroupForm
    add_action = "model_package_group.create"
    change_action = "model_package_group.edit_description"
    inlines = [TagInline]
    list_display = [
        "name",
        "region",
        "version_count",
        "waiting_count",
        "approved_version",
        "updated_at",
        "updated_by_name",
    ]
    list_filter = ["region"]
    search_fields = ["name__prefix", "original_arn__exact"]
    search_help_text = "The beginning of a name, or the ARN that an import brought"
    ordering = ["-updated_at", "-id"]
    facts = [
        "arn", "created_at", "created_by_name", "updated_at", "updated_by_name", "version_count", "last_version",
        "waiting_count", "approved_count", "rejected_count", "approved_version", "review_rules", "original_arn",
        "imported_at",
    ]  # fmt: skip

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["region", "name", "description", *(["limited_to", *self.facts] if obj else [])]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["region", "name", *self.facts] if obj else []

    def save(self, request: HttpRequest, form: Any, formsets: list[Any], change: bool) -> ModelPackageGroup:
        actor, data = self.actor(request), form.cleaned_data
        (tags,) = formsets
        if not change:
            return services.create_model_package_group(
                actor=actor,
                region=data["region"],
                name=data["name"],
                description=data["description"],
                tags=tags.pairs(),
            )
        group = ModelPackageGroup.objects.get(pk=form.instance.pk)
        if "description" in form.changed_data:
            # A form sends line breaks as CR LF; the hidden value went through the same.
            was = form.data.get(form.add_initial_prefix("description"), "")
            services.update_model_package_group_description(
                actor=actor,
                group=group,
                description=data["description"],
                seen=group.description if was.replace("\r\n", "\n") == group.description.replace("\r\n", "\n") else was,
            )
        if "limited_to" in form.changed_data:
            seen = services.digest_of_teams(form.data.getlist(form.add_initial_prefix("limited_to")))
            services.set_group_teams(actor=actor, group=group, teams=data["limited_to"], seen=seen)
        if tags.has_changed():
            seen = services.digest_of_tags(tags.seen().items())
            services.set_tags(actor=actor, owner=group, tags=tags.pairs(), seen=seen)
        return ModelPackageGroup.objects.get(pk=group.pk)
