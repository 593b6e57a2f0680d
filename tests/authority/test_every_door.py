"""Every door, walked by everybody who might come: a door without a row fails, and who may not changes nothing."""

import json

import pytest
from django.conf import settings as django_settings
from django.contrib import admin as django_admin
from django.contrib.auth.models import Group
from django.core.management import get_commands, load_command_class
from django.db import transaction
from django.test import Client
from django.urls import reverse

from registry.accounts.access_keys import create_access_key
from registry.accounts.models import Role, SignInFailure, User
from registry.accounts.permissions import ACTIONS, MINIMUM_ROLE, Actor
from registry.catalog.models import Check, ModelPackage, ModelPackageGroup
from registry.events.models import Event
from tests.api.test_checks import post
from tests.factories import make_group, make_version
from tests.roles import OPEN, ROLES, SIGNED_IN, reaches
from tests.test_roles import ADDRESSES, FORMS, OTHERS, addresses, world  # noqa: F401 - a fixture
from tests.test_roles_of_services import COMMANDS

from .hidden import OTHER_TEAM, TEAM, limit, make_teams, vote_of
from .tables import OUTSIDER, STRANGER, changed, key_of, tables, visitor

pytestmark = pytest.mark.django_db

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# Address -> what a method without a row gets there, where that is not 405.
ANSWERED_ALL_THE_SAME = {
    ("POST", "home"): 400,  # a form without its token of this browser; with it, the way to the groups
    **{(method, "home"): 302 for method in ("PUT", "PATCH", "DELETE")},
    **{("GET", f"{owner}:metrics"): 302 for owner in ("version", "unversioned")},  # the way back to the page
    ("POST", "version:tags"): 422,
}


# ---------- the table ----------


def test_every_row_says_what_whose_and_in_words():
    kinds = {"registry", "group", "version", "saved view", "access key", "user", "team"}
    for action, rule in ACTIONS.items():
        assert rule.object in kinds and rule.words and rule.role in Role, action
        assert rule.whose == {"_own": "own", "hers": "others"}.get(action[-4:], rule.whose), action
        assert rule.limitable == (rule.object in ("group", "version"))
    words = [rule.words for rule in ACTIONS.values()]
    assert len(words) == len(set(words))


def test_every_action_stands_before_some_door():
    from tests.api.test_roles_of_operations import CALLS
    from tests.test_roles_of_services import SERVICES

    asked = {needed for row in ADDRESSES.values() for needed in row.values()}
    asked |= {needed for rows in CALLS.values() for needed, _ in rows} | {action for action, _ in SERVICES.values()}
    asked |= {action for row in ADMIN.values() for action in row.values()} | set(ACTING.values())
    # Asked inside of a decision and of a shared view, by tests of their own (test_rules, test_saved_views).
    assert set(ACTIONS) - asked <= {"model_package.override", "saved_view.share", *BY_COMMAND}


# ---------- pages, fragments and forms without their page ----------


@pytest.mark.sqlite_only
def test_a_method_without_a_row_is_no_door(world):  # noqa: F811
    client, names, faults = visitor(Role.ADMIN), dict(addresses()), []
    before = tables()
    for name, row in ADDRESSES.items():
        known = {method.split()[0] for method in row}
        for method in [m for m in METHODS if m not in known and name != "logout"]:
            with transaction.atomic():
                path = world(name, names[name])
                status = client.generic(method, path).status_code
                transaction.set_rollback(True)
            if status != ANSWERED_ALL_THE_SAME.get((method, name), 405):
                faults.append(f"{method} {name}: {status}")
    assert not faults
    assert changed(before) == []


def test_every_form_has_a_row():
    posted = {name for name, row in ADDRESSES.items() if row.get("POST", OPEN) not in (OPEN, SIGNED_IN)}
    assert posted == set(FORMS)


@pytest.mark.parametrize("kind", [STRANGER, OUTSIDER, None, Role.VIEWER, Role.CONTRIBUTOR, Role.REVIEWER], ids=str)
def test_a_good_form_from_the_wrong_hands_changes_nothing(world, kind):  # noqa: F811
    """What they get: sign-in, 404 for what is not theirs to know, 403 for the rest."""
    client, names, faults = visitor(kind), dict(addresses()), []
    if kind == OUTSIDER:
        limit(ModelPackageGroup.objects.get(name="fraud"))
    paths = {name: world(name, names[name]) for name in FORMS}
    before = tables()
    for name, form in FORMS.items():
        needed = ADDRESSES[name]["POST"]
        hidden = kind == OUTSIDER and "name" in names[name] and not name.startswith("unversioned")
        if not hidden and (kind == OUTSIDER or (kind != STRANGER and reaches(kind, needed))):
            continue
        status = client.post(paths[name], form).status_code
        # Keys of others are none of those that somebody sees.
        is_key = needed == OTHERS and name.startswith("access-key")
        expected = {302} if kind == STRANGER else {404} if is_key else {403}
        if kind is None or hidden:
            # Where the thing is looked up first, it is not there; where the role is asked first, it does not do.
            expected = {403, 404}
        if status not in expected:
            faults.append(f"{kind} {name}: {status}")
    assert not faults
    assert changed(before) == []


@pytest.mark.parametrize("role", list(Role))
def test_the_same_form_from_the_right_hands_is_taken(world, role):  # noqa: F811
    client, names, faults = visitor(role), dict(addresses()), []
    make_teams([TEAM])
    for name, form in FORMS.items():
        if MINIMUM_ROLE[ADDRESSES[name]["POST"]] != role:
            continue
        with transaction.atomic():
            if name == "group-delete":
                ModelPackageGroup.objects.update(version_count=0)
            if name == "package-rollback":
                group = ModelPackageGroup.objects.get(name="fraud")
                make_version(group, approval_status="Approved"), make_version(group, approval_status="Approved")
            path, before = world(name, names[name]), Event.objects.count()
            if name == "package-rollback":
                path = path.replace("/1/", "/3/")
            response = client.post(path, form)
            # There is no report to be read, which is said and leaves nothing.
            is_told = Event.objects.count() > before or name.endswith(":metrics")
            if response.status_code not in (200, 302) or not is_told:
                faults.append(f"{name}: {response.status_code}")
            transaction.set_rollback(True)
    assert not faults


# ---------- the admin site ----------

# Model -> what its pages and actions need; everything else there is only looked at, which takes an admin.
ADMIN: dict[str, dict[str, str]] = {
    "auth.Group": {"add": "team.edit", "change": "team.edit", "delete": "team.edit"},
    "accounts.User": {"add": "user.edit", "change": "user.edit"},
    "accounts.AccessKey": {},
    "accounts.SignInFailure": {},
    "catalog.ModelPackageGroup": {
        "add": "model_package_group.create",
        "change": "model_package_group.edit_description",
    },
    "catalog.ModelPackage": {
        "change": "model_package.decide",
        "action approve": "model_package.decide",
        "action reject": "model_package.decide",
    },
    "catalog.Check": {},
    "catalog.Container": {},
    "catalog.CustomerMetadataProperty": {},
    "catalog.Metric": {},
    "catalog.SavedView": {},
    "catalog.Tag": {},
    "catalog.TeamAccess": {},
    "catalog.Vote": {},
    "events.Event": {},
}
# The pages of the site that belong to no model, all of them behind AdminSite.admin_view or the registry's own.
SITE = {"index", "login", "logout", "password_change", "password_change_done", "autocomplete", "jsi18n", "view_on_site",
        "app_list"}  # fmt: skip


def sites():
    return {model._meta.label: site for model, site in django_admin.site._registry.items()}


def test_every_model_and_action_of_the_admin_site_has_a_row(rf):
    assert set(sites()) == set(ADMIN)
    request = rf.get("/admin/")
    request.user = User(is_superuser=True)
    for label, site in sites().items():
        actions = {f"action {name}" for name in site.get_actions(request)}
        assert actions == {name for name in ADMIN[label] if name.startswith("action ")}, label
        may_add = site.has_add_permission(request)
        assert may_add == ("add" in ADMIN[label]), label
    own = {pattern.name for pattern in django_admin.site.get_urls() if getattr(pattern, "name", None)}
    models = {f"{m._meta.app_label}_{m._meta.model_name}" for m in django_admin.site._registry}
    assert {name for name in own if name.rpartition("_")[0] not in models} <= SITE


@pytest.fixture
def rows(world):  # noqa: F811
    """A row of each model."""
    keeper = Actor.system("test")
    version = ModelPackage.objects.get(version=1)
    make_version(version.group, metrics=[("auc", 0.9)])
    make_teams([OTHER_TEAM])
    limit(make_group("limited"))
    create_access_key(actor=keeper, user=User.objects.get(username="keeper"), name="pipeline")
    vote_of(User.objects.get(username="keeper"), version)
    Check.objects.create(package=version, name="ci", state="success", reported_at=version.created_at, slot=0)
    SignInFailure.objects.create(account="x", address="192.0.2.1", at=version.created_at)
    world("saved-view", ("page", "pk"))
    made = {label: site.model._default_manager.order_by("pk").first() for label, site in sites().items()}
    made |= {"auth.Group": Group.objects.get(name=OTHER_TEAM), "catalog.ModelPackage": version}
    assert all(made.values())
    return made


def admin_doors(made):
    """(label, what is done, path, form) of every page and action of every model."""
    for label, site in sites().items():
        name = f"admin:{site.opts.app_label}_{site.opts.model_name}"
        yield label, "list", reverse(f"{name}_changelist"), None
        yield label, "add", reverse(f"{name}_add"), None
        for view in ("change", "delete", "history"):
            yield label, view, reverse(f"{name}_{view}", args=[made[label].pk]), None
        for action in ADMIN[label]:
            if action.startswith("action "):
                form = {"action": action[7:], "_selected_action": made[label].pk}
                yield label, action, reverse(f"{name}_changelist"), form
        yield label, "delete", reverse(f"{name}_delete", args=[made[label].pk]), {"post": "yes"}
    yield "", "list", reverse("admin:index"), None
    yield "", "list", reverse("admin:app_list", args=["catalog"]), None


@pytest.mark.sqlite_only
@pytest.mark.parametrize("kind", [STRANGER, OUTSIDER, *ROLES], ids=str)
def test_the_admin_site_is_for_admins_and_saves_by_its_rows(rows, kind):
    client, faults = visitor(kind), []
    # An old row may have Django's flag: the role decides.
    User.objects.filter(username__startswith="the-").update(is_staff=True)
    before = tables()
    for label, view, path, form in admin_doors(rows):
        with transaction.atomic():
            response = client.get(path) if form is None else client.post(path, form)
            status, after = response.status_code, changed(before) if form is not None else []
            transaction.set_rollback(True)
        known = view in ("list", "history") or view in ADMIN.get(label, {})
        if kind != Role.ADMIN:
            good = status == 302 and response["Location"].startswith(("/admin/login/", "/login/")) and not after
        elif form is not None:
            good = (status == 302) == known and bool(after) == known
        else:
            # Without a row for it, the page of a row is there to be read.
            good = status in (200, 302) if known or view == "change" else status == 403
        if not good:
            faults.append(f"{kind} {label} {view}: {status} {after}")
    assert not faults
    assert changed(before) == []


# ---------- the wire, unsigned and at the check endpoint ----------

# What answers before the addresses of the urlconf do: who asks there whom.
IN_FRONT = {
    "registry.monitoring.requests.RequestMiddleware": "answers nothing",
    "registry.web.compression.CompressionMiddleware": "packs what was answered",
    "registry.web.scraping.ScrapeMiddleware": "/metrics for a token: tests/operations/test_metrics.py",
    "registry.web.health.HealthMiddleware": "open: says only whether the server can serve",
    "registry.web.middleware.PublicAddressMiddleware": "answers nothing",
    "registry.api.sagemaker.views.SageMakerDoor": "tests/api/test_roles_of_operations.py",
    "registry.api.checks.ChecksDoor": "model_package.report_check",
    "registry.web.middleware.ContentPolicyMiddleware": "answers nothing",
    "registry.web.middleware.PrivatePagesMiddleware": "answers nothing",
    "registry.web.middleware.CapacityMiddleware": "answers 503 only",
    "registry.web.middleware.RefuseBrokenInputMiddleware": "answers 400 only",
    "registry.web.middleware.SignInRequiredMiddleware": "answers with the sign-in only",
    "registry.web.refusals.RefusalsMiddleware": "answers with refusals only",
}
# Doors without an address in the urlconf -> the action they ask for.
ACTING = {"ChecksDoor": "model_package.report_check"}


def test_everything_in_front_of_the_addresses_has_a_row():
    assert {name for name in django_settings.MIDDLEWARE if name.startswith("registry.")} == set(IN_FRONT)


def test_an_unsigned_call_is_nobodys(settings):
    from registry.api.sagemaker.operations import OPERATIONS

    settings.ALLOWED_HOSTS = ["registry.test", "testserver"]
    before = tables()
    for operation in OPERATIONS:
        headers = {"X-Amz-Target": f"SageMaker.{operation}"}
        answer = Client().post("/", "{}", content_type="application/x-amz-json-1.1", headers=headers)
        assert json.loads(answer.content)["__type"] == "MissingAuthenticationTokenException"
    answer = Client().post("/api/checks/", "{}", content_type="application/json")
    assert json.loads(answer.content)["__type"] == "MissingAuthenticationTokenException"
    assert changed(before) == []


@pytest.mark.parametrize(
    ("role", "narrowed"), [(None, False), *((role, narrowed) for role in Role for narrowed in (False, True))], ids=str
)
def test_a_check_takes_its_role_of_the_user_and_of_the_key(settings, role, narrowed):
    settings.ALLOWED_HOSTS = ["registry.test", "testserver"]
    version, key = make_version(make_group("fraud")), key_of(role, narrowed=narrowed)
    body = {"ModelPackageName": "fraud/1", "Name": "ci", "State": "success"}
    before = tables()
    status, answer = post(key, body)
    if role is not None and reaches(role, ACTING["ChecksDoor"]):
        assert status == 200 and version.checks.count() == 1
    else:
        assert answer["__type"] == "AccessDeniedException" and changed(before) == []


# ---------- commands ----------

# Commands that act as a user who is named -> what that user needs; all others act as the system, or write nothing:
# whoever runs them owns the database.
BY_COMMAND = {
    "registry.import": {"importdump", "importsagemaker"},
    # Only who reaches the machine runs them: they take no user.
    "registry.back_up": set(),
    "registry.restore": set(),
}


def test_every_command_that_takes_a_user_has_a_row():
    own = {name: app for name, app in get_commands().items() if str(app).startswith("registry.")}
    assert set(own) == set(COMMANDS)
    acting = set()
    for name, app in own.items():
        parser = load_command_class(app, name).create_parser("manage.py", name)
        acting |= {name for action in parser._actions if "--as" in action.option_strings}
    assert acting == set().union(*BY_COMMAND.values()) == {name for name, takes in COMMANDS.items() if takes}
