"""accounts views."""

from django.http import HttpRequest, HttpResponse


def login(request: HttpRequest, **address: object) -> HttpResponse:
    return HttpResponse("")


def logout(request: HttpRequest, **address: object) -> HttpResponse:
    return HttpResponse("")


def password_change(request: HttpRequest, **address: object) -> HttpResponse:
    return HttpResponse("")


def user_list(request: HttpRequest, **address: object) -> HttpResponse:
    return HttpResponse("")


def user_create(request: HttpRequest, **address: object) -> HttpResponse:
    return HttpResponse("")


def user_detail(request: HttpRequest, **address: object) -> HttpResponse:
    return HttpResponse("")
