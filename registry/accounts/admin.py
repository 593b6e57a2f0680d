"""Users in the admin site, saved through the services, and the base of every admin page that saves so."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import allauth.account.admin  # noqa: F401 - these two register what is taken away below
import django.contrib.auth.admin  # noqa: F401
from allauth.account.models import EmailAddress
from django import forms
from django.contrib import admin, auth
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse

from registry.events.admin import ViewOnlyAdmin

from . import services, teams
from .models import AccessKey, Role, SignInFailure, User
from .permissions import Actor, NotAllowed


class ServiceForm(forms.ModelForm):
    """A form whose object is saved by a service: the service's refusal becomes the form's errors.

    The fields' own validators run here too, since they are the service's. Rules that need the database do not: the
    service asks them under its lock.
    """

    refusal: Exception | None = None
    service_names: dict[str, str] = {}  # the service's name of a field, where it is another

    def _post_clean(self) -> None:
        super()._post_clean()
        for name, texts in _by_field(self.refusal).items():
            field = self.service_names.get(name or "", name)
            self.add_error(field if field in self.fields else None, texts)

    def validate_unique(self) -> None:
        pass

    def validate_constraints(self) -> None:
        pass


def _by_field(refusal: Exception | None) -> dict[str | None, list[str]]:
    if refusal is None:
        return {}
    if isinstance(refusal, ValidationError):
        return refusal.message_dict if hasattr(refusal, "error_dict") else {None: refusal.messages}
    who = getattr(refusal, "changed_by", "")
    last = f" The last change was made by {who}. Load the page again to see it." if who else ""
    return {None: [f"{refusal}{last}"]}


class ServiceAdmin(ViewOnlyAdmin):
    """Adds and changes through the services; what they refuse is shown in the form, and nothing is kept of it.

    Subclasses name the actions (permissions.MINIMUM_ROLE) that open the two forms, and say in `save` what a valid
    form means. Nothing is deleted here.
    """

    form = ServiceForm
    add_action = change_action = ""
    refusals: tuple[type[Exception], ...] = (ValidationError, NotAllowed)

    def actor(self, request: HttpRequest) -> Actor:
        """The admin who is signed in, at the door "admin"."""
        return Actor.of(request.user, "admin", user_agent=request.headers.get("User-Agent", ""))  # type: ignore[arg-type]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request) and self.actor(request).may(self.add_action)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and self.actor(request).may(self.change_action)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Django's form view; when a service refuses, everything is undone and the form comes back with its words."""
        try:
            with transaction.atomic():
                return super().changeform_view(request, object_id, form_url, extra_context)
        except self.refusals as refusal:
            request.refusal = refusal  # type: ignore[attr-defined]
            response = super().changeform_view(request, object_id, form_url, extra_context)
            response.status_code = 409 if hasattr(refusal, "changed_by") else 422
            return response

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        return type(form.__name__, (form,), {"refusal": getattr(request, "refusal", None)})

    def save_model(self, request: HttpRequest, obj: models.Model, form: Any, change: bool) -> None:
        """Nothing yet: save_related knows the rows below the form too."""

    def save_related(self, request: HttpRequest, form: Any, formsets: list[Any], change: bool) -> None:
        saved = self.save(request, form, formsets, change)
        for formset in formsets:  # what Django asks for its own log, which is not kept here
            formset.new_objects, formset.changed_objects, formset.deleted_objects = [], [], []
        # Django goes on with the form's own object: to the page of its row, under its name.
        for field in saved._meta.concrete_fields:
            setattr(form.instance, field.attname, getattr(saved, field.attname))

    @abstractmethod
    def save(self, request: HttpRequest, form: Any, formsets: list[Any], change: bool) -> models.Model:
        """Call the services for a valid form and return the saved object."""


class RoleFilter(admin.SimpleListFilter):
    """Users by the Django group of their role."""

    title = parameter_name = "role"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(role.value, role.value) for role in Role]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(groups__name=self.value()) if self.value() else queryset


def _password(label: str, help_text: str, **more: Any) -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": "new-password"})
    return forms.CharField(label=label, help_text=help_text, strip=False, max_length=256, widget=widget, **more)


def choose_teams(form: forms.Form | forms.ModelForm, field: str) -> list[tuple[str, str]]:
    """Offer the teams in a field of the form, and return them as it does."""
    choices = [(name, name) for name in teams.all_teams().values_list("name", flat=True)]
    if field in form.fields:
        form.fields[field].choices = choices  # type: ignore[attr-defined]
    return choices


def teams_field(help_text: str) -> forms.MultipleChoiceField:
    """A box for each team; what the form began with is sent along."""
    return forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple, help_text=help_text, show_hidden_initial=True
    )


class UserForm(ServiceForm):
    """A user's role, teams, sign-in and, where one is typed, a new password."""

    teams = teams_field("Groups that are limited to these teams are seen by the user.")
    role = forms.ChoiceField(choices=[(role.value, role.value) for role in Role])
    password = _password(
        "New password", "Leave empty to keep the present one. Ends the user's sessions.", required=False
    )

    class Meta:
        model = User
        fields = ["is_active"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["role"] = self.instance.held_role or ""
            self.initial["password"] = ""
            held = {group.name for group in self.instance.groups.all()}
            self.initial["teams"] = [name for name, _ in choose_teams(self, "teams") if name in held]

    def _post_clean(self) -> None:
        # The typed password is no column yet; the object must keep the hash that it has.
        kept = self.instance.password
        super()._post_clean()
        self.instance.password = kept


class NewUserForm(UserForm):
    """A new user with a first password."""

    teams = None  # type: ignore[assignment]
    password = _password("Password", "The person can change it under Settings.")

    class Meta:
        model = User
        fields = ["username", "email"]


@admin.register(User)
class UserAdmin(ServiceAdmin):
    """Who may sign in, with which role; names stay, since the log speaks of them."""

    add_action = change_action = "user.edit"
    list_display = ["username", "email", "role_name", "is_active", "is_service", "last_login", "date_joined"]
    list_filter = [RoleFilter, "is_active", "is_service"]
    search_fields = ["username", "email"]
    ordering = ["username", "id"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).with_roles()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["form"] = UserForm if change else NewUserForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj is None:
            return ["username", "email", "role", "password"]
        if obj.is_service:
            return ["username", "email", "is_service", "role", "teams", "is_active", "date_joined"]
        return ["username", "email", "role", "teams", "is_active", "password", "last_login", "date_joined"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["username", "email", "is_service", "last_login", "date_joined"] if obj else []

    @admin.display(description="role")
    def role_name(self, user: User) -> str:
        return user.held_role or "none"

    def save(self, request: HttpRequest, form: Any, formsets: list[Any], change: bool) -> User:
        actor, data = self.actor(request), form.cleaned_data
        if not change:
            values = {name: data[name] for name in ("username", "email", "role", "password")}
            return services.create_user(actor=actor, **values)
        user = User.objects.get(pk=form.instance.pk)
        if data["role"] != user.held_role:
            services.set_role(actor=actor, user=user, role=data["role"])
        if "teams" in form.changed_data:
            teams.set_user_teams(actor=actor, user=user, teams=data["teams"])
        if data["is_active"] != user.is_active:
            services.set_active(actor=actor, user=user, active=data["is_active"])
        if data.get("password"):
            try:
                services.set_password(actor=actor, user=user, password=data["password"])
            except ValidationError as error:
                raise ValidationError({"password": error.messages}) from error
            if user.pk == request.user.pk:
                auth.update_session_auth_hash(request, user)
        return user


@admin.register(SignInFailure)
class SignInFailureAdmin(ViewOnlyAdmin):
    """Which addresses failed lately; the names that were typed are kept as digests only."""

    list_display = ["at", "address"]
    search_fields = ["address__exact"]
    search_help_text = "The whole address"
    ordering = ["-at", "-id"]
    fields = ["at", "address"]


@admin.register(AccessKey)
class AccessKeyAdmin(ViewOnlyAdmin):
    """Which keys there are and when they were used; they are made and changed on the user's page, in the registry."""

    list_display = ["user", "name", "key_id", "role", "is_active", "expires_at", "last_used_at"]
    list_filter = ["is_active"]
    list_select_related = ["user"]
    list_display_links = ["name"]
    search_fields = ["key_id__exact", "name__exact", "user__username__exact"]
    search_help_text = "The whole id or name of a key, or the whole name of a user"
    ordering = ["-id"]
    # Named one by one: the secret, encrypted as it is, has no place on a page.
    fields = [
        "user",
        "name",
        "key_id",
        "role",
        "is_active",
        "expires_at",
        "last_used_at",
        "last_used_by",
        "created_at",
        "created_by_name",
    ]


class TeamForm(ServiceForm):
    """The name of a team."""

    class Meta:
        model = Group
        fields = ["name"]


class TeamAdmin(ServiceAdmin):
    """Django's groups: the teams, made and renamed here, and the four roles, to be seen; users are put into both."""

    form = TeamForm
    add_action = change_action = "team.edit"
    refusals = (ValidationError, NotAllowed, Group.DoesNotExist)
    list_display = ["name", "kind"]
    search_fields = ["name"]
    ordering = ["name"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and not _is_role(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is not None and self.has_change_permission(request, obj)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["name", "members"] if obj else ["name"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["members"] if obj else []

    @admin.display(description="kind")
    def kind(self, group: Group) -> str:
        return "role" if _is_role(group) else "team"

    @admin.display(description="members")
    def members(self, group: Group) -> str:
        """The first of them by name; a user is put into a team on the user's own page."""
        names = list(User.objects.filter(groups=group).order_by("username").values_list("username", flat=True)[:101])
        return (", ".join(names[:100]) + (" and more" if len(names) > 100 else "")) or "nobody"

    def save(self, request: HttpRequest, form: Any, formsets: list[Any], change: bool) -> Group:
        actor, name = self.actor(request), form.cleaned_data["name"]
        if not change:
            return teams.create_team(actor=actor, name=name)
        return teams.rename_team(actor=actor, team=form.instance, name=name)

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        teams.delete_team(actor=self.actor(request), team=obj)

    def log_deletions(self, *args: Any) -> None:
        """The event says it."""


def _is_role(group: Group | None) -> bool:
    return group is not None and group.name in Role.values


admin.site.unregister(Group)
admin.site.register(Group, TeamAdmin)
# Nothing here sends mail; allauth's table of addresses stays empty and is no way in.
admin.site.unregister(EmailAddress)
