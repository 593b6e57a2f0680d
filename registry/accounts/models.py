"""Who uses the registry: the user, the role that one's Django groups give, and failed sign-ins; rules are elsewhere."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.db.models import Q
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


class UserQuerySet(models.QuerySet["User"]):
    """Named questions about users."""

    def admins(self) -> UserQuerySet:
        """Active users with the role admin; none of them twice."""
        in_group = User.groups.through.objects.filter(group__name=Role.ADMIN.value).values("user_id")
        return self.filter(Q(is_superuser=True) | Q(pk__in=in_group), is_active=True)

    def with_roles(self) -> UserQuerySet:
        """With the Django groups that make the role, for lists: one more query in all."""
        return self.prefetch_related("groups")


class Manager(UserManager.from_queryset(UserQuerySet)):
    """Django's manager with our questions; migrations need neither."""

    use_in_migrations = False


class User(AbstractUser):
    """A person who signs in. The first migration makes this table, so that it can grow later."""

    objects = Manager()

    @property
    def held_role(self) -> Role | None:
        """The widest role of the user's Django groups, admin for a superuser; kept while the user is inactive."""
        if self.is_superuser:
            return Role.ADMIN
        held = {group.name for group in self.groups.all() if group.name in Role.values}
        return max((Role(name) for name in held), key=lambda role: role.rank, default=None)

    @cached_property
    def role(self) -> Role | None:
        """What counts: the held role of an active user, None without any (sees nothing).

        One query, remembered for the life of this object, which is one request.
        """
        return self.held_role if self.is_active else None


class SignInFailure(models.Model):
    """One sign-in that failed (or runs right now), kept for the window that throttle counts.

    `account` is a keyed digest of the name that was typed: people type passwords into that field too.
    """

    account = models.CharField(max_length=64)
    address = models.CharField(max_length=45)
    at = models.DateTimeField()

    class Meta:
        verbose_name = "failed sign-in"
        verbose_name_plural = "failed sign-ins"
        indexes = [
            models.Index(fields=["address", "-at"], name="failure_address"),
            models.Index(fields=["at"], name="failure_at"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} from {self.address}"
