"""tags views."""

from django.http import HttpRequest, HttpResponse


def package_tags(request: HttpRequest, **address: object) -> HttpResponse:
    return HttpResponse("")


def package_tags_edit(request: HttpRequest, **address: object) -> HttpResponse:
    return HttpResponse("")


def group_tags(request: HttpRequest, **address: object) -> HttpResponse:
    return HttpResponse("")


def group_tags_edit(request: HttpRequest, **address: object) -> HttpResponse:
    return HttpResponse("")
