"""One registry of its own for each module of faults, and what the suite says at its end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings

# Their assertions say what they found, too.
pytest.register_assert_rewrite("tests.faults.doors", "tests.faults.load")

from tests.test_serve import wait_until  # noqa: E402

from .places import Registry  # noqa: E402

WIDTHS = {"fault": 22, "database": 10, "rounds": 6, "wanted": 7}


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
    # Whatever a test before it left of the server.
    wait_until(place.is_ready)
    yield place


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What the faults did, a line each: rounds, acknowledged writes, what was lost, how long."""
    told = [
        dict(report.user_properties)
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if any(name == "fault" for name, _ in report.user_properties)
    ]
    if told:
        terminalreporter.section("faults")
        names = list(told[0])
        for row in [
            dict(zip(names, names, strict=True)),
            *sorted(told, key=lambda row: (row["fault"], row["database"])),
        ]:
            terminalreporter.line(" ".join(f"{row.get(name, '')!s:>{WIDTHS.get(name, 14)}}" for name in names))
