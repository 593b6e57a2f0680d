"""Register a version of a group, or an unversioned package, with one form."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from registry.accounts.permissions import authorize
from registry.catalog import services
from registry.catalog.errors import AlreadyExists, LimitReached
from registry.catalog.models import ModelPackage
from registry.catalog.reports.registrations import example_for
from registry.catalog.validators import CONTAINERS_MAX

from ..forms.register import RegistrationForm
from ..htmx import is_fragment, redirect_to, render_page, toast
from ..subjects import actor_of, find_group


@require_http_methods(["GET", "HEAD", "POST"])
def package_register(request: HttpRequest, region: str, name: str) -> HttpResponse:
    """The form for the next version of a group, filled in from the newest one; POST registers it."""
    group = find_group(request, region, name)
    authorize(actor_of(request), "model_package.create", group)
    form = _form(request, versioned=True)
    example = example_for(group)
    if request.method == "POST":
        package = _register(request, form, group=group)
        if package is not None:
            return _registered(request, form, package, f"Registered v{package.version}")
    else:
        form.start_from(example.images, example.metrics, example.keys)
    number = f"v{group.last_version + 1}"
    context = {
        "group": group,
        "example": example,
        "heading": f"Register {number}",
        "crumbs": [("Groups", reverse("group-list")), (group.name, group.get_absolute_url())],
        "cancel": group.get_absolute_url(),
        "more_containers": reverse("package-register-container", args=[region, name]),
    }
    return _show(request, form, context | {"nav": "groups"})


@require_http_methods(["GET", "HEAD", "POST"])
def unversioned_register(request: HttpRequest) -> HttpResponse:
    """The same form for a package of its own name, region and tags."""
    authorize(actor_of(request), "model_package.create")
    form = _form(request, versioned=False)
    if request.method == "POST":
        package = _register(request, form, region=form.values["region"], name=form.values["name"])
        if package is not None:
            return _registered(request, form, package, f"Registered {package.name}")
    else:
        form.start_from()
    context = {
        "heading": "Register a package",
        "crumbs": [("Packages", reverse("package-list"))],
        "cancel": reverse("package-list"),
        "more_containers": reverse("unversioned-register-container"),
    }
    return _show(request, form, context | {"nav": "packages"})


@require_safe
def package_register_container(request: HttpRequest, region: str, name: str) -> HttpResponse:
    """One more empty container row for the form of a group."""
    find_group(request, region, name)
    return _container(request, reverse("package-register-container", args=[region, name]))


@require_safe
def unversioned_register_container(request: HttpRequest) -> HttpResponse:
    """One more empty container row for the form of an unversioned package."""
    return _container(request, reverse("unversioned-register-container"))


def _form(request: HttpRequest, *, versioned: bool) -> RegistrationForm:
    actor = actor_of(request)
    return RegistrationForm(
        request.POST if request.method == "POST" else None,
        versioned=versioned,
        may_decide=actor.may("model_package.decide"),
        may_stage=actor.may("model_package.edit_stage"),
    )


def _register(request: HttpRequest, form: RegistrationForm, **target: Any) -> ModelPackage | None:
    """Register what the form holds; None when it was refused, with the reasons in the form."""
    registration = services.Registration(**form.members())
    try:
        if form.errors:
            # Nothing can be saved; all other faults are to be shown with those of the rows.
            registration.clean(versioned=form.versioned)
            return None
        return services.create_model_package(actor=actor_of(request), registration=registration, **target)
    except ValidationError as refusal:
        form.take_refusal(refusal)
    except AlreadyExists:
        form.errors["id_name"] = ("There is a package of this name already.",) * 2
    except LimitReached as refusal:
        form.general.append(str(refusal))
    return None


def _registered(request: HttpRequest, form: RegistrationForm, package: ModelPackage, words: str) -> HttpResponse:
    messages.success(request, words)
    for warning in form.warnings():
        messages.warning(request, warning)
    return redirect_to(request, package.get_absolute_url())


def _show(request: HttpRequest, form: RegistrationForm, context: dict[str, Any]) -> HttpResponse:
    status = 422 if form.errors or form.general else 200
    context |= {"form": form, "scripted": is_fragment(request), "action": request.path}
    return render_page(request, "packages/register.html", "packages/_register_form.html", context, status=status)


def _container(request: HttpRequest, address: str) -> HttpResponse:
    asked = request.GET.get("index", "")
    index = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 4 else 1
    if not 1 <= index <= CONTAINERS_MAX:
        return toast(HttpResponse(status=204), f"A package has at most {CONTAINERS_MAX} containers", "bad")
    context = {"number": index, "next": index + 1, "more_containers": address, "added": True}
    return render(request, "packages/_container_fields.html", context)
