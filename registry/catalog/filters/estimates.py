"""How much there is of something, kept for a minute: it chooses the shape of a query and changes no result."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
Found = TypeVar("Found")

_SECONDS = 60
_KEPT = 512


def estimate(count: Callable[P, Found]) -> Callable[P, Found]:
    """A function that counts, asked at most once a minute for the same arguments, which have to be hashable.

    For nothing but the choice between two ways to the same answer: what it says may be a minute old.
    """

    @lru_cache(_KEPT)
    def kept(minute: int, *args: P.args, **kwargs: P.kwargs) -> Found:
        return count(*args, **kwargs)

    @wraps(count)
    def asked(*args: P.args, **kwargs: P.kwargs) -> Found:
        return kept(_minute(), *args, **kwargs)  # type: ignore[arg-type]

    return asked


def _minute() -> int:
    return int(time.monotonic() // _SECONDS)
