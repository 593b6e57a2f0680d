"""timeline views."""

from django.http import HttpRequest, HttpResponse


def group_detail(request: HttpRequest, **address: object) -> HttpResponse:
    return HttpResponse("")


def group_timeline(request: HttpRequest, **address: object) -> HttpResponse:
    return HttpResponse("")
