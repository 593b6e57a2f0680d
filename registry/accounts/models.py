"""Who uses the registry: the user and the role that one's Django groups give; what a role may do is in permissions."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.functional import cached_property


class Role(models.TextChoices):
    """Roles in rising order, each includes the one before; stored as Django groups of the same names."""

    VIEWER = "viewer"
    CONTRIBUTOR = "contributor"
    REVIEWER = "reviewer"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        return list(Role).index(self)


class User(AbstractUser):
    """A person who signs in. The first migration makes this table, so that it can grow later."""

    @cached_property
    def role(self) -> Role | None:
        """The widest role of the user's Django groups, admin for a superuser, None without any (sees nothing).

        One query, remembered for the life of this object, which is one request.
        """
        if not self.is_active:
            return None
        if self.is_superuser:
            return Role.ADMIN
        held = {name for name in self.groups.values_list("name", flat=True) if name in Role.values}
        return max((Role(name) for name in held), key=lambda role: role.rank, default=None)
