"""The catalog in the admin site, one file a noun: read widely, saved only through the services."""

from . import groups, packages, parts

__all__ = ["groups", "packages", "parts"]
