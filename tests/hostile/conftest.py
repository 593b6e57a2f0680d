"""The full product of hostile values and places takes minutes: left out unless `-m hostile` asks for it."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the marked tests out; a few values go everywhere in the tests that always run."""
    if "hostile" in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker("hostile")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
