"""Counts failed sign-ins, so that nobody can guess passwords and nobody can lock another person out."""

from __future__ import annotations

import ipaddress
import math
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.crypto import salted_hmac

from .models import SignInFailure

WINDOW = timedelta(minutes=15)
PER_ACCOUNT_AND_ADDRESS = 10
PER_ADDRESS = 50


class TooManyFailures(Exception):
    """This address has to wait until `until` (for this account, or for any)."""

    def __init__(self, until: datetime) -> None:
        self.until = until
        super().__init__(f"Too many failed sign-ins from this address. Try again in {wait_words(self.retry_after)}.")

    @property
    def retry_after(self) -> int:
        """Whole seconds to wait, at least one."""
        return max(1, math.ceil((self.until - timezone.now()).total_seconds()))


@dataclass(frozen=True)
class Attempt:
    """A sign-in that runs: it counts as a failure until it succeeds."""

    pk: int
    account: str
    address: str


def wait_words(seconds: int) -> str:
    """ "1 minute", "12 minutes": rounded up, so that the advice is never too early."""
    minutes = max(1, math.ceil(seconds / 60))
    return f"{minutes} minute{'' if minutes == 1 else 's'}"


def account_key(username: str) -> str:
    """The digest under which a typed name counts; names that sign in as the same user count together."""
    name = unicodedata.normalize("NFKC", username).strip().casefold()
    return salted_hmac("registry.accounts.throttle", name, algorithm="sha256").hexdigest()


def address_key(address: str) -> str:
    """The address that counts: an IPv6 visitor has a whole /64, so that is one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:45]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False).network_address)
    return str(parsed)


def begin(username: str, address: str) -> Attempt:
    """Note a try before its password is looked at; raises TooManyFailures without looking, when it is one too many.

    The row is written first and counted after: of any number of tries at once, at most ten get through. A try that
    is refused does not count, so the wait does not grow by trying.
    """
    account, address = account_key(username), address_key(address)
    now = timezone.now()
    _refuse_if_over(account, address, now, without=None)
    row = SignInFailure.objects.create(account=account, address=address, at=now)
    try:
        _refuse_if_over(account, address, now, without=row.pk)
    except TooManyFailures:
        row.delete()
        raise
    SignInFailure.objects.filter(at__lt=now - WINDOW).delete()
    return Attempt(row.pk, account, address)


def succeed(attempt: Attempt) -> None:
    """The password was right: forget what this account failed at from this address; other accounts' failures stay."""
    SignInFailure.objects.filter(address=attempt.address, account=attempt.account).delete()


def _refuse_if_over(account: str, address: str, now: datetime, without: int | None) -> None:
    rows = SignInFailure.objects.filter(address=address, at__gt=now - WINDOW).exclude(pk=without)
    tries = list(rows.order_by("-at").values_list("account", "at")[:PER_ADDRESS])
    ends = []
    if len(tries) >= PER_ADDRESS:
        ends.append(tries[-1][1] + WINDOW)
    own = rows.filter(account=account).order_by("-at").values_list("at", flat=True)[:PER_ACCOUNT_AND_ADDRESS]
    if len(own) >= PER_ACCOUNT_AND_ADDRESS:
        ends.append(own[PER_ACCOUNT_AND_ADDRESS - 1] + WINDOW)
    if ends:
        raise TooManyFailures(max(ends))
