"""What the hostile tests attack, and who does it."""

from __future__ import annotations

import pytest
from django.test import Client

from .places import World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def ada(world: World) -> Client:
    """The admin's browser; a fault of the server is an answer to look at."""
    client = Client(raise_request_exception=False)
    client.force_login(world.admin)
    return client
