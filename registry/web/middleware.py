"""What holds for every page: the visitor's address, broken input, sign-in, privacy and content policy."""

import ipaddress
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.http import urlencode

from registry.capacity import OverCapacity, gate

from .views.errors import busy

GetResponse = Callable[[HttpRequest], HttpResponseBase]

PERMISSIONS = "camera=(), geolocation=(), microphone=()"
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")


class PublicAddressMiddleware:
    """Makes REMOTE_ADDR the visitor's address and the scheme the public one, so that all code reads one truth.

    With REGISTRY_TRUSTED_PROXIES=n the last n hops of X-Forwarded-For were written by our own proxies; the
    n-th from the right is the visitor. Anything further left was sent by the visitor and is not believed. Under an
    https address every page is an https page, unless the same hop of X-Forwarded-Proto says that it came over http.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.proxies = settings.REGISTRY_TRUSTED_PROXIES
        self.is_https = settings.REGISTRY_PUBLIC_URL.startswith("https://")

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if address := usable_address(self.hop(request, "HTTP_X_FORWARDED_FOR")):
            request.META["REMOTE_ADDR"] = address
        if self.is_https and self.hop(request, "HTTP_X_FORWARDED_PROTO").lower() != "http":
            # The proxy that ends TLS speaks plain http to us; the page is an https page all the same.
            request.META["wsgi.url_scheme"] = "https"
        return self.get_response(request)

    def hop(self, request: HttpRequest, name: str) -> str:
        """What our outermost proxy wrote into that header; empty without one."""
        hops = request.META.get(name, "").split(",")
        return hops[-self.proxies].strip() if 0 < self.proxies <= len(hops) else ""


def usable_address(hop: str) -> str:
    """Return the IP address of one hop without its port, or nothing when it is none."""
    host = hop[1:].partition("]")[0] if hop.startswith("[") else hop
    if host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return ""


class CapacityMiddleware:
    """503 for what is more than a worker should have in hand; who signs in or out, and the icons, come first."""

    FIRST = ("/login/", "/logout/", "/icons.")

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.began = time.monotonic()  # type: ignore[attr-defined]
        try:
            with gate.admit(first=request.path_info.startswith(self.FIRST)):
                return self.get_response(request)
        except OverCapacity as error:
            gate.drain(request)
            return busy(request, error)


class RefuseBrokenInputMiddleware:
    """Answers 400 to NUL characters and undecodable bytes in address, cookies and forms.

    PostgreSQL cannot store NUL and Django replaces broken UTF-8 silently: one would be a 500 in any view,
    the other a value that nobody typed.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # Such a cookie is none of ours; dropped before anything, the error page included, looks it up.
        for name in [name for name, value in request.COOKIES.items() if "\x00" in value]:
            del request.COOKIES[name]
        # Before the address is resolved: the page for unknown addresses looks for names that are close.
        if "\x00" in request.path_info:
            raise BadRequest("The address holds a NUL character.")
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: Any) -> None:
        """Raise BadRequest for broken input; here and not earlier, so that the error page is a page."""
        query = request.META.get("QUERY_STRING", "")
        check_encoded(query.encode("latin-1", "replace"), "address")
        if request.method == "POST" and request.content_type in FORM_TYPES:
            self.check_form(request)

    def check_form(self, request: HttpRequest) -> None:
        """Raise BadRequest when a form's names or values hold NUL or undecodable bytes."""
        if request.content_type == FORM_TYPES[0]:
            check_encoded(request.body, "form")
            return
        for name, values in request.POST.lists():
            if "\x00" in name or any("\x00" in value for value in values):
                raise BadRequest("The form holds a NUL character.")


def check_encoded(raw: bytes, where: str) -> None:
    """Raise BadRequest unless percent-encoded bytes are UTF-8 without NUL."""
    if b"%" not in raw and raw.isascii() and b"\x00" not in raw:
        return
    plain = unquote_to_bytes(raw)
    if b"\x00" in plain:
        raise BadRequest(f"The {where} holds a NUL character.")
    try:
        plain.decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest(f"The {where} is not UTF-8.") from None


class SignInRequiredMiddleware(LoginRequiredMiddleware):
    """Sign-in on every page; a request of htmx gets 401 with the address to go to instead of a login form."""

    def handle_no_permission(  # type: ignore[override]  # a redirect or, for htmx, 401
        self, request: HttpRequest, view_func: Any
    ) -> HttpResponseBase:
        if request.headers.get("HX-Request") != "true":
            return super().handle_no_permission(request, view_func)
        query = urlencode({"next": page_of(request)})
        return HttpResponse(status=401, headers={"HX-Redirect": f"{settings.LOGIN_URL}?{query}"})


def page_of(request: HttpRequest) -> str:
    """Return path and query of the page that an htmx request came from, else of the request itself."""
    try:
        current = urlsplit(request.headers.get("HX-Current-URL", ""))
    except ValueError:  # "//[" is no address
        return request.get_full_path()
    if current.netloc == request.get_host() and current.path.startswith("/"):
        return f"{current.path}?{current.query}" if current.query else current.path
    return request.get_full_path()


class PrivatePagesMiddleware:
    """Pages are nobody else's: no cache keeps them, and a fragment is never taken for its page."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        # No other site may draw what is here, not even the icons, and no page asks for what it has no use for.
        response["Cross-Origin-Resource-Policy"] = "same-origin"
        if "public" in response.get("Cache-Control", ""):
            response.headers.pop("Vary", None)  # the icon sprite: the same bytes for everybody
            return response
        if "html" in response.get("Content-Type", ""):
            response["Permissions-Policy"] = PERMISSIONS
        if "Cache-Control" not in response:
            response["Cache-Control"] = "no-store"
        patch_vary_headers(response, ["Cookie", "HX-Request"])
        return response


class ContentPolicyMiddleware(CSPMiddleware):
    """The Content-Security-Policy of the settings; the admin's own icons are data: images, so it may show them."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if not report_only and request.path_info.startswith("/admin/"):
            parts.update = {**(parts.update or {}), "img-src": ["data:"]}
        return parts
