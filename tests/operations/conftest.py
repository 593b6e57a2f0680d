"""Real servers to operate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.test_capacity import Registry
from tests.test_serve import free_port


@pytest.fixture
def serve(served: Path) -> Iterator[Callable[..., Registry]]:
    """A function that starts the registry with more settings, and waits until it answers."""
    started = []

    def starter(port: int = 0, **environ: str) -> Registry:
        server = Registry(served, "serve", port or free_port(), **environ)
        started.append(server)
        server.wait_ready()
        server.make_key(**environ)
        return server

    yield starter
    for server in started:
        server.stop()
