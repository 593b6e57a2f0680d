"""Page or fragment: tells what an HTMX request wants and shapes the answer, nothing else."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event


def is_fragment(request: HttpRequest) -> bool:
    """Tell whether the answer is swapped into a page that is open.

    Boosted links and history restores ask with the same header but need the whole page.
    """
    headers = request.headers
    return headers.get("HX-Request") == "true" and not (
        headers.get("HX-Boosted") == "true" or headers.get("HX-History-Restore-Request") == "true"
    )


def page_of_fragment(request: HttpRequest) -> tuple[str, str]:
    """Path and query of the page that a fragment goes into; empty for a page, and for an address that is none."""
    if not is_fragment(request):
        return "", ""
    try:
        current = urlsplit(request.headers.get("HX-Current-URL", ""))
    except ValueError:
        return "", ""
    return current.path, current.query


def render_page(
    request: HttpRequest,
    page: str,
    fragment: str,
    context: Mapping[str, Any] | None = None,
    *,
    status: int | None = None,
) -> HttpResponse:
    """Render `fragment` for HTMX and else `page`, which includes that same file; sets Vary: HX-Request."""
    template = fragment if is_fragment(request) else page
    response = render(request, template, dict(context or {}), status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def render_parts(request: HttpRequest, parts: Sequence[str], context: Mapping[str, Any], address: str) -> HttpResponse:
    """Several fragments of a page that is open: the first takes the place that was asked for, the others name theirs.

    They know by `oob` that they do, and by `main` which place was asked for; `address` is put into the address bar.
    """
    context = {**context, "oob": True, "main": request.headers.get("HX-Target", "")}
    response = HttpResponse("".join(render_to_string(part, context, request) for part in parts))
    response["HX-Push-Url"] = address
    patch_vary_headers(response, ["HX-Request"])
    return response


def redirect_to(request: HttpRequest, url: str) -> HttpResponse:
    """Leave for another page: HX-Redirect for a fragment request, 302 else. `url` must be the project's own."""
    response: HttpResponse = HttpResponseClientRedirect(url) if is_fragment(request) else HttpResponseRedirect(url)
    patch_vary_headers(response, ["HX-Request"])
    return response


def toast(response: HttpResponse, text: str, kind: str = "") -> HttpResponse:
    """Make the open page show `text` for a moment; `kind` "bad" keeps it longer. Returns the response."""
    return trigger_client_event(response, "toast", {"text": text, "kind": kind})


def trigger(response: HttpResponse, event: str, detail: Mapping[str, Any] | None = None) -> HttpResponse:
    """Tell other regions of the page, through HX-Trigger, that something changed. Returns the response."""
    return trigger_client_event(response, event, dict(detail or {}))
