"""The faults that take minutes run only when they are asked for: `make faults`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings

# Their assertions say what they found, too.
pytest.register_assert_rewrite("tests.faults.doors", "tests.faults.load")

from .places import Registry  # noqa: E402


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked, unless `-m faults` asks for it."""
    if "faults" in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker("faults")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="module")
def place() -> Iterator[Registry]:
    """One registry for all tests of a module, on this worker's database."""
    # Beside the tests' own database: PostgreSQL's user has to reach it.
    folder = settings.TEST_FOLDER / "faults"
    folder.mkdir()
    registry = Registry(folder, settings.TEST_DB)
    try:
        yield registry
    finally:
        registry.close()


@pytest.fixture
def registry(place: Registry) -> Iterator[Registry]:
    """The same, serving."""
    if not (hasattr(place, "server") and place.server.process.poll() is None):
        place.start()
    yield place
