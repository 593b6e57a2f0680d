"""How many requests a worker of the server works on at once; what is over is refused at once instead of waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from registry.monitoring import instruments

# Requests whose body is still on its way hold a thread but nothing else: so many of them stand beside those at work.
SLOW = 32
# For what is always answered, and for saying no.
SPARE = 8
# A refused body up to this size is read to its end, in bytes.
DRAINED = 1024 * 1024
# What a person or a client is told to wait, in seconds.
RETRY_AFTER = 2

Start = Callable[..., Any]
Application = Callable[[dict[str, Any], Start], Any]


class OverCapacity(Exception):
    """The worker has as much to do as it should; said before anything of the request is read."""

    def __init__(self) -> None:
        super().__init__("The registry is busy. Try again in some seconds.")


def threads(limit: int) -> int:
    """How many threads a worker needs to work on `limit` requests and still have some for what else comes."""
    return limit + SLOW + SPARE


class Gate:
    """Counts the requests of one worker: those being worked on, and those whose body is still on its way."""

    def __init__(self) -> None:
        self.working = self.slow = 0
        self._lock = threading.Lock()
        self._here = threading.local()

    @contextmanager
    def admit(self, *, first: bool = False) -> Iterator[None]:
        """Hold a place while the block runs; OverCapacity when there is none. `first` also gets one of the spare."""
        places = settings.REGISTRY_MAX_IN_FLIGHT + (SPARE // 2 if first else 0)
        with self._lock:
            if self.working >= places:
                instruments.note_shed("working")
                raise OverCapacity
            self.working += 1
            instruments.note_work(self.working, self.slow)
        self._here.admitted = True
        try:
            yield
        finally:
            self._here.admitted = False
            with self._lock:
                self.working -= 1
                instruments.note_work(self.working, self.slow)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Leave the place while a body is read: slowness is nobody else's loss. OverCapacity with too many such."""
        if not getattr(self._here, "admitted", False):
            yield
            return
        with self._lock:
            if self.slow >= SLOW:
                instruments.note_shed("receiving")
                raise OverCapacity
            self.slow += 1
            self.working -= 1
        try:
            yield
        finally:
            with self._lock:
                self.slow -= 1
                self.working += 1

    def drain(self, request: HttpRequest) -> None:
        """Read what a refused client is sending: who is cut off while sending never sees the answer.

        Not what is large, and not where too many are slow already.
        """
        with self._lock:
            if self.slow >= SLOW:
                return
            self.slow += 1
        try:
            if int(request.META.get("CONTENT_LENGTH") or 0) <= DRAINED:
                request.read()
        except (OSError, ValueError):
            pass  # it went away, or says nonsense: the answer is the same
        finally:
            with self._lock:
                self.slow -= 1


class ClientInput:
    """A request's body as the server hands it over; reading it does not count as work."""

    def __init__(self, stream: Any, gate: Gate) -> None:
        self.stream, self.gate = stream, gate

    def read(self, *size: int) -> bytes:
        with self.gate.waiting():
            return self.stream.read(*size)

    def readline(self, *size: int) -> bytes:
        with self.gate.waiting():
            return self.stream.readline(*size)


gate = Gate()


def counting(application: Application) -> Application:
    """The application with bodies that are read without counting as work."""

    def run(environ: dict[str, Any], start: Start) -> Any:
        environ["wsgi.input"] = ClientInput(environ["wsgi.input"], gate)
        return application(environ, start)

    return run
