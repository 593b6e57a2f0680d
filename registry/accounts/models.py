"""Who uses the registry: the user and the role that one's Django groups give; what a role may do is in permissions."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils import timezone
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
    """A person who signs in, or a service account that only access keys speak for."""

    is_service = models.BooleanField(
        "service account", default=False, help_text="Cannot sign in; only its access keys work."
    )

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


class AccessKey(models.Model):
    """What a pipeline signs its calls with: an id that is sent, and a secret that is not.

    The secret is encrypted at rest (accounts.secrets) and shown once. The key may do what its user may do, or less:
    `role` narrows, an empty one is the user's own.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="access_keys")
    name = models.CharField(max_length=128)
    key_id = models.CharField(max_length=32, unique=True)
    encrypted_secret = models.TextField()
    role = models.CharField(max_length=16, blank=True, default="", choices=Role.choices)
    created_at = models.DateTimeField(default=timezone.now)
    created_by_name = models.CharField(max_length=256, blank=True, default="")
    expires_at = models.DateTimeField(null=True, blank=True)
    is_active = models.BooleanField("active", default=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    last_used_by = models.CharField("last client", max_length=512, blank=True, default="")

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="access_key_name_unique_per_user")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def effective_role(self) -> Role | None:
        """The narrower of the user's role now and the key's own; None where the user has none."""
        held = self.user.role
        if held is None or not self.role:
            return held
        return min(held, Role(self.role), key=lambda role: role.rank)
