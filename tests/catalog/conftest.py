"""Who reviews in these tests."""

import pytest

from registry.accounts.permissions import Actor
from tests.factories import make_user


@pytest.fixture
def people(db):
    """Three reviewers, a contributor and an admin, acting in the browser."""
    roles = {"ann": "reviewer", "ben": "reviewer", "cat": "reviewer", "max": "contributor", "ada": "admin"}
    return {name: Actor.of(make_user(role, username=name), "browser") for name, role in roles.items()}
