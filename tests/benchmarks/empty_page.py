"""The project's addresses and one more, for measurements only: a signed-in page that shows nothing."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from registry.urls import urlpatterns as all_of_them

EMPTY = "/empty/"


def empty(request: HttpRequest) -> HttpResponse:
    return HttpResponse("")


urlpatterns = [path(EMPTY[1:], empty), *all_of_them]
