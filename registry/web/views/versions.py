"""versions views."""

from django.http import HttpRequest, HttpResponse


def package_detail(request: HttpRequest, **address: object) -> HttpResponse:
    return HttpResponse("")


def unversioned_detail(request: HttpRequest, **address: object) -> HttpResponse:
    return HttpResponse("")
