"""What all tests share: the two databases, the browser, and which tests run where."""

import os
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from tests import databases

BROWSER_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
BROWSER_HINT = "no Chromium here: `apt-get install chromium`, then run the tests again"

# Playwright's loop runs in the tests' thread; Django would refuse every query there.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


def pytest_unconfigure() -> None:
    """Remove the folder of tests/settings.py; the databases in it are gone by now."""
    shutil.rmtree(settings.TEST_FOLDER, ignore_errors=True)


# Suites that take minutes, each a `make` target of its own: left out unless `-m` asks for them by name.
LONG = ("authority", "clients", "faults", "hostile", "operations", "plans", "replay")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark browser tests, and leave out long suites and what makes no difference on this worker's database."""
    not_asked = [name for name in LONG if name not in config.option.markexpr]
    kept, left_out = [], []
    for item in items:
        if {"page", "browser", "context"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("browser")
        # The pages' queries run on both databases in the tests without a browser; once is enough with one.
        once = item.get_closest_marker("sqlite_only") or item.get_closest_marker("browser")
        other = item.get_closest_marker("postgresql_only")
        wanted = not once if settings.TEST_DB == "postgresql" else not other
        wanted = wanted and not any(item.get_closest_marker(name) for name in not_asked)
        (kept if wanted else left_out).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> Iterator[None]:
    """Start the tests' own PostgreSQL where this worker runs on it, before Django makes its test database."""
    if settings.TEST_DB == "sqlite":
        yield
        return
    with databases.running_postgresql(Path(settings.DATABASES["default"]["HOST"])):
        yield


@pytest.fixture(scope="session", autouse=True)
def _flush_reaches_the_log() -> None:
    """The database refuses to empty the log; between transactional tests it has to let it happen."""
    from tests.log import let_flushes_through

    let_flushes_through()


# Goes on from test to test: a minute that came before is one in which something was counted.
_MINUTES = count()


@pytest.fixture(autouse=True)
def _nothing_is_estimated_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is counted once a minute is counted each time: else a test would run other queries than when it is alone."""
    from registry.catalog.filters import estimates

    monkeypatch.setattr(estimates, "_minute", _MINUTES.__next__)


def find_chromium() -> str | None:
    """Return the path of the machine's Chromium, or None."""
    named = os.environ.get("TEST_CHROMIUM")
    return named or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Start the machine's own Chromium; skipped without one, but a failure in CI."""
    path = find_chromium()
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail(BROWSER_HINT)
        pytest.skip(BROWSER_HINT)
    return {**browser_type_launch_args, "executable_path": path, "args": BROWSER_FLAGS}


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data folder for all real servers that do not mind what others left: to prepare it takes its time."""
    return tmp_path_factory.mktemp("served")


@pytest.fixture
def cast(db: None) -> dict[str, Any]:
    """The four people, one for each role, under the names of their roles."""
    from registry.accounts.models import Role
    from tests.factories import make_user

    return {role.value: make_user(role, username=role.value) for role in Role}


@pytest.fixture
def as_role(cast: dict[str, Any]) -> Any:
    """A function from a role's name to a test client that is signed in as that person."""
    from django.test import Client

    def sign_in(role: str) -> Client:
        client = Client()
        client.force_login(cast[role])
        return client

    return sign_in
