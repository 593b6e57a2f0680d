"""packages views."""

from django.http import HttpRequest, HttpResponse


def package_list(request: HttpRequest, **address: object) -> HttpResponse:
    return HttpResponse("")
