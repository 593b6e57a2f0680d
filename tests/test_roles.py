"""Who may do what, at every door: each role walks each address, admin page, service and command.

The tables say which action stands before what; the roles that pass come from permissions.MINIMUM_ROLE. An address, a
service, an admin page or a command without a row fails.
"""

import re

import pytest
from django.test import Client
from django.urls import get_resolver, reverse
from django.utils import timezone

from registry.accounts.models import AccessKey
from registry.accounts.permissions import MINIMUM_ROLE, Actor
from registry.catalog import services
from registry.catalog.models import CustomerMetadataProperty, SavedView
from registry.events.models import Event
from tests.factories import IMAGE, PASSWORD, REGION, make_group, make_package, make_user, make_version
from tests.roles import OPEN, ROLES, SIGNED_IN, person, reaches

pytestmark = pytest.mark.django_db

SECRET = "Not for everybody"

READ = "registry.read"

PAIRS = {
    "metadata": {"GET": READ, "POST": "model_package.edit_metadata"},
    "metadata-row": {"GET": READ, "POST": "model_package.edit_metadata", "DELETE": "model_package.edit_metadata"},
    "metadata-edit": {"GET": "model_package.edit_metadata"},
    "metadata-remove": {"GET": "model_package.edit_metadata", "POST": "model_package.edit_metadata"},
    "stage": {"GET": READ, "POST": "model_package.edit_stage"},
    "metrics": {"POST": "model_package.create"},
    "delete": {"GET": "model_package.delete", "POST": "model_package.delete"},
    "evidence": {"GET": READ},
    "evidence-file": {"GET": READ},
}
# Keys of somebody else: whoever may not see them is told that there are none.
OTHERS = "access_key.edit_others"

# Name of an address -> method, where it matters with "page" or "fragment" -> who passes.
ADDRESSES: dict[str, dict[str, str]] = {
    "icons": {"GET": OPEN},
    "login": {"GET": OPEN, "POST": OPEN},
    "logout": {"GET": OPEN, "POST": OPEN},
    "home": {"GET": SIGNED_IN},
    "group-list": {"GET": READ},
    "group-suggest": {"GET": READ},
    "filter-help": {"GET": SIGNED_IN},
    "group-list-csv": {"GET": READ},
    "group-detail-csv": {"GET": READ},
    "package-list-csv": {"GET": READ},
    "activity-csv": {"GET": READ},
    "activity-log": {"GET": "registry.export_log"},
    "review-csv": {"GET": READ},
    "saved-views": {"GET": "saved_view.edit_own", "POST": "saved_view.edit_own"},
    # Of somebody else, who shares it.
    "saved-view": {"POST": "saved_view.edit_others"},
    "group-create": {"GET": "model_package_group.create", "POST": "model_package_group.create"},
    "group-check-name": {"GET": "model_package_group.create"},
    "group-detail": {"GET": READ},
    "group-timeline": {"GET": READ},
    # As a page it is the form; as a fragment the description to be read.
    "group-description": {
        "GET page": "model_package_group.edit_description",
        "GET fragment": READ,
        "POST": "model_package_group.edit_description",
    },
    "group-tags": {"GET": READ, "POST": "model_package_group.edit_tags"},
    "group-tags-edit": {"GET": "model_package_group.edit_tags"},
    "group-metrics": {"GET": READ, "POST": "model_package_group.edit_metric_choices"},
    "group-compare": {"GET": READ},
    "compare": {"GET": READ},
    "group-delete": {"GET": "model_package_group.delete", "POST": "model_package_group.delete"},
    "deleted-list": {"GET": "model_package.restore"},
    "group-restore": {"POST": "model_package_group.restore"},
    "package-restore": {"POST": "model_package.restore"},
    "package-register": {"GET": "model_package.create", "POST": "model_package.create"},
    "package-register-container": {"GET": READ},
    "package-detail": {"GET": READ},
    "package-review": {"GET": READ, "POST": "model_package.decide"},
    "package-rollback": {"GET": "model_package.decide", "POST": "model_package.decide"},
    "group-rules": {"GET": READ, "POST": "model_package_group.edit_rules"},
    "group-access": {"GET": READ, "POST": "model_package_group.edit_teams"},
    "review-queue": {"GET": READ},
    "review-pane": {"GET": READ},
    **{f"version:{name}": row for name, row in PAIRS.items()},
    # A version has no tags: its addresses explain that to everybody and save nothing.
    "version:tags": {"GET": READ},
    "version:tags-edit": {"GET": READ},
    "package-list": {"GET": READ},
    "unversioned-register": {"GET": "model_package.create", "POST": "model_package.create"},
    "unversioned-register-container": {"GET": READ},
    "unversioned-detail": {"GET": READ},
    **{f"unversioned:{name}": row for name, row in PAIRS.items()},
    "unversioned:tags": {"GET": READ, "POST": "model_package.edit_tags"},
    "unversioned:tags-edit": {"GET": "model_package.edit_tags"},
    # The search names only pages to somebody without a role: nothing that is in the registry.
    "search": {"GET": SIGNED_IN},
    "keyboard": {"GET": SIGNED_IN},
    "where-used": {"GET": READ},
    "activity": {"GET": READ},
    "group-changes": {"GET": READ},
    "group-live": {"GET": READ},
    "package-live": {"GET": READ},
    "access-keys": {"GET": "access_key.edit_own", "POST": "access_key.edit_own"},
    "access-key-new": {"GET": "access_key.edit_own"},
    "access-key": {"GET": OTHERS, "DELETE": OTHERS},
    "access-key-rename": {"GET": OTHERS, "POST": OTHERS},
    "access-key-active": {"POST": OTHERS},
    "access-key-rotate": {"GET": OTHERS, "POST": OTHERS},
    "access-key-delete": {"GET": OTHERS, "POST": OTHERS},
    "user-access-keys": {"GET": OTHERS, "POST": OTHERS},
    "user-access-key-new": {"GET": OTHERS},
    "password-change": {"GET": SIGNED_IN, "POST": SIGNED_IN},
    "user-list": {"GET": "user.read"},
    "user-create": {"GET": "user.edit", "POST": "user.edit"},
    "user-detail": {"GET": "user.edit", "POST": "user.edit"},
}


def addresses(resolver=None, namespace="", prefix=()):
    """Yield (full name, names of its parts) of every address but the admin's."""
    for pattern in (resolver or get_resolver()).url_patterns:
        parts = (*prefix, *re.findall(r"<(?:\w+:)?(\w+)>", str(pattern.pattern)))
        if hasattr(pattern, "url_patterns"):
            if pattern.namespace != "admin":
                inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
                yield from addresses(pattern, inner, parts)
        else:
            yield f"{namespace}{pattern.name}", parts


@pytest.fixture
def world():
    """A group with a version, a package, a user, and for each address the words that fill it."""
    group = make_group("fraud", description=SECRET, tags=[("team", "risk")])
    version = make_version(group, description=SECRET, customer_metadata_properties={"a": "1"})
    package = make_package("sold-model", description=SECRET, customer_metadata_properties={"a": "1"})
    make_user("admin", username="keeper")
    other = make_user("viewer", username="somebody-else")
    keeper = Actor.system("test")
    gone = {
        "group-restore": services.delete_model_package_group(actor=keeper, group=make_group("gone")),
        "package-restore": services.delete_model_package(actor=keeper, package=make_package("gone-too")),
    }
    pairs = {p.package_id: p.pk for p in CustomerMetadataProperty.objects.all()}

    def address(name, parts):
        if name == "icons":
            from registry.web.icons import SPRITE_URL

            return SPRITE_URL
        if name == "saved-views":
            return reverse(name, kwargs={"page": "groups"})
        if name == "saved-view":
            view, _ = SavedView.objects.get_or_create(
                owner=other, page="groups", name="late", is_shared=True, defaults={"saved_at": timezone.now()}
            )
            return reverse(name, kwargs={"page": "groups", "pk": view.pk})
        if name.startswith("user-") and parts:
            return reverse(name, kwargs={"pk": other.pk})
        if name.startswith("access-key") and parts:
            # A fresh one each time: some of these addresses delete it.
            number = AccessKey.objects.count()
            key = AccessKey.objects.create(user=other, name=f"key {number}", key_id=f"AKIA{number}")
            return reverse(name, kwargs={"pk": key.pk})
        if name in ("group-restore", "package-restore"):
            return reverse(name, kwargs={"pk": gone[name].pk})
        owner = package if name.startswith("unversioned") else version
        words = {
            "region": REGION,
            "name": "sold-model" if owner is package else "fraud",
            "version": 1,
            "pk": pairs[owner.pk],
        }
        path = reverse(name, kwargs={part: words[part] for part in parts})
        return f"{path}?after=0" if name.endswith("-live") else path

    return address


def test_every_address_has_a_row():
    assert {name for name, _ in addresses()} == set(ADDRESSES)


def test_every_row_names_an_action_that_there_is():
    assert {n for row in ADDRESSES.values() for n in row.values()} - {OPEN, SIGNED_IN} <= set(MINIMUM_ROLE)


def walk(kind):
    """Every (method, name, who passes): reading first, then forms, removal, and sign-out at the end."""
    rows = []
    for name, row in ADDRESSES.items():
        for method, needed in row.items():
            verb, _, only = method.partition(" ")
            if only in ("", kind):
                rows.append((verb, name, needed))
    order = ["GET", "POST", "DELETE"]
    return sorted(rows, key=lambda row: (row[1] == "logout", order.index(row[0])))


# Lists, which are empty for somebody without a role.
EMPTY = {"compare", "group-list", "group-suggest", "package-list", "unversioned-register-container"}


def refusals(role, name, needed, parts):
    """What somebody of that role gets there whom the row does not let pass."""
    if role is not None:
        # Keys of others are none of those that somebody sees.
        return {404} if needed == OTHERS and name.startswith("access-key") else {403}
    if name in EMPTY:
        return {200}
    if name.endswith("-live"):
        return {204}
    # Where the thing is looked up first, it is not there.
    return {403, 404} if parts else {403}


@pytest.mark.parametrize("role", ROLES, ids=str)
@pytest.mark.parametrize("fragment", [False, True], ids=["page", "fragment"])
def test_browser(world, role, fragment):
    headers = {"HX-Request": "true"} if fragment else {}
    client = person(role)
    names = dict(addresses())
    faults = []
    for method, name, needed in walk("fragment" if fragment else "page"):
        before = Event.objects.count()
        response = client.generic(method, world(name, names[name]), headers=headers)
        where = f"{role} {method} {name}: {response.status_code}"
        if reaches(role, needed):
            # Empty forms are refused as forms, not as persons.
            if response.status_code in (401, 403, 404, 405, 500):
                faults.append(where)
        else:
            if response.status_code not in refusals(role, name, needed, names[name]):
                faults.append(where)
            if SECRET in response.content.decode():
                faults.append(f"{where} shows what it must not")
            if Event.objects.count() != before:
                faults.append(f"{where} changed something")
    assert not faults


def test_strangers_are_led_to_the_sign_in(world):
    faults = []
    names = dict(addresses())
    for method, name, needed in walk("page"):
        page = Client().generic(method, world(name, names[name]))
        part = Client().generic(method, world(name, names[name]), headers={"HX-Request": "true"})
        led = page.status_code == 302 and page["Location"].startswith("/login/?next=")
        led = led and part.status_code == 401 and part["HX-Redirect"].startswith("/login/")
        if led is (needed == OPEN):
            faults.append(f"{method} {name}: {page.status_code}, {part.status_code}")
    assert not faults


# ---------- forms that would save, without their page: sent by everybody in authority/test_every_door.py ----------

FORMS = {
    "group-create": {"name": "new", "region": REGION},
    "group-description": {"description": "New."},
    "group-tags": {"tag": "a=b"},
    "group-metrics": {"leading_metric": "auc", "name": "auc", "direction": "lower"},
    "package-review": {"decision": "Approved", "comment": "Fine."},
    "package-rollback": {"comment": "Worse.", "seen": "0"},
    "group-rules": {"approvals_needed": "2"},
    "group-access": {"team": "Risk"},
    "version:metadata": {"key": "b", "value": "2"},
    "version:metadata-row": {"value": "2", "seen": "1"},
    "version:metadata-remove": {"seen": "1"},
    "version:stage": {"stage": "Staging"},
    "unversioned:metadata": {"key": "b", "value": "2"},
    "unversioned:metadata-row": {"value": "2", "seen": "1"},
    "unversioned:metadata-remove": {"seen": "1"},
    "unversioned:stage": {"stage": "Staging"},
    "unversioned:tags": {"tag": "a=b"},
    "version:delete": {"name": "fraud v1"},
    "unversioned:delete": {"name": "sold-model"},
    "group-delete": {"name": "fraud"},
    "group-restore": {},
    "package-restore": {},
    "user-create": {"username": "new", "role": "viewer", "password": PASSWORD, "password_again": PASSWORD},
    "user-detail": {"change": "role", "role": "admin"},
    "package-register": {"container_image": IMAGE, "container_artifact": "s3://models/a"},
    "unversioned-register": {"name": "new", "region": REGION, "container_image": IMAGE},
    "saved-views": {"name": "mine", "query": "q=a"},
    "saved-view": {"do": "delete"},
    "version:metrics": {},
    "unversioned:metrics": {},
    "access-keys": {"name": "new", "expires": "never"},
    "access-key-rename": {"name": "renamed"},
    "access-key-active": {"active": "off"},
    "access-key-rotate": {},
    "access-key-delete": {},
    "user-access-keys": {"name": "new", "expires": "never"},
}
