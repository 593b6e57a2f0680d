"""The project's addresses and two more, for measurements only: what any signed-in page and any fragment cost at least.

`EMPTY` is a page with nothing between the project's navigation and its end; `NOTHING` an empty answer, as the floor of
fragments.
"""

from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import path

from registry.urls import urlpatterns as all_of_them

EMPTY, NOTHING = "/empty/", "/nothing/"

_PAGE = engines["jinja2"].from_string('{% extends "base.html" %}{% block title %}Empty{% endblock %}')


def empty(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_PAGE.render({}, request))


def nothing(request: HttpRequest) -> HttpResponse:
    return HttpResponse("")


urlpatterns = [path(EMPTY[1:], empty), path(NOTHING[1:], nothing), *all_of_them]
