"""How far a command is, on a terminal and in a log; numbers in words, and SIGTERM taken as Ctrl-C."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

BAR = 28


def plural(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


class Progress:
    """How far a command is: a bar that redraws itself on a terminal, else a line now and then."""

    def __init__(self, stream: Any, total: int, *, quiet: bool, what: str = "records") -> None:
        self.stream, self.total, self.quiet, self.what = stream, total, quiet, what
        self.is_terminal = bool(getattr(stream, "isatty", lambda: False)())
        self.every = 0.1 if self.is_terminal else 10.0
        self.last, self.drawn = time.monotonic(), False

    def show(self, done: int, records: int) -> None:
        now = time.monotonic()
        if self.quiet or now - self.last < self.every:
            return
        self.last = now
        share = min(1.0, done / self.total) if self.total else 1.0
        if self.is_terminal:
            filled = int(share * BAR)
            self.stream.write(f"\r[{'#' * filled}{'.' * (BAR - filled)}] {share:4.0%}  {records:,} {self.what}")
            self.drawn = True
        else:
            self.stream.write(f"{records:,} {self.what} ({share:.0%}) …\n")
        self.stream.flush()

    def clear(self) -> None:
        if self.drawn:
            self.stream.write("\r\x1b[K")
            self.stream.flush()
            self.drawn = False


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end a command as Ctrl-C does, so that it can put away what it has begun."""

    def stop(signum: int, frame: Any) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
