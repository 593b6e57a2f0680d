"""Who uses the registry: users and their roles, access keys, and what failed to get in; the rules are elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import DEFAULT_DB_ALIAS, models
from django.db.models import Q, Value
from django.utils import timezone
from django.utils.functional import cached_property

from registry.statements import Prepared

SOON = timedelta(days=7)


class Role(models.TextChoices):
    """Roles in rising order, each includes the one before; stored as Django groups of the same names."""

    VIEWER = "viewer"
    CONTRIBUTOR = "contributor"
    REVIEWER = "reviewer"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        return list(Role).index(self)


class Teams:
    """What teams keep from others: the catalog's knowledge, which puts its question here (catalog/apps.py).

    So the statements that read who asks, and with which role, read this too. A team is a Django group that is no role.
    """

    # From the lookup of a user, such as "pk", to: is there a team that limits something, and the user is not in it?
    question: Callable[[str], Any] = staticmethod(lambda user: Value(False))


def widest_role(groups: Iterable[str | None]) -> Role | None:
    """The widest of the roles among the names of Django groups."""
    return max((Role(name) for name in groups if name in Role.values), key=lambda role: role.rank, default=None)


class UserQuerySet(models.QuerySet["User"]):
    """Named questions about users."""

    def admins(self) -> UserQuerySet:
        """Active people with the role admin; none of them twice. A service account cannot sign in to help anybody."""
        in_group = User.groups.through.objects.filter(group__name=Role.ADMIN.value).values("user_id")
        return self.filter(Q(is_superuser=True) | Q(pk__in=in_group), is_active=True, is_service=False)

    def with_roles(self) -> UserQuerySet:
        """With the Django groups that make the role, for lists: one more query in all."""
        return self.prefetch_related("groups")


class Manager(UserManager.from_queryset(UserQuerySet)):
    """Django's manager with our questions; migrations need neither."""

    use_in_migrations = False


class User(AbstractUser):
    """A person who signs in, or a service account that only access keys speak for."""

    is_service = models.BooleanField(
        "service account", default=False, help_text="Cannot sign in; only its access keys work."
    )

    objects = Manager()

    @classmethod
    def find(cls, user_id: int) -> User | None:
        """The user of that id with the role that counts now, by a statement compiled once; None without one."""
        rows = _USER.rows(user_id=user_id)
        if not rows:
            return None
        user = cls.from_db(DEFAULT_DB_ALIAS, [field.attname for field in cls._meta.concrete_fields], rows[0][:-2])
        held = Role.ADMIN if user.is_superuser else widest_role(row[-1] for row in rows)
        user.__dict__ |= {"role": held if user.is_active else None, "may_miss_groups": bool(rows[0][-2])}
        return user

    @property
    def held_role(self) -> Role | None:
        """The widest role of the user's Django groups, admin for a superuser; kept while the user is inactive."""
        return Role.ADMIN if self.is_superuser else widest_role(group.name for group in self.groups.all())

    @cached_property
    def role(self) -> Role | None:
        """What counts: the held role of an active user, None without any (sees nothing).

        One query, which reads may_miss_groups too; remembered for the life of this object, which is one request.
        """
        if not self.is_active:
            return None
        if self.is_superuser or "groups" in getattr(self, "_prefetched_objects_cache", {}):
            return self.held_role
        rows = _ACCESS.rows(user_id=self.pk or 0)
        self.__dict__["may_miss_groups"] = bool(rows and rows[0][0])
        return widest_role(name for _, name in rows)

    @cached_property
    def may_miss_groups(self) -> bool:
        """False if no group is kept from the user by its teams, whatever the role; read and remembered with the role.

        True where there is a team that limits groups and that the user is no member of.
        """
        rows = _ACCESS.rows(user_id=self.pk or 0)
        return bool(rows and rows[0][0])


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


class BadSignatures(models.Model):
    """How many badly signed calls one address sent since `since`; counted for a minute by registry.api.throttle."""

    address = models.CharField(max_length=45, unique=True)
    since = models.DateTimeField(db_index=True)
    count = models.PositiveIntegerField()

    class Meta:
        verbose_name_plural = "bad signatures"

    def __str__(self) -> str:
        return f"{self.count} from {self.address}"


class AccessKeyQuerySet(models.QuerySet["AccessKey"]):
    """Named questions about access keys."""

    def visible_to(self, user: User) -> AccessKeyQuerySet:
        """One's own; all of them for an admin."""
        return self if user.role == Role.ADMIN else self.filter(user=user)

    def signing(self, key_id: str) -> AccessKey | None:
        """The key of that id with its user and the role that counts now, in one query: every call of the wire asks."""
        rows = _SIGNING.rows(key_id=key_id)
        if not rows:
            return None
        first = dict(zip((*_KEY_COLUMNS, *_PERSON_COLUMNS), rows[0], strict=False))
        user = User(**{name.removeprefix("user__"): first[name] for name in _PERSON_COLUMNS})
        held = Role.ADMIN if user.is_superuser else widest_role(row[-1] for row in rows)
        user.__dict__ |= {"role": held if user.is_active else None, "may_miss_groups": bool(rows[0][-2])}
        return AccessKey(user=user, **{name: first[name] for name in _KEY_COLUMNS})


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

    objects = AccessKeyQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="access_key_name_unique_per_user")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def expires_soon(self) -> bool:
        """True in the last 7 days: time to make the next one."""
        return self.expires_at is not None and not self.is_expired and self.expires_at <= timezone.now() + SOON

    @property
    def effective_role(self) -> Role | None:
        """The narrower of the user's role now and the key's own; None where the user has none."""
        held = self.user.role
        if held is None or not self.role:
            return held
        return min(held, Role(self.role), key=lambda role: role.rank)


_KEY_COLUMNS = ("pk", "name", "key_id", "encrypted_secret", "role", "expires_at", "is_active", "last_used_at")
_PERSON_COLUMNS = ("user__pk", "user__username", "user__is_active", "user__is_superuser", "user__is_service")
_USER: Prepared[User] = Prepared(
    lambda user_id: User.objects.filter(pk=user_id).values_list(
        *[f.attname for f in User._meta.concrete_fields], Teams.question("pk"), "groups__name"
    ),
    user_id=int,
)
_ACCESS: Prepared[User] = Prepared(
    lambda user_id: User.objects.filter(pk=user_id).order_by().values_list(Teams.question("pk"), "groups__name"),
    user_id=int,
)
_SIGNING: Prepared[AccessKey] = Prepared(
    lambda key_id: (
        AccessKey.objects.filter(key_id=key_id)
        .order_by()
        .values_list(*_KEY_COLUMNS, *_PERSON_COLUMNS, Teams.question("user"), "user__groups__name")
    ),
    key_id=str,
)
