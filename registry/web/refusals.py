"""Turns what services refuse into the browser's answers, so that no view needs a try for the ordinary cases."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from registry.accounts.permissions import NotAllowed
from registry.catalog.errors import AlreadyExists, Conflict, LimitReached, NotFound

from .subjects import Deleted
from .views import errors


class RefusalsMiddleware:
    """NotAllowed is 403, NotFound 404, Deleted 410, a Conflict or AlreadyExists that no view showed at a field 409."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """The refusal's page, or None for anything that is no refusal (which then is a 500)."""
        if isinstance(exception, Deleted):
            return errors.deleted(request, exception)
        if isinstance(exception, NotAllowed):
            return errors.permission_denied(request, exception)
        if isinstance(exception, NotFound):
            return errors.gone(request, exception)
        if isinstance(exception, Conflict | AlreadyExists | LimitReached):
            return errors.conflict(request, exception)
        return None
