"""groups views."""

from django.http import HttpRequest, HttpResponse


def group_list(request: HttpRequest, **address: object) -> HttpResponse:
    return HttpResponse("")


def group_suggest(request: HttpRequest, **address: object) -> HttpResponse:
    return HttpResponse("")


def group_create(request: HttpRequest, **address: object) -> HttpResponse:
    return HttpResponse("")


def group_check_name(request: HttpRequest, **address: object) -> HttpResponse:
    return HttpResponse("")


def group_description(request: HttpRequest, **address: object) -> HttpResponse:
    return HttpResponse("")
