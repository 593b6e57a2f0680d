"""What the admin pages of groups and packages share."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from registry.accounts.admin import ServiceAdmin
from registry.accounts.permissions import NotAllowed

from ..errors import Refused


class CatalogAdmin(ServiceAdmin):
    """The base of groups and packages: only live rows, the activity page as history, the registry's page as site."""

    refusals = (ValidationError, NotAllowed, Refused)

    def get_queryset(self, request: HttpRequest) -> Any:
        return self.model.objects.visible_to(request.user)

    def view_on_site(self, obj: Any) -> str:
        return obj.get_absolute_url()

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """The activity of the group."""
        obj = self.get_object(request, object_id)
        group = getattr(obj, "group", obj)
        query = {"group": f"{group.region}/{group.name}"} if group is not None else {}
        return redirect(f"{reverse('activity')}?{urlencode(query)}")
