"""The activity page and the sentences that it is made of."""

from datetime import timedelta

import pytest
from django.utils import timezone

from registry.accounts import services as accounts
from registry.accounts.permissions import Actor
from registry.catalog import services
from registry.events.models import Event
from registry.events.services import CATEGORIES
from registry.web import sentences
from registry.web.sentences import tell
from tests.factories import an_actor, make_group, make_package, make_user, make_version
from tests.log import behind_the_triggers

pytestmark = pytest.mark.django_db

HX = {"HX-Request": "true"}


@pytest.fixture
def viewer(client):
    user = make_user("viewer", username="vera")
    client.force_login(user)
    return client


def last():
    return tell(Event.objects.order_by("-id").first())


def said(**options):
    return [tell(event, **options).text for event in Event.objects.order_by("id")]


# ---------- sentences ----------


def test_every_kind_has_a_teller():
    assert set(sentences.TELLERS) == set(CATEGORIES)


def test_the_story_of_a_group_in_sentences():
    admin = an_actor("admin")
    group = make_group("fraud", tags=[("tier", "standard")])
    version = make_version(group)
    services.update_approval_status(actor=admin, package=version, approval_status="Rejected", comment="Wrong sign.")
    services.update_approval_status(actor=admin, package=version, approval_status="Approved", comment="Mended.")
    services.update_approval_status(actor=admin, package=version, approval_status="Approved", comment="Still fine.")
    services.update_approval_status(actor=admin, package=version, approval_status="PendingManualApproval")
    services.update_model_life_cycle(actor=admin, package=version, stage="Staging", stage_status="Ready")
    services.update_model_life_cycle(actor=admin, package=version, stage="Production", stage_status="Ready")
    services.update_customer_metadata(actor=admin, package=version, put={"feature_set": "nordic-2"})
    services.update_customer_metadata(actor=admin, package=version, put={"feature_set": "nordic-3"})
    services.update_customer_metadata(actor=admin, package=version, put={"a": "1", "b": "2"}, remove=["feature_set"])
    services.update_customer_metadata(actor=admin, package=version, remove=["a", "b"])
    services.set_tags(actor=admin, owner=group, tags=[("pii", "yes")])
    services.update_model_package_group_description(actor=admin, group=group, description="Finds fraud.")
    services.update_model_package_group_description(actor=admin, group=group, description="")
    assert said() == [
        "created group fraud",
        "registered fraud v1",
        "rejected fraud v1",
        "approved fraud v1",
        "commented on fraud v1",
        "put fraud v1 back to Waiting",
        "moved fraud v1 to Staging",
        "moved fraud v1 from Staging to Production",
        "set feature_set to nordic-2 on fraud v1",
        "set feature_set to nordic-3 on fraud v1, was nordic-2",
        "changed metadata of fraud v1: added a=1, b=2; removed feature_set=nordic-3",
        "removed a, b from fraud v1",
        "changed tags of fraud: added pii=yes; removed tier=standard",
        "changed the description of fraud",
        "removed the description of fraud",
    ]
    told = [tell(event) for event in Event.objects.order_by("id")]
    assert [(s.icon, s.tone, s.quote) for s in told[2:5]] == [
        ("x", "bad", "Wrong sign."),
        ("check", "ok", "Mended."),
        ("message-square", "", "Still fine."),
    ]
    assert 'href="/groups/us-east-1/fraud/versions/1/"' in told[1].words


def test_sentences_about_packages_users_and_doors():
    make_package("sold-model", approval_status="Approved")
    assert last().text == "registered sold-model as Approved"
    assert 'href="/packages/us-east-1/sold-model/"' in last().words
    user = make_user("viewer", username="vera")
    assert last().text == "made the user vera with the role viewer"
    accounts.set_role(actor=Actor.system(), user=user, role="reviewer")
    assert (last().text, last().via) == ("changed the role of vera from viewer to reviewer", "command")
    accounts.set_active(actor=Actor.system(), user=user, active=False)
    assert last().text == "deactivated vera"
    accounts.set_active(actor=Actor.system(), user=user, active=True)
    accounts.set_password(actor=Actor.of(user, "browser"), user=user, password="a-long-password-of-hers")
    assert (last().actor, last().text, last().via) == ("vera", "changed their password", "")


def test_short_unlinked_and_region():
    make_version(make_group("fraud"))
    event = Event.objects.get(kind="model_package.created")
    assert tell(event, short=True).text == "registered v1"
    assert "<a" not in tell(event, linked=False).words
    assert tell(event, region=True).text == "registered fraud v1 in us-east-1"


def test_what_people_wrote_is_escaped_and_cut():
    version = make_version(make_group("fraud"))
    services.update_customer_metadata(actor=an_actor(), package=version, put={"k" * 128: "=+@" + "x" * 200})
    assert "…" in last().text and len(last().text) < 200
    event = Event(kind="user.created", target="<script>x</script>", actor_name="<b>", at=timezone.now(), pk=1)
    assert "&lt;script&gt;" in tell(event).words


@pytest.mark.parametrize("kind", [*CATEGORIES, "later.kind"])
@pytest.mark.parametrize("state", [None, {}, [], {"Tags": None}, {"ModelLifeCycle": 3, "Metrics": 1, "role": None}])
def test_odd_rows_are_told_too(kind, state):
    event = Event(pk=1, kind=kind, at=timezone.now(), actor_name="a", door="mlflow", before=state, after=state)
    assert tell(event).words


# ---------- the page ----------


def page(client, query="", **headers):
    response = client.get(f"/activity/{query}", headers=headers)
    assert response.status_code == 200
    return response.content.decode()


def test_nothing_yet(client):
    user = make_user("viewer", username="vera")
    with behind_the_triggers():
        Event.objects.all().delete()
    client.force_login(user)
    assert "Nothing has happened yet" in page(client)


def test_feed_is_grouped_by_day_newest_first(viewer):
    group = make_group("fraud")
    for _ in range(3):
        make_version(group)
    now = timezone.now().replace(hour=12)
    ids = list(Event.objects.order_by("id").values_list("pk", flat=True))
    with behind_the_triggers():
        for days, pk in zip((3, 1, 1, 0, 0), ids, strict=True):
            Event.objects.filter(pk=pk).update(at=now - timedelta(days=days))
    html = page(viewer)
    assert html.index("Today") < html.index("v3<") < html.index("Yesterday") < html.index("v1<")
    assert html.count('class="daygroup"') == 3
    assert "12:" in html


def test_filters_by_type_group_and_person(viewer):
    fraud, churn = make_group("fraud"), make_group("churn", actor=an_actor("contributor"))
    version = make_version(fraud)
    services.update_approval_status(
        actor=an_actor("reviewer"), package=version, approval_status="Approved", comment="Good"
    )
    assert "approved" in page(viewer, "?type=review")
    assert "registered" not in page(viewer, "?type=review")
    html = page(viewer, f"?group=us-east-1/{churn.name}")
    assert "created group" in html and "approved" not in html
    html = page(viewer, "?actor=any-reviewer")
    assert "approved" in html and "created group" not in html
    assert '<option value="any-reviewer" selected>' in html
    assert "Nothing like this has happened" in page(viewer, "?type=tags&group=us-east-1/fraud")
    assert "Nothing like this has happened" in page(viewer, "?group=nowhere&actor=nobody")


def test_import_shows_one_line(viewer):
    version = make_version(make_group("fraud"))
    with behind_the_triggers():
        Event.objects.filter(package_id=version.pk).update(in_feed=False)
    assert "registered" not in page(viewer)


def test_fragment_is_the_part_of_the_page(viewer):
    make_version(make_group("fraud"))
    html, part = page(viewer), page(viewer, **HX)
    assert part.strip().startswith('<div id="activity-list">')
    assert part[: part.index('<span id="activity-keeps"')].strip() in html
    assert "Vary" in viewer.get("/activity/", headers=HX) and "<html" not in part


def test_older_events_follow_by_id(viewer):
    group = make_group("fraud")
    for _ in range(60):
        make_version(group, inference_specification=None)
    html = page(viewer)
    assert html.count("feed__item") == 50
    oldest = Event.objects.order_by("-id")[49].pk
    assert f"?before={oldest}" in html
    more = page(viewer, f"?before={oldest}", **HX)
    assert more.count("feed__item") == 12
    assert "loadmore" not in more and 'id="activity-list"' not in more
    assert '<h2 class="vh">Today</h2>' in more  # said above already
    alone = page(viewer, f"?before={oldest}")
    assert "Newest activity" in alone and alone.count("feed__item") == 12


def test_load_older_keeps_the_filters(viewer):
    group = make_group("fraud")
    for _ in range(51):
        make_version(group, inference_specification=None)
    html = page(viewer, "?type=registration&group=us-east-1/fraud", **HX)
    assert "?type=registration&amp;group=us-east-1%2Ffraud&amp;before=" in html


@pytest.mark.parametrize("before", ["x", "-1", "9" * 30, "1 OR 1"])
def test_a_broken_place_is_a_400(viewer, before):
    assert viewer.get("/activity/", {"before": before}).status_code == 400


def test_a_subject_that_is_gone_is_named_without_a_link(viewer):
    group = make_group("fraud")
    make_version(group)
    type(group).objects.filter(pk=group.pk).update(deleted_at=timezone.now())
    html = page(viewer)
    assert "<b>fraud v1</b>" in html and 'href="/groups/us-east-1/fraud/' not in html


def test_region_is_said_only_where_there_are_several(viewer):
    make_group("fraud")
    assert " in us-east-1" not in page(viewer)
    make_group("fraud", region="eu-west-1")
    assert " in us-east-1" in page(viewer)


@pytest.mark.parametrize("rows", [1, 100])
def test_the_same_few_queries_for_one_and_for_a_hundred(viewer, django_assert_num_queries, rows):
    group = make_group("fraud")
    for _ in range(rows):
        make_version(group, inference_specification=None)
    with django_assert_num_queries(6):
        page(viewer)


def test_without_a_role_there_is_nothing_to_read(viewer):
    from registry.accounts.models import User

    User.objects.get().groups.clear()
    response = viewer.get("/activity/")
    assert response.status_code == 403
    assert "no role yet" in response.content.decode()


def test_the_filter_box_narrows_the_feed_beside_the_choices(viewer):
    fraud = make_group("fraud", tags=[("team", "a")])
    make_version(fraud)
    make_group("churn", actor=an_actor("contributor"))
    html = page(viewer, "?q=by:any-contributor+OR+type:review")
    assert html.count("feed__item") == 1 and "churn" in html
    assert page(viewer, "?q=tag:team=a&type=registration").count("feed__item") == 2
    assert page(viewer, "?q=group:fr*+-type:tags").count("feed__item") == 2
    html = page(viewer, "?q=status:approved+fraud")
    assert "For decisions use type:review." in html and html.count("feed__item") == 2
    part = page(viewer, "?q=fraud&type=registration", **HX)
    assert '<input type="hidden" name="q" value="fraud">' in part, "the choices keep the filter"
    assert '<input type="hidden" name="type" value="registration">' in part, "and the box the choices"
