"""The metadata editor: rows by id, errors at the field, and two people at the same pair."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from registry.catalog import services
from registry.catalog.models import CustomerMetadataProperty, ModelPackage
from registry.events.models import Event
from tests.factories import an_actor, make_group, make_package, make_version

HTMX = {"HX-Request": "true"}
PAGES = ["/groups/us-east-1/fraud/versions/1/", "/packages/us-east-1/iris/"]

pytestmark = pytest.mark.django_db


@pytest.fixture(params=PAGES, ids=["version", "unversioned"])
def package(request: pytest.FixtureRequest) -> Any:
    """A package with the pairs split=1 and path/to=x; `path` is its page's address."""
    pairs = {"split": "1", "path/to": "x"}
    if request.param == PAGES[0]:
        package = make_version(make_group("fraud"), customer_metadata_properties=pairs)
    else:
        package = make_package("iris", customer_metadata_properties=pairs)
    package.path = request.param
    return package


@pytest.fixture
def editor(as_role: Any) -> Client:
    return as_role("contributor")


def pairs_of(package: ModelPackage) -> dict[str, str]:
    return dict(CustomerMetadataProperty.objects.filter(package=package).values_list("key", "value"))


def row_of(package: Any, key: str = "split", more: str = "") -> str:
    pk = CustomerMetadataProperty.objects.get(package=package, key=key).pk
    return f"{package.path}metadata/{pk}/{more}"


def changed_elsewhere(package: ModelPackage, **pairs: str) -> None:
    services.update_customer_metadata(actor=an_actor("admin"), package=package, put=pairs)


class TestAdd:
    def test_without_script_goes_back_to_the_page(self, editor, package):
        response = editor.post(f"{package.path}metadata/", {"key": " note ", "value": " good "})
        assert (response.status_code, response["Location"]) == (302, f"{package.path}#metadata")
        assert pairs_of(package)["note"] == "good"
        event = Event.objects.filter(package_id=package.pk).first()
        assert (event.actor_name, event.door) == ("contributor", "browser")
        assert event.after == {"CustomerMetadataProperties": {"note": "good"}}

    def test_answers_the_row_and_an_empty_row(self, editor, package):
        response = editor.post(f"{package.path}metadata/", {"key": "a/b", "value": "c"}, headers=HTMX)
        page = response.content.decode()
        pk = CustomerMetadataProperty.objects.get(package=package, key="a/b").pk
        assert response.status_code == 200
        assert page.strip().startswith(f'<tr id="md-{pk}"') and "is-added-now" in page
        assert 'id="md-add"' in page and 'name="key" value=""' in page
        assert '<span class="count" id="metadata-count" hx-swap-oob="true">3</span>' in page
        assert "set <code>a/b=c" in page or "a/b" in page.partition('id="feed"')[2]

    @pytest.mark.parametrize(
        ("key", "value", "words", "field"),
        [
            ("", "v", "Enter a key.", "md-key"),
            ("k", "", "Enter a value.", "md-value"),
            ("bad,key", "v", "The character , is not allowed here.", "md-key"),
            ("k", "tab\there", "is not allowed here", "md-value"),
            ("k" * 129, "v", "A key has at most 128 characters", "md-key"),
            ("k", "v" * 257, "A value has at most 256 characters", "md-value"),
        ],
    )
    def test_says_what_is_wrong_at_the_field_and_keeps_what_was_typed(self, editor, package, key, value, words, field):
        for headers in (HTMX, {}):
            response = editor.post(f"{package.path}metadata/", {"key": key, "value": value}, headers=headers)
            page = response.content.decode()
            assert response.status_code == 422
            assert words in page and f'id="{field}-d"' in page
            assert f'value="{key}"' in page and f'value="{value}"' in page
            assert ("<html" in page) is not bool(headers)
        assert len(pairs_of(package)) == 2

    def test_a_key_that_is_there_is_shown_and_may_be_overwritten(self, editor, package):
        changed_elsewhere(package, split="2")
        path = f"{package.path}metadata/"
        response = editor.post(path, {"key": "split", "value": "9"}, headers=HTMX)
        page = response.content.decode()
        assert response.status_code == 409
        assert "split</code> is there already: <code>2</code>, set by any-admin" in page and 'value="9"' in page
        assert pairs_of(package)["split"] == "2"
        seen = {"seen": "2", "seen_key": "split"}
        again = editor.post(path, {"key": "split", "value": "9", **seen}, headers=HTMX)
        assert (again.status_code, again["HX-Retarget"]) == (200, "#metadata-card")
        assert pairs_of(package)["split"] == "9"

    def test_what_was_seen_of_one_key_does_not_overwrite_another(self, editor, package):
        sent = {"key": "path/to", "value": "9", "seen": "1", "seen_key": "split"}
        assert editor.post(f"{package.path}metadata/", sent, headers=HTMX).status_code == 409
        assert pairs_of(package)["path/to"] == "x"

    def test_the_51st_pair_is_refused(self, editor, package):
        changed_elsewhere(package, **{f"k{n}": "v" for n in range(48)})
        response = editor.post(f"{package.path}metadata/", {"key": "more", "value": "v"}, headers=HTMX)
        assert response.status_code == 422
        assert "At most 50 pairs" in response.content.decode()
        assert len(pairs_of(package)) == 50

    def test_metrics_follow(self, editor, package):
        page = editor.post(
            f"{package.path}metadata/", {"key": "metric.auc", "value": "0.75"}, headers=HTMX
        ).content.decode()
        assert 'id="comparison" hx-swap-oob="true"' in page and "0.75" in page
        assert package.metrics.get().value == 0.75

    def test_get_is_the_card_or_the_page(self, editor, package):
        card = editor.get(f"{package.path}metadata/", headers=HTMX).content.decode()
        assert card.lstrip().startswith('<section class="card card--clip" id="metadata-card"')
        assert editor.get(f"{package.path}metadata/")["Location"] == f"{package.path}#metadata"


class TestEdit:
    def test_form_of_one_row_and_back(self, editor, package):
        form = editor.get(row_of(package, "path/to", "edit/"), headers=HTMX).content.decode()
        assert 'name="seen" value="x"' in form and "autofocus" in form and "<html" not in form
        row = editor.get(row_of(package, "path/to"), headers=HTMX).content.decode()
        assert row in editor.get(package.path).content.decode()

    def test_form_without_script_is_the_page(self, editor, package):
        page = editor.get(row_of(package, more="edit/")).content.decode()
        assert "<html" in page and page.count('class="is-editing"') == 1 and 'name="seen" value="1"' in page

    def test_save(self, editor, package):
        path = row_of(package)
        assert editor.post(path, {"value": "2", "seen": "1"})["Location"] == f"{package.path}#metadata"
        page = editor.post(path, {"value": "3", "seen": "2"}, headers=HTMX).content.decode()
        assert pairs_of(package) == {"split": "3", "path/to": "x"}
        assert "is-added-now" in page and 'id="md-add"' not in page

    def test_the_same_value_leaves_no_event(self, editor, package):
        before = Event.objects.count()
        assert editor.post(row_of(package), {"value": "1", "seen": "1"}, headers=HTMX).status_code == 200
        assert Event.objects.count() == before

    @pytest.mark.parametrize("value", ["", "   ", "a,b", "v" * 257])
    def test_a_wrong_value_stays_typed(self, editor, package, value):
        for headers in (HTMX, {}):
            response = editor.post(row_of(package), {"value": value, "seen": "1"}, headers=headers)
            page = response.content.decode()
            assert response.status_code == 422
            assert f'value="{value.strip()}"' in page and 'aria-invalid="true"' in page
            assert 'name="seen" value="1"' in page
        assert pairs_of(package)["split"] == "1"

    def test_somebody_elses_value_is_never_overwritten_silently(self, editor, package):
        changed_elsewhere(package, split="theirs")
        changed_elsewhere(package, other="later")
        response = editor.post(row_of(package), {"value": "mine", "seen": "1"}, headers=HTMX)
        page = response.content.decode()
        assert response.status_code == 409
        assert "any-admin changed it to <code>theirs</code>" in page
        assert 'value="mine"' in page and 'name="seen" value="theirs"' in page and "Overwrite" in page
        assert pairs_of(package)["split"] == "theirs"
        assert editor.post(row_of(package), {"value": "mine", "seen": "theirs"}, headers=HTMX).status_code == 200
        assert pairs_of(package)["split"] == "mine"

    def test_conflict_without_script_is_the_page(self, editor, package):
        changed_elsewhere(package, split="theirs")
        response = editor.post(row_of(package), {"value": "mine", "seen": "1"})
        assert response.status_code == 409 and "<html" in response.content.decode()

    @pytest.mark.parametrize("headers", [HTMX, {}])
    def test_a_pair_that_vanished_says_who_removed_it(self, editor, package, headers):
        path = row_of(package)
        services.update_customer_metadata(actor=an_actor("reviewer"), package=package, remove=["split"])
        sent = {"key": "split", "value": "2", "seen": "1"}
        response = editor.post(path, sent, headers=headers)
        page = response.content.decode()
        assert response.status_code == 409
        assert "any-reviewer removed this pair" in page and "Add it again" in page and 'value="2"' in page
        assert "split" not in pairs_of(package)
        # The form of the refusal has no `seen`: it adds the pair again, unless somebody else did.
        assert editor.post(path, {"key": "split", "value": "2"}, headers=HTMX).status_code == 200
        assert pairs_of(package)["split"] == "2"
        assert editor.post(path, {"key": "split", "value": "3"}, headers=HTMX).status_code == 409

    def test_unknown_rows_and_rows_of_others_are_404(self, editor, package):
        other = make_version(customer_metadata_properties={"a": "b"})
        pk = CustomerMetadataProperty.objects.get(package=other).pk
        for method, path in [
            (editor.get, f"metadata/{pk}/edit/"),
            (editor.get, f"metadata/{pk}/"),
            (editor.get, f"metadata/{pk}/remove/"),
            (editor.post, f"metadata/{pk}/"),
            (editor.get, "metadata/999999999999999999/edit/"),
            (editor.get, f"metadata/{'9' * 30}/edit/"),
        ]:
            assert method(f"{package.path}{path}").status_code == 404
        assert pairs_of(other) == {"a": "b"}


class TestRemove:
    def test_with_script_offers_it_back(self, editor, package):
        response = editor.delete(f"{row_of(package)}?seen=1", headers=HTMX)
        page = response.content.decode()
        assert response.status_code == 200
        assert page.lstrip().startswith("<template>") and "Add it back" in page
        assert pairs_of(package) == {"path/to": "x"}

    def test_without_script_asks_first(self, editor, package):
        path = row_of(package, more="remove/")
        page = editor.get(path).content.decode()
        assert "Remove <code>split</code> with the value <code>1</code>" in page
        assert pairs_of(package)["split"] == "1"
        assert editor.post(path, {"seen": "1"})["Location"] == f"{package.path}#metadata"
        assert "split" not in pairs_of(package)

    def test_a_value_that_changed_is_not_removed(self, editor, package):
        changed_elsewhere(package, split="2")
        response = editor.delete(f"{row_of(package)}?seen=1", headers=HTMX)
        assert response.status_code == 409
        assert "any-admin changed it to <code>2</code>" in response.content.decode()
        assert editor.post(row_of(package, more="remove/"), {"seen": "1"}).status_code == 409
        assert pairs_of(package)["split"] == "2"

    def test_a_pair_that_is_gone_leaves_the_page(self, editor, package):
        path = row_of(package)
        services.update_customer_metadata(actor=an_actor(), package=package, remove=["split"])
        assert editor.delete(f"{path}?seen=1", headers=HTMX).status_code == 200


class TestRights:
    def requests(self, package: Any) -> list[tuple[str, str, dict[str, str]]]:
        row = row_of(package)
        return [
            ("post", f"{package.path}metadata/", {"key": "a", "value": "b"}),
            ("post", f"{package.path}metadata/", {"key": "", "value": ""}),
            ("get", f"{row}edit/", {}),
            ("post", row, {"value": "2", "seen": "1"}),
            ("post", row, {"value": "", "seen": "1"}),
            ("delete", f"{row}?seen=1", {}),
            ("get", f"{row}remove/", {}),
            ("post", f"{row}remove/", {"seen": "1"}),
        ]

    def test_readers_are_refused_at_every_door(self, as_role, package):
        client = as_role("viewer")
        for method, path, data in self.requests(package):
            for headers in (HTMX, {}):
                response = getattr(client, method)(path, data if method != "delete" else "", headers=headers)
                assert response.status_code == 403, (method, path, headers)
        assert pairs_of(package) == {"split": "1", "path/to": "x"}
        row = client.get(row_of(package), headers=HTMX).content.decode()
        assert "hx-delete" not in row and "edit/" not in row

    def test_strangers_sign_in_first(self, client, package):
        for method, path, data in self.requests(package):
            assert getattr(client, method)(path, data if method != "delete" else "").status_code == 302

    def test_broken_bytes_are_400(self, editor, package):
        body = b"key=a%00b&value=c"
        kind = "application/x-www-form-urlencoded"
        assert editor.post(f"{package.path}metadata/", body, content_type=kind).status_code == 400


class TestRevision:
    def test_own_change_lets_the_reviewer_still_decide(self, as_role):
        package = make_version(make_group("fraud"), customer_metadata_properties={"split": "1"})
        package.path = PAGES[0]
        client, path = as_role("reviewer"), f"{PAGES[0]}metadata/"
        page = client.post(path, {"key": "a", "value": "b", "revision": "0"}, headers=HTMX).content.decode()
        assert '<input type="hidden" id="review-seen" name="seen" value="1" hx-swap-oob="true">' in page

    def test_after_somebody_elses_change_it_does_not(self, as_role):
        package = make_version(make_group("fraud"), customer_metadata_properties={"split": "1"})
        changed_elsewhere(package, split="2")
        path = f"{PAGES[0]}metadata/"
        page = as_role("reviewer").post(path, {"key": "a", "value": "b", "revision": "0"}, headers=HTMX)
        assert 'id="review-seen"' not in page.content.decode()
