"""Demo data of a size at which a wrong plan shows, loaded once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

VERSIONS = int(os.environ.get("TEST_PLAN_VERSIONS", "100000"))


@pytest.fixture(scope="session")
def places(django_db_setup: None, django_db_blocker: Any) -> Iterator[Any]:
    """The filled database, with what stands in the addresses of its pages."""
    from registry.accounts.permissions import Actor
    from registry.catalog import services
    from registry.catalog.demo.scheme import Scheme
    from tests.benchmarks.pages import Places

    until = datetime(2026, 11, 1, tzinfo=UTC)
    # More groups than rows may be sorted, so that a list of all of them shows whether it is.
    groups = max(VERSIONS // 40, 10)
    scheme = Scheme(groups=groups, versions=VERSIONS, seed=1, prefix="fill", region="us-east-1", until=until)
    with django_db_blocker.unblock():
        services.fill_with_demo(actor=Actor.system("test"), scheme=scheme)
        yield Places.find()
