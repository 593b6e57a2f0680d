"""Real servers to operate; what takes long is left out unless `-m operations` asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.test_capacity import Registry
from tests.test_serve import free_port


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes long."""
    if "operations" in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker("operations")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


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
