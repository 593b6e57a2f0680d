"""Groups in the admin site: tags with the same limits and messages, every save through the services."""

import pytest

from registry.accounts.permissions import Actor
from registry.catalog import services
from registry.catalog.models import ModelPackageGroup
from tests.factories import an_actor, make_group, make_user

from .admin_forms import address, form_of, kinds, save

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(as_role):
    return as_role("admin")


def test_group_is_made_with_tags_through_the_service(admin):
    save(
        admin,
        address(ModelPackageGroup, "add"),
        name="fraud",
        description="Finds it.",
        tags__0__key="team",
        tags__0__value="risk",
    )
    group = ModelPackageGroup.objects.get()
    assert (group.region, group.created_by_name) == ("us-east-1", "admin")
    assert [str(tag) for tag in group.tags.all()] == ["team=risk"]
    assert kinds()[-1] == ("model_package_group.created", "admin")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "a b"}, "Spaces are not allowed. Use hyphens between words."),
        ({"name": "x" * 64}, "at most 63"),
        ({"name": "taken"}, "The name taken is taken in us-east-1."),
        ({"region": "X"}, "A region has 9 to 16 characters"),
        ({"description": "x" * 1025}, "at most 1024"),
        ({"tags__0__key": "aws:x", "tags__0__value": "1"}, "Keys that begin with aws: are reserved."),
        ({"tags__0__key": "", "tags__0__value": "1"}, "This field is required."),
        ({"tags__0__key": "a;b"}, "is not allowed here"),
    ],
)
def test_group_is_refused_at_the_field_and_what_was_typed_stays(admin, changes, words):
    make_group("taken")
    values = {"name": "fraud", "tags__0__key": "team", **changes}
    url = address(ModelPackageGroup, "add")
    form = form_of(admin, url) | {name.replace("__", "-"): value for name, value in values.items()}
    response = admin.post(url, form)
    html = response.content.decode()
    assert response.status_code in (200, 422) and words in html
    assert f'value="{values["name"]}"' in html
    assert ModelPackageGroup.objects.count() == 1


def test_group_description_and_tags_change_with_one_event_each(admin):
    group = make_group("fraud", description="One.\nTwo.", tags=[("team", "risk"), ("tier", "low")])
    save(
        admin,
        address(group),
        description="Three.",
        tags__0__value="fraud",
        tags__1__DELETE="on",
        tags__2__key="pii",
        tags__2__value="yes",
    )
    group.refresh_from_db()
    assert group.description == "Three." and group.updated_by_name == "admin"
    assert [str(tag) for tag in group.tags.all()] == ["team=fraud", "pii=yes"]
    assert kinds()[-2:] == [
        ("model_package_group.description_changed", "admin"),
        ("model_package_group.tagged", "admin"),
    ]
    before = kinds()
    save(admin, address(group))
    assert kinds() == before


def test_fifty_tags_and_no_more(admin):
    group = make_group("fraud", tags=[(f"key-{n}", "") for n in range(50)])
    url = address(group)
    form = form_of(admin, url)
    form |= {"tags-TOTAL_FORMS": "51", "tags-50-key": "one-more", "tags-50-value": "", "tags-50-group": str(group.pk)}
    response = admin.post(url, form)
    assert "At most 50 tags; these are 51." in response.content.decode()
    assert group.tags.count() == 50


def test_two_admins_on_the_same_tags_the_second_is_told(admin):
    group = make_group("fraud", tags=[("team", "risk")])
    url = address(group)
    form = form_of(admin, url)
    other = make_user("admin", username="rosa")
    services.add_tags(actor=Actor.of(other, "browser"), owner=group, tags=[("pii", "yes")])
    response = admin.post(url, form | {"tags-0-value": "fraud"})
    html = response.content.decode()
    assert response.status_code == 409
    assert "The tags were changed meanwhile. The last change was made by rosa." in html
    assert 'value="fraud"' in html
    assert sorted(map(str, group.tags.all())) == ["pii=yes", "team=risk"]
    services.delete_tags(actor=an_actor(), owner=group, keys=["team"])
    assert admin.post(url, form | {"tags-0-value": "fraud"}).status_code == 200  # the row is gone: an error, no 500


def test_two_admins_on_the_same_description(admin):
    group = make_group("fraud", description="One.")
    form = form_of(admin, address(group))
    services.update_model_package_group_description(actor=an_actor(), group=group, description="Two.")
    response = admin.post(address(group), form | {"description": "Three."})
    assert response.status_code == 409 and "The description was changed meanwhile." in response.content.decode()
    group.refresh_from_db()
    assert group.description == "Two."


def test_one_refusal_undoes_the_whole_form(admin):
    group = make_group("fraud", description="One.", tags=[("team", "risk")])
    form = form_of(admin, address(group))
    services.add_tags(actor=an_actor(), owner=group, tags=[("pii", "yes")])
    before = kinds()
    assert admin.post(address(group), form | {"description": "Two.", "tags-0-value": "x"}).status_code == 409
    group.refresh_from_db()
    assert (group.description, kinds()) == ("One.", before)
