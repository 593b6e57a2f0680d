"""What stands in the tables, to tell whether anything changed; and somebody of each kind who might come."""

from django.apps import apps
from django.contrib.auth import get_user_model
from django.test import Client

from registry.accounts.access_keys import create_access_key
from registry.accounts.models import Role
from registry.accounts.permissions import Actor
from registry.accounts.services import create_service_account
from tests.factories import make_user
from tests.roles import person

from .hidden import OTHER_TEAM, member

# They say who is here and when, not what is in the registry.
_PASSING = {"Session", "SignInFailure", "BadSignatures"}
# Who comes to the browser's doors, beside the roles: who did not sign in, and a reviewer whose team sees nothing of it.
STRANGER, OUTSIDER = "stranger", "outsider"


def tables():
    """All rows of all tables, but for the notes of who came."""
    rows = {}
    for model in apps.get_models(include_auto_created=True):
        if model.__name__ not in _PASSING and model._meta.managed:
            left_out = ("last_login", "last_used_at", "last_used_by", "password")
            columns = [f.attname for f in model._meta.concrete_fields if f.name not in left_out]
            rows[model._meta.label] = sorted(map(repr, model._default_manager.values_list(*columns)))
    return rows


def changed(before):
    """The names of the tables that are not what they were."""
    now = tables()
    return [name for name in now if now[name] != before[name]]


def visitor(kind):
    """A client of somebody of that kind: a role, None for a user without one, STRANGER or OUTSIDER."""
    if kind == STRANGER:
        return Client()
    if kind == OUTSIDER:
        client = Client()
        client.force_login(member("reviewer", "the-outsider", OTHER_TEAM))
        return client
    return person(kind)


def key_of(role, *, narrowed):
    """A key that reaches as far as `role`: of a user with it (or without any), or of a service account, an admin."""
    User = get_user_model()
    if narrowed:
        user = create_service_account(actor=Actor.system("test"), username=f"robot-{role}", role=Role.ADMIN)
    else:
        user = make_user(role or "viewer", username=f"signer-{role}")
    values = {"role": role} if narrowed else {}
    key, secret = create_access_key(actor=Actor.system("test"), user=User.objects.get(pk=user.pk), name="key", **values)
    if role is None:
        user.groups.clear()
    return key.key_id, secret
