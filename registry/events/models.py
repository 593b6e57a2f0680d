"""What happened: one row per change, written in the transaction of the change and never touched again."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from .checkpoint_models import Checkpoint, CheckpointKey, CheckpointLeaf

__all__ = ["ChainHead", "Checkpoint", "CheckpointKey", "CheckpointLeaf", "Event", "EventQuerySet"]


class EventQuerySet(models.QuerySet["Event"]):
    """Named questions about the log; newest first is `-id`, since ids rise with time."""

    def in_feed(self) -> EventQuerySet:
        """What the activity pages show: everything but the single records of an import, which has one line."""
        return self.filter(in_feed=True)

    def for_group(self, group_id: int) -> EventQuerySet:
        return self.filter(group_id=group_id)

    def for_package(self, package_id: int) -> EventQuerySet:
        return self.filter(package_id=package_id)

    def before(self, event_id: int | None) -> EventQuerySet:
        """The page after the event with that id (keyset paging)."""
        return self if event_id is None else self.filter(id__lt=event_id)


class Event(models.Model):
    """Who did what to which object, by which door, with the state before and after.

    The subject is named by plain ids and names, not by foreign keys: the log must outlive what it speaks of.
    `before` and `after` hold the members that changed, in the wire's names, so that the tables can be replayed
    from the log.
    """

    at = models.DateTimeField(default=timezone.now)
    kind = models.CharField(max_length=64)
    category = models.CharField(max_length=16)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    actor_name = models.CharField(max_length=256)
    door = models.CharField(max_length=16)
    access_key = models.CharField(max_length=128, blank=True, default="")
    user_agent = models.CharField(max_length=512, blank=True, default="")

    region = models.CharField(max_length=16, blank=True, default="")
    group_id = models.BigIntegerField(null=True, blank=True)
    group_name = models.CharField(max_length=63, blank=True, default="")
    package_id = models.BigIntegerField(null=True, blank=True)
    package_name = models.CharField(max_length=63, blank=True, default="")
    version = models.PositiveIntegerField(null=True, blank=True)
    target = models.CharField(max_length=256, blank=True, default="")

    comment = models.TextField(blank=True, default="")
    in_feed = models.BooleanField(default=True)
    batch = models.UUIDField(null=True, blank=True)
    before = models.JSONField(null=True, blank=True)
    after = models.JSONField(null=True, blank=True)

    # The place in the log's chains (events.chains); the database refuses what does not continue a chain.
    chain = models.BigIntegerField()
    position = models.PositiveBigIntegerField()
    previous = models.BinaryField(max_length=32)
    digest = models.BinaryField(max_length=32)

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["chain", "position"], name="event_chain_position")]
        indexes = [
            models.Index(fields=["group_id", "-id"], name="event_group"),
            models.Index(fields=["package_id", "-id"], name="event_package"),
            # What happened to a group itself, among 100,000 versions of it.
            models.Index(fields=["group_id", "-id"], name="event_of_group", condition=models.Q(package_id=None)),
            models.Index(fields=["-id"], name="event_feed", condition=models.Q(in_feed=True)),
            models.Index(fields=["category", "-id"], name="event_category", condition=models.Q(in_feed=True)),
            models.Index(fields=["actor_name", "-id"], name="event_actor", condition=models.Q(in_feed=True)),
            # Several filters of the feed at once: without these, what is rare is looked for in all that is common.
            *(
                models.Index(fields=[*fields, "-id"], name=name, condition=models.Q(in_feed=True))
                for name, fields in {
                    "event_group_category": ("group_id", "category"),
                    "event_group_actor": ("group_id", "actor_name"),
                    "event_actor_category": ("actor_name", "category"),
                    "event_all_filters": ("group_id", "actor_name", "category"),
                }.items()
            ),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.actor_name} {self.kind}"


class ChainHead(models.Model):
    """Where a chain of the log ends: position and digest of its last event, kept by the database's own triggers.

    Whoever adds to a chain locks its head first; a new chain begins with a head at position 0.
    """

    chain = models.BigIntegerField(primary_key=True)
    position = models.PositiveBigIntegerField()
    digest = models.BinaryField(max_length=32)

    def __str__(self) -> str:
        return f"chain {self.chain} at {self.position}"
