"""Around every request: its id, its line in the log, its place in the counters."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from . import instruments, logs

access = logging.getLogger("registry.access")

HEADER = "X-Request-ID"
# What proxies make: hexadecimal digits, UUIDs, and the longer ones of tracing.
_WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
# Asked every few seconds by machines; a good answer of theirs is worth no line.
QUIET = frozenset({"livez", "readyz", "metrics", "static"})
NO_ROUTE = "none"


class RequestMiddleware:
    """The outermost middleware: gives each request an id, and when it is answered writes its line and counts it.

    A door that answers before Django looks up the address says what it is: `request.route`; also `operation`, `error`,
    `actor` and `access_key_id`, where there are any.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.behind_proxy = settings.REGISTRY_TRUSTED_PROXIES > 0
        self.static = settings.STATIC_URL

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        known = self.id_of(request)
        request.request_id = known  # type: ignore[attr-defined]
        here = logs.request_id.set(known)
        try:
            response = self.get_response(request)
            response[HEADER] = known
            if response.streaming:
                # It is over when its last line was sent.
                response._resource_closers.append(lambda: self.note(request, response, began))  # type: ignore[attr-defined]
            else:
                self.note(request, response, began)
            return response
        finally:
            logs.request_id.reset(here)

    def id_of(self, request: HttpRequest) -> str:
        """The id that our own proxy gave the request, where it looks like one; else a new one."""
        sent = request.META.get("HTTP_X_REQUEST_ID", "") if self.behind_proxy else ""
        return sent if _WELL_FORMED.fullmatch(sent) else str(uuid4())

    def note(self, request: HttpRequest, response: HttpResponseBase, began: float) -> None:
        """Count the answered request and write its line."""
        seconds = time.perf_counter() - began
        route, status, method = self.route_of(request), response.status_code, request.method or ""
        instruments.note_request(route, method, status, seconds)
        if access.isEnabledFor(logging.INFO) and not (route in QUIET and status < 400):
            fields = fields_of(request)
            fields |= {"method": method, "path": request.path, "route": route, "status": status}
            fields["ms"] = round(seconds * 1000, 2)
            # Made here: the logger would walk up the stack to learn who called it.
            record = logging.LogRecord(access.name, logging.INFO, "", 0, f"{method} {request.path}", None, None)
            record.fields = fields
            access.handle(record)

    def route_of(self, request: HttpRequest) -> str:
        """The name of what answered; one and the same for all that nothing answers to."""
        if named := getattr(request, "route", ""):
            return named
        if request.resolver_match is not None:
            return request.resolver_match.view_name or NO_ROUTE
        return "static" if request.path_info.startswith(self.static) else NO_ROUTE


def fields_of(request: Any) -> dict[str, Any]:
    """Who asked, as far as anybody looked: the line asks the database nothing."""
    fields: dict[str, Any] = {"request_id": request.request_id}
    actor = getattr(request, "actor", None)
    user = actor.user if actor is not None else getattr(request, "_cached_user", None)
    if user is not None and user.pk is not None:
        fields |= {"user_id": user.pk, "user": user.get_username()}
    for name in ("access_key_id", "operation", "error"):
        if value := getattr(request, name, ""):
            fields[name] = value
    return fields
