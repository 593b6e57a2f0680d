"""The roles as the tests walk them, and who passes what."""

from django.test import Client

from registry.accounts.models import Role
from registry.accounts.permissions import MINIMUM_ROLE
from tests.factories import make_user

ROLES = [None, *Role]

# Beside the actions of MINIMUM_ROLE: everybody who signed in, or really everybody.
SIGNED_IN, OPEN = "signed in", "open"


def reaches(role, needed):
    """True if the row lets this role pass."""
    if needed in (SIGNED_IN, OPEN):
        return True
    return role is not None and role.rank >= MINIMUM_ROLE[needed].rank


def person(role):
    """A client who is signed in with that role, or with none at all."""
    user = make_user(role or "viewer", username=f"the-{role or 'nobody'}")
    if role is None:
        user.groups.clear()
    client = Client()
    client.force_login(user)
    return client
