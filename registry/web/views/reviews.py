"""reviews views."""

from django.http import HttpRequest, HttpResponse


def stage_update(request: HttpRequest, **address: object) -> HttpResponse:
    return HttpResponse("")


def package_review(request: HttpRequest, **address: object) -> HttpResponse:
    return HttpResponse("")
