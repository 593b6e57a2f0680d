"""register views."""

from django.http import HttpRequest, HttpResponse


def package_register(request: HttpRequest, **address: object) -> HttpResponse:
    return HttpResponse("")


def package_register_container(request: HttpRequest, **address: object) -> HttpResponse:
    return HttpResponse("")


def unversioned_register(request: HttpRequest, **address: object) -> HttpResponse:
    return HttpResponse("")
