"""Teams: who is in them, which groups are theirs, and that a change counts at the next request."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError
from django.test.utils import CaptureQueriesContext

from registry.accounts import teams
from registry.accounts.models import Role, User
from registry.accounts.permissions import Actor
from registry.accounts.services import set_active, set_role
from registry.catalog import services
from registry.catalog.errors import Conflict, NotFound, RulesNotMet
from registry.catalog.models import ModelPackage, ModelPackageGroup, TeamAccess
from registry.catalog.rules import ReviewRules
from registry.events.models import Event
from registry.web.sentences import tell
from tests.factories import REGION, make_group, make_version
from tests.test_roles_of_services import SERVICES
from tests.web.admin_forms import address, save

from .asking import ARN_OF_VERSION, call, key_of, signed_in
from .hidden import HIDDEN, OTHER_TEAM, TEAM, fill_hidden, fill_open, limit, make_teams, member, vote_of

pytestmark = pytest.mark.django_db

SYSTEM = Actor.system("test")
MAKES = "create_model_package_group"  # of no group yet
ON_GROUPS = [n for n, (action, _) in SERVICES.items() if action.startswith("model_package") and n != MAKES]
ACCESS = f"/groups/{REGION}/{HIDDEN}/access/"


@pytest.fixture(autouse=True)
def host(settings):
    settings.ALLOWED_HOSTS = ["registry.test", "testserver"]


def told():
    """The newest event as a sentence, with its before and after."""
    event = Event.objects.latest("id")
    return tell(event).text, event.before, event.after


# ---------- services ----------


class Unseeing(Actor):
    """May do everything, and is in no team: what authorize has to hold up on its own."""

    def may(self, action):
        return True


@pytest.mark.parametrize("name", ON_GROUPS)
def test_no_service_works_on_what_is_hidden(name):
    group = limit(make_group(HIDDEN, tags=[("team", "risk")]))
    version, ola = make_version(group), member("viewer", "ola", OTHER_TEAM)
    made = dict.fromkeys(("version", "decided", "newest", "package", "deleted"), version)
    made |= dict.fromkeys(("group", "empty", "deleted_group"), group)
    events = Event.objects.count()
    with pytest.raises(NotFound):
        SERVICES[name][1](Unseeing(name="ola", role=Role.VIEWER, door="browser", user=ola), made)
    assert Event.objects.count() == events


def test_limiting_and_opening_a_group_is_told():
    group = make_group("fraud")
    limit(group, TEAM, OTHER_TEAM)
    ids = [teams.Group.objects.get(name=name).pk for name in ("Risk", "Sales")]
    after = {"Teams": ["Risk", "Sales"], "TeamIds": ids}
    assert told() == ("limited fraud to Risk, Sales", {"Teams": []}, after)
    assert Event.objects.latest("id").category == "access"
    events = Event.objects.count()
    limit(group, OTHER_TEAM, TEAM)
    assert Event.objects.count() == events
    services.set_group_teams(actor=SYSTEM, group=group, teams=[])
    before, after = {"Teams": ["Risk", "Sales"]}, {"Teams": [], "TeamIds": []}
    assert told() == ("opened fraud to everybody with a role", before, after)


@pytest.mark.parametrize("name", ["Nobody's", "admin"])
def test_only_teams_that_there_are_and_no_role_can_limit(name):
    group = make_group("fraud")
    member("admin", "ada")
    with pytest.raises(ValidationError) as refused:
        services.set_group_teams(actor=SYSTEM, group=group, teams=[name])
    assert refused.value.message_dict == {"teams": [f"There is no team {name}."]}


def test_teams_that_somebody_else_changed_are_a_conflict():
    group = limit(make_group("fraud"))
    with pytest.raises(Conflict) as conflict:
        services.set_group_teams(actor=SYSTEM, group=group, teams=[], seen=services.digest_of_teams([]))
    assert conflict.value.current == [TEAM] and conflict.value.changed_by == "system"


def test_members_of_teams_are_told():
    user = member("viewer", "ola", TEAM)
    teams.set_user_teams(actor=SYSTEM, user=user, teams=[])
    assert told() == ("took ola out of Risk", {"Teams": ["Risk"]}, {"Teams": []})
    make_teams([OTHER_TEAM])
    teams.set_user_teams(actor=SYSTEM, user=user, teams=[TEAM])
    teams.set_user_teams(actor=SYSTEM, user=user, teams=[OTHER_TEAM])
    assert told()[0] == "added ola to Sales and took the user out of Risk"
    assert user.role == Role.VIEWER
    with pytest.raises(ValidationError):
        teams.set_user_teams(actor=SYSTEM, user=user, teams=["admin"])
    assert User.objects.get(pk=user.pk).role == Role.VIEWER


@pytest.mark.parametrize("name", ["", "  ", "x" * 151, "two\nlines", "Admin", "viewer", "risk"])
def test_a_team_has_a_name_of_its_own_that_is_no_role(name):
    make_teams([TEAM, OTHER_TEAM])
    other = teams.all_teams().get(name=OTHER_TEAM)
    for refused in (
        lambda: teams.create_team(actor=SYSTEM, name=name),
        lambda: teams.rename_team(actor=SYSTEM, team=other, name=name),
    ):
        with pytest.raises(ValidationError) as error:
            refused()
        assert "name" in error.value.message_dict
    assert list(teams.all_teams().values_list("name", flat=True)) == [TEAM, OTHER_TEAM]


def test_a_team_keeps_its_groups_under_another_name_and_cannot_go_while_it_has_some():
    group, user = limit(make_group("fraud")), member("viewer", "ola", TEAM)
    team = teams.rename_team(actor=SYSTEM, team=teams.all_teams().get(), name="Credit risk")
    assert told()[0] == "renamed the team Risk to Credit risk"
    assert ModelPackageGroup.objects.visible_to(User.objects.get(pk=user.pk)).exists()
    with pytest.raises(ValidationError) as refused:
        teams.delete_team(actor=SYSTEM, team=team)
    assert "Credit risk limits who sees fraud" in str(refused.value)
    with pytest.raises(ProtectedError):
        team.delete()
    # Where Django is not asked, the database refuses what would open the group.
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM accounts_user_groups WHERE group_id = %s", [team.pk])
        cursor.execute("DELETE FROM auth_group WHERE id = %s", [team.pk])
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE") if connection.vendor == "postgresql" else None
        connection.check_constraints()
    services.set_group_teams(actor=SYSTEM, group=group, teams=[])
    teams.delete_team(actor=SYSTEM, team=team)
    assert told()[:2] == ("deleted the team Credit risk", {"name": "Credit risk", "Members": ["ola"]})


# ---------- the page and the admin site ----------


def test_an_admin_chooses_teams_on_the_page_and_others_read_it():
    make_group(HIDDEN)
    make_teams([TEAM])
    ada, ina = signed_in(member("admin", "ada")), signed_in(member("viewer", "ina", TEAM))
    for client in (ada, ina):
        assert "Everybody with a role sees this group." in client.get(ACCESS).content.decode()
    assert 'name="team"' not in ina.get(ACCESS).content.decode()
    seen = services.digest_of_teams([])
    assert ada.post(ACCESS, {"team": ["Nobody"], "seen": seen}).status_code == 422
    assert ada.post(ACCESS, {"team": [TEAM], "seen": seen})["Location"] == ACCESS
    stale = ada.post(ACCESS, {"seen": seen})
    assert stale.status_code == 409 and "ada" in stale.content.decode()
    assert "Members of <b>Risk</b> see this group" in ina.get(ACCESS).content.decode()
    assert ina.post(ACCESS, {"seen": seen}).status_code == 403
    assert signed_in(member("reviewer", "ola")).post(ACCESS, {"seen": seen}).status_code == 404


def test_the_admin_site_keeps_teams_members_and_limits_through_the_services():
    group, ola = make_group("fraud"), member("viewer", "ola")
    ada = signed_in(member("admin", "ada"))
    Group = teams.Group
    save(ada, address(Group, "add"), name=TEAM)
    team = Group.objects.get(name=TEAM)
    save(ada, address(ola), teams=TEAM)
    save(ada, address(group), limited_to=TEAM)
    save(ada, address(team), name="Credit risk")
    kinds = ["team.created", "user.teams_changed", "model_package_group.teams_changed", "team.renamed"]
    assert list(Event.objects.filter(door="admin").order_by("id").values_list("kind", flat=True)) == kinds
    assert "ola" in ada.get(address(team)).content.decode()
    delete = address(team).replace("/change/", "/delete/")
    assert "Cannot delete group" in ada.post(delete, {"post": "yes"}).content.decode()
    assert Group.objects.filter(pk=team.pk).exists()
    save(ada, address(ola), username="ola")  # a form that says nothing of teams changes none
    services.set_group_teams(actor=SYSTEM, group=group, teams=[])
    assert ada.post(delete, {"post": "yes"}).status_code == 302
    assert Event.objects.latest("id").kind == "team.deleted"
    role = Group.objects.get(name="viewer")
    assert ada.post(address(role).replace("/change/", "/delete/"), {"post": "yes"}).status_code == 403
    assert ada.post(address(role), {"name": "x"}).status_code == 403


# ---------- it counts at the next request ----------


def sees(client, key):
    page = client.get(f"/groups/{REGION}/{HIDDEN}/").status_code
    index = HIDDEN in client.get("/groups/").content.decode()
    code = call(key, "DescribeModelPackage", ModelPackageName=ARN_OF_VERSION)[1]
    assert (page == 200) == index == (code == "")
    return index


def test_a_change_of_team_role_key_or_group_counts_at_the_next_request():
    group = make_group(HIDDEN)
    make_version(group)
    user, _ = member("viewer", "ola", OTHER_TEAM), member("admin", "ada")
    client, key = signed_in(user), key_of(user)
    assert sees(client, key)
    limit(group)
    assert not sees(client, key)
    teams.set_user_teams(actor=SYSTEM, user=user, teams=[TEAM])
    assert sees(client, key)
    teams.set_user_teams(actor=SYSTEM, user=user, teams=[])
    assert not sees(client, key)
    limit(group, TEAM, OTHER_TEAM)
    teams.set_user_teams(actor=SYSTEM, user=user, teams=[OTHER_TEAM])
    assert sees(client, key)
    limit(group, TEAM)
    assert not sees(client, key)
    set_role(actor=SYSTEM, user=user, role="admin")
    assert sees(client, key)
    narrowed = key_of(user, "viewer")
    assert call(narrowed, "DescribeModelPackageGroup", ModelPackageGroupName=HIDDEN)[1] == "ValidationException"
    set_role(actor=SYSTEM, user=user, role="viewer")
    assert not sees(client, key)
    services.set_group_teams(actor=SYSTEM, group=group, teams=[])
    assert sees(client, key)
    user.access_keys.update(role="viewer", is_active=False)
    assert call(key, "ListModelPackageGroups")[1] == "UnrecognizedClientException"
    user.access_keys.update(is_active=True)
    set_active(actor=SYSTEM, user=user, active=False)
    assert client.get("/groups/").status_code == 302
    assert call(key, "ListModelPackageGroups")[1] == "UnrecognizedClientException"


# ---------- votes ----------


def test_votes_count_while_their_giver_could_give_them():
    group = make_group("fraud")
    version = make_version(group)
    ana, ben, _ = member("reviewer", "ana", TEAM), member("admin", "ben", OTHER_TEAM), member("admin", "ada")
    for user in (ana, ben):
        vote_of(user, version)

    def counted():
        return sorted(version.votes.counting().values_list("user_name", flat=True))

    assert counted() == ["ana", "ben"]
    set_role(actor=SYSTEM, user=ana, role="contributor")
    assert counted() == ["ben"]
    set_role(actor=SYSTEM, user=ana, role="reviewer")
    set_active(actor=SYSTEM, user=ana, active=False)
    assert counted() == ["ben"]
    set_active(actor=SYSTEM, user=ana, active=True)
    limit(group, TEAM)
    assert counted() == ["ana", "ben"]
    set_role(actor=SYSTEM, user=ben, role="reviewer")
    assert counted() == ["ana"]
    services.set_group_teams(actor=SYSTEM, group=group, teams=[])
    assert counted() == ["ana", "ben"]


def test_an_approval_does_not_rest_on_the_vote_of_somebody_demoted_since():
    group = make_group("fraud")
    services.update_review_rules(actor=SYSTEM, group=group, rules=ReviewRules(approvals_needed=2))
    version = make_version(group)
    ana, ben = member("reviewer", "ana"), member("reviewer", "ben")

    def approve(user, door):
        actor = Actor.of(User.objects.get(pk=user.pk), door)
        return services.update_approval_status(actor=actor, package=version, approval_status="Approved")

    assert not approve(ana, "browser").is_approved
    set_role(actor=SYSTEM, user=ana, role="viewer")
    with pytest.raises(RulesNotMet):
        approve(ben, "sagemaker")
    page = signed_in(ben).get(f"/groups/{REGION}/fraud/versions/1/").content.decode()
    assert "0 of 2 approvals" in page
    set_role(actor=SYSTEM, user=ana, role="reviewer")
    assert approve(ben, "sagemaker").is_approved


def test_an_undo_does_not_bring_an_approval_back_that_rested_on_somebody_demoted_since():
    group = make_group("fraud")
    services.update_review_rules(actor=SYSTEM, group=group, rules=ReviewRules(approvals_needed=2))
    version = make_version(group)
    ana, ben, cem = (member("reviewer", name) for name in ("ana", "ben", "cem"))
    for user, status in ((ana, "Approved"), (ben, "Approved"), (cem, "Rejected")):
        services.update_approval_status(actor=Actor.of(user, "browser"), package=version, approval_status=status)
    set_role(actor=SYSTEM, user=ana, role="contributor")
    with pytest.raises(RulesNotMet):
        services.undo_decision(actor=Actor.of(cem, "browser"), package=version)
    set_role(actor=SYSTEM, user=ana, role="reviewer")
    assert services.undo_decision(actor=Actor.of(cem, "browser"), package=version).is_approved


# ---------- what it costs ----------


def test_without_a_limited_group_no_query_asks_for_teams_but_the_one_for_who_asks():
    fill_open()
    user = member("reviewer", "ola", OTHER_TEAM)
    client, key = signed_in(user), key_of(user)
    call(key, "ListModelPackageGroups")
    for ask in (
        lambda: client.get("/groups/"),
        lambda: client.get(f"/groups/{REGION}/open/"),
        lambda: client.get("/activity/"),
        lambda: client.get("/review/", {"who": "decided"}),
        lambda: client.get("/search/", {"q": "open"}),
        lambda: call(key, "DescribeModelPackageGroup", ModelPackageGroupName="open"),
        lambda: call(key, "ListModelPackages", ModelPackageGroupName="open"),
        lambda: call(key, "CreateModelPackage", ModelPackageGroupName="open"),
        lambda: call(key, "Search", Resource="ModelPackage"),
    ):
        with CaptureQueriesContext(connection) as asked:
            ask()
        about = [q["sql"] for q in asked if "teamaccess" in q["sql"] and "catalog_vote" not in q["sql"]]
        assert len(about) == 1 and "accounts_user" in about[0]


def test_who_misses_nothing_asks_as_if_there_were_no_teams():
    fill_hidden()
    for user in (member("admin", "ada"), member("viewer", "ina", TEAM)):
        for rows in (ModelPackage.objects, ModelPackageGroup.objects):
            assert "teamaccess" not in str(rows.visible_to(user).query)
    assert TeamAccess.objects.count() == 3
