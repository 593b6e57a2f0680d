"""metadata views."""

from django.http import HttpRequest, HttpResponse


def metadata_add(request: HttpRequest, **address: object) -> HttpResponse:
    return HttpResponse("")


def metadata_row(request: HttpRequest, **address: object) -> HttpResponse:
    return HttpResponse("")


def metadata_edit(request: HttpRequest, **address: object) -> HttpResponse:
    return HttpResponse("")


def metadata_remove(request: HttpRequest, **address: object) -> HttpResponse:
    return HttpResponse("")
