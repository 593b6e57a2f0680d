"""The tables of the checkpoints; append-only like the log, by triggers of the database."""

from __future__ import annotations

from datetime import UTC

from django.db import models

from .proofs import Statement


class CheckpointKey(models.Model):
    """A public key that has signed checkpoints, so that old ones can be checked after a new key was made."""

    name = models.CharField(max_length=16, primary_key=True)
    public = models.BinaryField(max_length=32)
    since = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Checkpoint(models.Model):
    """A signed statement about the heads of all chains at one moment; its members are the columns (events.proofs)."""

    number = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    registry = models.CharField(max_length=12)
    chains = models.BigIntegerField()
    events = models.BigIntegerField()
    root = models.BinaryField(max_length=32)
    waypoints = models.BigIntegerField()
    waypoint_root = models.BinaryField(max_length=32)
    previous = models.BinaryField(max_length=32)
    key = models.CharField(max_length=16)
    signature = models.BinaryField(max_length=64)

    class Meta:
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"checkpoint {self.number}"

    @property
    def statement(self) -> Statement:
        """What it says, in the words that were signed."""
        return Statement(
            number=self.number,
            at=f"{self.at.astimezone(UTC).isoformat(timespec='microseconds')[:-6]}Z",
            registry=self.registry,
            chains=self.chains,
            events=self.events,
            root=bytes(self.root),
            waypoints=self.waypoints,
            waypoint_root=bytes(self.waypoint_root),
            previous=bytes(self.previous),
            key=self.key,
        )


class CheckpointLeaf(models.Model):
    """A place of a chain that a checkpoint signs: the head of one that moved since the one before, or a waypoint.

    The leaves of a checkpoint's tree are for each chain the newest head that was kept until then; so every checkpoint
    can be put together again, and an hour without news costs a row.
    """

    checkpoint = models.ForeignKey(Checkpoint, on_delete=models.PROTECT, related_name="leaves", db_index=False)
    chain = models.BigIntegerField()
    position = models.PositiveBigIntegerField()
    digest = models.BinaryField(max_length=32)
    is_head = models.BooleanField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["chain", "position"], name="leaf_chain_position")]
        indexes = [
            models.Index(
                fields=["chain", "-checkpoint"], condition=models.Q(is_head=True), name="leaf_head_of_checkpoint"
            ),
            models.Index(
                fields=["checkpoint", "chain", "position"],
                condition=models.Q(is_head=False),
                name="leaf_waypoint_of_checkpoint",
            ),
        ]

    def __str__(self) -> str:
        return f"chain {self.chain} at {self.position}"
