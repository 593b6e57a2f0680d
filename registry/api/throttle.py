"""Count badly signed calls by address, so that nobody tries secrets at speed; one count for all workers and servers."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Case, F, Q, Value, When
from django.utils import timezone

from registry.accounts.models import BadSignatures
from registry.accounts.throttle import address_key

BAD_SIGNATURES_A_MINUTE = 200
WINDOW = timedelta(minutes=1)


def count_bad_signature(address: str) -> bool:
    """Note one more badly signed call of this address; False when that is more than it may send in a minute.

    The minute begins with the first of them. Looking and counting are one statement on one row, so of any number of
    calls at once just as many get through as may; a call that is refused writes nothing. Good calls never come here.
    """
    name, now = address_key(address), timezone.now()
    if _add(name, now):
        return True
    if BadSignatures.objects.filter(address=name).exists():
        return False
    # Who comes from a new address sweeps up after those that went away.
    BadSignatures.objects.filter(since__lte=now - WINDOW).delete()
    try:
        with transaction.atomic():
            BadSignatures.objects.create(address=name, since=now, count=1)
    except IntegrityError:
        return _add(name, now)  # another call from there was first
    return True


def _add(name: str, now: datetime) -> bool:
    over = Q(since__lte=now - WINDOW)
    rows = BadSignatures.objects.filter(over | Q(count__lt=BAD_SIGNATURES_A_MINUTE), address=name)
    fresh = {
        "since": Case(When(over, then=Value(now)), default=F("since")),
        "count": Case(When(over, then=Value(1)), default=F("count") + 1),
    }
    return rows.update(**fresh) > 0
