"""Count badly signed calls by address, so that nobody tries secrets at speed; shared by all workers (the cache)."""

from __future__ import annotations

import time

from django.core.cache import cache

BAD_SIGNATURES_A_MINUTE = 200


def _key(address: str) -> str:
    return f"bad-signatures:{address}:{int(time.time() // 60)}"


def is_full(address: str) -> bool:
    """True once this address has sent as many badly signed calls in this minute as it may."""
    return cache.get(_key(address), 0) >= BAD_SIGNATURES_A_MINUTE


def count_bad_signature(address: str) -> None:
    """Note one more for this minute."""
    key = _key(address)
    if not cache.add(key, 1, timeout=120):
        cache.incr(key)
