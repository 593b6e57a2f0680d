"""The long walks of the authority tests are left out unless `-m authority` asks for them."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Every address with every word takes minutes; the others ask what is most telling."""
    if "authority" in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker("authority")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
