"""Do a call once, however often a client sends it: ClientToken, in the transaction of the change itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from registry.statements import Prepared, insert

from ..errors import Refused
from ..models import AnsweredCall

KEPT = timedelta(days=7)
_ANSWERED: Prepared[AnsweredCall] = Prepared(
    lambda region, operation, token: AnsweredCall.objects.filter(region=region, operation=operation, token=token),
    region=str,
    operation=str,
    token=str,
)


def _hash(request: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(request, sort_keys=True, default=str).encode()).hexdigest()


def once(
    *, region: str, operation: str, token: str | None, request: Mapping[str, Any], do: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """The answer of `do`, run at most once for this token; the first answer stands for 7 days, whatever happened since.

    `do` and the note of its answer are one transaction: a twin that runs at the same time waits for it. The same
    token with another request is Refused.
    """
    if not token:
        return do()
    scope = {"region": region, "operation": operation, "token": token}
    digest = _hash(request)
    try:
        with transaction.atomic():
            # Old answers are swept by one call in 256: each call would pay for it, and none needs it.
            if digest.startswith("00"):
                AnsweredCall.objects.filter(answered_at__lt=timezone.now() - KEPT).delete()
            call = _ANSWERED.first(**scope)
            if call is None:
                answer = do()
                insert([AnsweredCall(**scope, request_hash=digest, answer=answer)])
                return answer
    except (IntegrityError, Refused):
        # A twin that ran at the same time may have been first: all of this one is undone, the twin's answer stands.
        call = AnsweredCall.objects.filter(**scope).first()
        if call is None:
            raise
    if call.request_hash != digest:
        raise Refused(f"The ClientToken {token} was used for another request.")
    return call.answer
