"""Users in the admin site."""

import pytest

from registry.accounts.models import User
from tests.factories import PASSWORD

from .admin_forms import address, form_of, kinds, save

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(as_role):
    return as_role("admin")


def test_user_is_made_and_changed_through_the_services(admin):
    save(admin, address(User, "add"), username="rosa", role="reviewer", password=PASSWORD)
    rosa = User.objects.get(username="rosa")
    assert rosa.role == "reviewer" and rosa.check_password(PASSWORD)
    save(admin, address(rosa), role="admin", is_active="")
    form = form_of(admin, address(rosa))
    form.pop("is_active", None)
    admin.post(address(rosa), form | {"role": "contributor", "password": "a-new-and-long-one"})
    rosa = User.objects.get(username="rosa")
    assert (rosa.held_role, rosa.is_active, rosa.check_password("a-new-and-long-one")) == ("contributor", False, True)
    made = [kind for kind, door in kinds() if door == "admin"]
    assert made == [
        "user.created",
        "user.role_changed",
        "user.deactivated",
        "user.role_changed",
        "user.password_changed",
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"username": "VIEWER"}, "A user with that name exists"),
        ({"username": "a b"}, "Enter a valid username"),
        ({"password": "12345678"}, "too common"),
        ({"email": "no"}, "Enter a valid email"),
        ({"role": "owner"}, "Select a valid choice"),
    ],
)
def test_user_is_refused_at_the_field(admin, changes, words):
    url = address(User, "add")
    form = form_of(admin, url) | {"username": "rosa", "role": "viewer", "password": PASSWORD} | changes
    response = admin.post(url, form)
    assert response.status_code in (200, 422) and words in response.content.decode()
    assert User.objects.count() == 4


def test_last_admin_stays_here_too(admin, cast):
    form = form_of(admin, address(cast["admin"]))
    response = admin.post(address(cast["admin"]), form | {"role": "viewer"})
    assert response.status_code == 422 and "last active admin" in response.content.decode()
    form.pop("is_active")
    assert "last active admin" in admin.post(address(cast["admin"]), form).content.decode()
    assert User.objects.get(username="admin").role == "admin"


def test_names_and_hashes_are_not_editable(admin, cast):
    viewer = cast["viewer"]
    save(admin, address(viewer), username="other", is_superuser="on", is_staff="on", last_login_0="2020-01-01")
    fresh = User.objects.get(pk=viewer.pk)
    assert (fresh.username, fresh.is_superuser, fresh.is_staff) == ("viewer", False, False)
    assert fresh.check_password(PASSWORD)
    assert "md5$" not in admin.get(address(viewer)).content.decode()
