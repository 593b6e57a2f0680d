"""The list of doors."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("registry.web.urls")),
]

handler400 = "registry.web.views.errors.bad_request"
handler403 = "registry.web.views.errors.permission_denied"
handler404 = "registry.web.views.errors.page_not_found"
handler500 = "registry.web.views.errors.server_error"
