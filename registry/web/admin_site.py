"""The admin site: the registry's own sign-in and password page in front of it, open to the role admin only."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.decorators import method_decorator


class RegistryAdminConfig(AdminConfig):
    default_site = "registry.web.admin_site.RegistryAdminSite"


class RegistryAdminSite(AdminSite):
    """Django's admin site; who is signed in, and for how many tries, is decided at one place for all pages."""

    site_header = site_title = "Model Registry"
    index_title = "Admin site"
    site_url = "/groups/"
    # The sidebar repeats the start page on every page and needs room that the lists can use.
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        """Only the role admin; is_staff alone, as an old row may have it, is not enough."""
        return getattr(request.user, "role", None) == "admin"

    @method_decorator(login_not_required)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The registry's sign-in with its limits; Django's own form has none."""
        from .views.accounts import admin_login  # views need the apps, which are not ready when this is read

        return admin_login(request)

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The registry's sign-out."""
        from .views.accounts import logout

        return logout(request)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The registry's page, whose change is an event."""
        return redirect("password-change")
