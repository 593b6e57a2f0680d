"""The catalog in the admin site, one file a noun: read widely, saved only through the services."""

import django_tasks_db.admin  # noqa: F401 - registers what is taken away below
from django.contrib import admin
from django_tasks_db.models import DBTaskResult

from . import groups, packages, parts

__all__ = ["groups", "packages", "parts"]

# What the background did stands on the page of the package; its queue is no table to work on.
admin.site.unregister(DBTaskResult)
