"""activity views."""

from django.http import HttpRequest, HttpResponse


def activity_list(request: HttpRequest, **address: object) -> HttpResponse:
    return HttpResponse("")
