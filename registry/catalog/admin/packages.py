"""Packages in the admin site: decided on, moved through stages, given metadata; never registered or changed else."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html

from registry.accounts.admin import ServiceForm
from registry.accounts.permissions import NotAllowed

from .. import services
from ..errors import Refused
from ..models import ApprovalStatus, ModelPackage
from .base import CatalogAdmin
from .inlines import ContainerInline, MetadataFormSet, MetadataInline, MetricInline, PackageTagInline, TagFormSet

ACTION_MAX = 100  # packages that one bulk action decides on; each is a transaction of its own


class PackageForm(ServiceForm):
    """What may change on a package: status with its comment, and the life cycle."""

    revision_seen = forms.IntegerField(widget=forms.HiddenInput, required=False)
    override = forms.BooleanField(
        required=False, help_text="Approve although rules of the group fail; needs a comment, and is marked for ever."
    )

    class Meta:
        model = ModelPackage
        fields = ["approval_status", "approval_description", "stage", "stage_status", "stage_description"]
        widgets = {"approval_description": forms.Textarea(attrs={"rows": 2, "cols": 80})}
        labels = {"approval_description": "Comment"}
        help_texts = {"approval_description": "Said with this change; the last one is below."}

    service_names = {"comment": "approval_description"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "approval_status" in self.fields:
            # A comment belongs to its decision: the next decision starts without one.
            self.initial |= {"revision_seen": self.instance.revision, "approval_description": ""}
            self.fields["stage"].show_hidden_initial = True
            if self.instance.approval_status:
                # A status once given may change, but not go away again.
                self.fields["approval_status"].choices = ApprovalStatus.choices


def is_vote(package: ModelPackage, status: str | None) -> bool:
    """Whether an approval that was taken is one of several, so that the package goes on waiting."""
    return status == ApprovalStatus.APPROVED and (not package.is_approved or package.is_changed_since_approval)


class KindFilter(admin.SimpleListFilter):
    """Versions of groups, or packages of their own name."""

    title = parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("versioned", "versions of groups"), ("unversioned", "unversioned")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        kinds = {"versioned": queryset.versioned, "unversioned": queryset.unversioned}
        return kinds[self.value()]() if self.value() in kinds else queryset


class StageFilter(admin.SimpleListFilter):
    """The stages of the settings; asking the table for its values would read all of it."""

    title = parameter_name = "stage"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(stage, stage) for stage in settings.REGISTRY_STAGES]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(stage=self.value()) if self.value() else queryset


@admin.register(ModelPackage)
class PackageAdmin(CatalogAdmin):
    form = PackageForm
    change_action = "model_package.decide"
    list_display = ["__str__", "region", "approval_status", "stage", "created_at", "created_by_name"]
    list_filter = ["approval_status", KindFilter, StageFilter]
    list_select_related = ["group"]
    search_fields = ["group__name__prefix", "name__prefix", "original_arn__exact"]
    search_help_text = "The beginning of a group's or package's name, or the ARN that an import brought"
    ordering = ["-created_at", "-id"]
    actions = ["approve", "reject"]
    changeable = ["approval_status", "approval_description", "stage", "stage_status", "stage_description"]
    # For an unversioned package tags come too; metadata and what was registered are the same.
    inlines = [MetadataInline, PackageTagInline, ContainerInline, MetricInline]

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [inline for inline in self.inlines if inline is not PackageTagInline or not (obj and obj.is_versioned)]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Registering has a form of its own, with containers and checks that this one could not show."""
        return False

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("group")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        status, comment, *others = self.changeable
        return [status, comment, "override", *others, "revision_seen", *self._registered()]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return self._registered()

    def _registered(self) -> list[str]:
        left_out = {*self.changeable, "id", "deleted_at", "deleted_by_name"}
        return ["last_comment", "arn", *(f.name for f in ModelPackage._meta.concrete_fields if f.name not in left_out)]

    @admin.display(description="last comment")
    def last_comment(self, package: ModelPackage) -> str:
        return package.approval_description or "-"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The list, which says where packages are registered."""
        remark = format_html(
            'Packages are registered <a href="{}">on the page of their group</a>.', reverse("group-list")
        )
        return super().changelist_view(request, {**(extra_context or {}), "remark": remark})

    def save(self, request: HttpRequest, form: Any, formsets: list[Any], change: bool) -> ModelPackage:
        actor, data, changed = self.actor(request), form.cleaned_data, set(form.changed_data)
        package = ModelPackage.objects.get(pk=form.instance.pk)
        if changed & {"approval_status", "approval_description"}:
            decided = services.update_approval_status(
                actor=actor,
                package=package,
                approval_status=data["approval_status"] or "",
                comment=data["approval_description"],
                seen=data["revision_seen"],
                override=data["override"],
            )
            if is_vote(decided, data["approval_status"]):
                self.message_user(request, "Your approval counts; more people have to approve.", messages.INFO)
        if changed & {"stage", "stage_status", "stage_description"}:
            services.update_model_life_cycle(
                actor=actor,
                package=package,
                stage=data["stage"],
                stage_status=data["stage_status"],
                stage_description=data["stage_description"],
                seen=form.data.get(form.add_initial_prefix("stage"), ""),
            )
        for formset in formsets:
            if formset.has_changed():
                self._save_pairs(actor, package, formset)
        return ModelPackage.objects.select_related("group").get(pk=package.pk)

    def _save_pairs(self, actor: Any, package: ModelPackage, formset: Any) -> None:
        if isinstance(formset, TagFormSet):
            seen = services.digest_of_tags(formset.seen().items())
            services.set_tags(actor=actor, owner=package, tags=formset.pairs(), seen=seen)
        elif isinstance(formset, MetadataFormSet):
            was, now = formset.seen(), dict(formset.pairs())
            put = {key: value for key, value in now.items() if was.get(key) != value}
            gone = [key for key in was if key not in now]
            services.update_customer_metadata(
                actor=actor, package=package, put=put, remove=gone, seen={key: was.get(key) for key in [*put, *gone]}
            )

    @admin.action(description="Approve the selected packages", permissions=["change"])
    def approve(self, request: HttpRequest, queryset: QuerySet[ModelPackage]) -> None:
        self._decide(request, queryset, ApprovalStatus.APPROVED, "approved")

    @admin.action(description="Reject the selected packages", permissions=["change"])
    def reject(self, request: HttpRequest, queryset: QuerySet[ModelPackage]) -> None:
        self._decide(request, queryset, ApprovalStatus.REJECTED, "rejected")

    def _decide(
        self, request: HttpRequest, queryset: QuerySet[ModelPackage], status: ApprovalStatus, word: str
    ) -> None:
        """Decide one by one through the service; what it refuses is said by name, the others stay decided."""
        packages = list(queryset.order_by("pk")[: ACTION_MAX + 1])
        if len(packages) > ACTION_MAX:
            text = f"Nothing was {word}: at most {ACTION_MAX} packages at once."
            self.message_user(request, text, messages.ERROR)
            return
        done, votes, same = 0, 0, 0
        for package in packages:
            if package.approval_status == status and not package.is_changed_since_approval:
                same += 1
                continue
            try:
                decided = services.update_approval_status(
                    actor=self.actor(request), package=package, approval_status=status, seen=package.revision
                )
                votes, done = (votes + 1, done) if is_vote(decided, status) else (votes, done + 1)
            except ValidationError as error:
                self.message_user(request, f"{package}: {' '.join(error.messages)}", messages.ERROR)
            except (NotAllowed, Refused) as error:
                self.message_user(request, f"{package}: {error}", messages.ERROR)
        if done:
            self.message_user(request, f"{done} {word}.", messages.SUCCESS)
        if votes:
            self.message_user(request, f"{votes} wait for the approval of more people.", messages.INFO)
        if same:
            self.message_user(request, f"{same} left alone: {word} already.", messages.INFO)
