"""Calls that were answered, by the token of the client, so that a call sent twice is done once."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class AnsweredCall(models.Model):
    """The first answer to a ClientToken; scope is region and operation (contract section 6, Idempotency)."""

    region = models.CharField(max_length=16)
    operation = models.CharField(max_length=64)
    token = models.CharField(max_length=36)
    request_hash = models.CharField(max_length=64)
    answer = models.JSONField()
    answered_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["region", "operation", "token"], name="answered_call_token_unique")
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.token}"
