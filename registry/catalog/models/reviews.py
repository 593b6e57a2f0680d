"""What reviewing leaves on a version beside its status: votes of the round that is open, and checks from outside."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q

from registry.accounts.models import Role, User

from ..validators import CHECK_NAME_MAX, CHECK_SUMMARY_MAX, CHECKS_MAX, URL_MAX
from .lookups import at_most
from .packages import ModelPackage
from .teams import TeamAccess


class VoteQuerySet(models.QuerySet["Vote"]):
    """Named questions about votes."""

    def counting(self) -> VoteQuerySet:
        """Those whose giver could give them now: active, reviewer or admin, and the group is not limited to others.

        A vote that does not count stays, and counts again when its giver may review again.
        """
        roles = User.groups.through.objects.filter(user=OuterRef("user"))
        admin = Q(user__is_superuser=True) | Exists(roles.filter(group__name=Role.ADMIN))
        limits = TeamAccess.objects.filter(group=OuterRef("package__group"))
        sees = ~Exists(limits) | Exists(limits.filter(team__user=OuterRef("user")))
        reviews = Exists(roles.filter(group__name=Role.REVIEWER))
        return self.filter(admin | (reviews & sees), user__is_active=True)


class Vote(models.Model):
    """One person's approval of a version that needs several; gone with the decision, or when the content changes.

    The log keeps every vote for ever; these rows are the count of the round that is open, as far as they count still.
    """

    package = models.ForeignKey(ModelPackage, on_delete=models.CASCADE, related_name="votes", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    user_name = models.CharField(max_length=256)
    comment = models.CharField(max_length=1024, blank=True, default="")
    voted_at = models.DateTimeField()

    objects = VoteQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["package", "user"], name="vote_once_a_person")]

    def __str__(self) -> str:
        return self.user_name


class Check(models.Model):
    """What a system outside says of a version under a name of its own: pending, success or failure."""

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        SUCCESS = "success", "Passed"
        FAILURE = "failure", "Failed"

    package = models.ForeignKey(ModelPackage, on_delete=models.CASCADE, related_name="checks", db_index=False)
    name = models.CharField(max_length=CHECK_NAME_MAX)
    state = models.CharField(max_length=8, choices=State.choices)
    url = models.CharField(max_length=URL_MAX, blank=True, default="")
    summary = models.CharField(max_length=CHECK_SUMMARY_MAX, blank=True, default="")
    reported_at = models.DateTimeField()
    reported_by_name = models.CharField(max_length=256)
    slot = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["package", "name"], name="check_name_unique_in_package"),
            models.UniqueConstraint(fields=["package", "slot"], name="check_slot_unique_in_package"),
            models.CheckConstraint(condition=Q(slot__lt=CHECKS_MAX), name="check_at_most_50"),
            models.CheckConstraint(condition=Q(state__in=["pending", "success", "failure"]), name="check_state_known"),
            models.CheckConstraint(condition=~Q(name=""), name="check_name_not_empty"),
            at_most("name", CHECK_NAME_MAX, "check"),
            at_most("url", URL_MAX, "check"),
            at_most("summary", CHECK_SUMMARY_MAX, "check"),
        ]
        indexes = [models.Index(fields=["name", "state", "package"], name="check_find")]

    def __str__(self) -> str:
        return f"{self.name}: {self.state}"
