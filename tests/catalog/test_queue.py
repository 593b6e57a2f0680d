"""The review queue: what waits for whom, in which order, and what was decided."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from registry.accounts.permissions import Actor
from registry.catalog import services
from registry.catalog.models import ModelPackage
from registry.catalog.reports import queue
from registry.catalog.reports.queue import Place
from registry.catalog.rules import ReviewRules
from tests.factories import an_actor, make_group, make_package, make_user, make_version, specification

WAITING, APPROVED, REJECTED = "PendingManualApproval", "Approved", "Rejected"

pytestmark = pytest.mark.django_db


@pytest.fixture
def rosa() -> Any:
    return make_user("reviewer", username="rosa")


def person(user: Any) -> Actor:
    return Actor.of(user, "browser")


def since(package: ModelPackage, **ago: int) -> ModelPackage:
    ModelPackage.objects.filter(pk=package.pk).update(waiting_since=timezone.now() - timedelta(**ago))
    return package


def numbers(page: queue.QueuePage) -> list[tuple[str, int]]:
    return [(item.name, item.version) for item in page.items]


def approve(package: ModelPackage, actor: Actor, **more: Any) -> ModelPackage:
    return services.update_approval_status(actor=actor, package=package, approval_status=APPROVED, **more)


class TestWaiting:
    def test_of_all_groups_oldest_first(self, rosa):
        one, two = make_group("one"), make_group("two", region="eu-west-1")
        since(make_version(one), days=1)
        since(make_version(two), days=9)
        since(make_version(one), days=3)
        make_version(one, approval_status=REJECTED)
        make_version(one, approval_status=None)
        make_package("alone", approval_status=WAITING)
        assert numbers(queue.read_queue(queue.waiting(rosa))) == [("two", 1), ("one", 2), ("one", 1)]

    def test_pages_go_on_where_the_last_ended_also_within_one_moment(self, rosa, monkeypatch):
        monkeypatch.setattr(queue, "PER_PAGE", 2)
        group, moment = make_group("one"), timezone.now()
        for _ in range(5):
            make_version(group)
        ModelPackage.objects.update(waiting_since=moment)
        seen, after = [], ""
        for _ in range(3):
            page = queue.read_queue(queue.waiting(rosa), Place.read(after))
            seen += numbers(page)
            after = page.after
        assert seen == [("one", n) for n in range(1, 6)] and after == ""

    @pytest.mark.parametrize("text", ["", "x", "1-", "-1", "1-0", "9" * 30 + "-1", "1-" + "9" * 30, "\0", "１-１"])
    def test_a_place_that_is_none_begins_at_the_start(self, text):
        assert Place.read(text) is None

    def test_a_place_reads_back(self):
        place = Place(timezone.now(), 12)
        assert Place.read(place.write()) == place

    def test_what_changed_after_its_approval_waits_again(self, rosa):
        package = make_version(make_group("one"))
        approve(package, an_actor())
        assert not queue.read_queue(queue.waiting(rosa)).items
        services.update_model_package(
            actor=an_actor("contributor"),
            package=ModelPackage.objects.get(),
            changes=services.PackageChanges(inference_specification=specification(artifact="s3://models/other.tar.gz")),
        )
        (item,) = queue.read_queue(queue.waiting(rosa)).items
        assert item.is_changed and item.status == APPROVED

    def test_measured_against_the_approved_version_below(self, rosa):
        group = make_group("one", actor=an_actor())
        make_version(group, approval_status=APPROVED, metrics=[("auc", 0.9), ("log_loss", 0.3)])
        make_version(group, approval_status=REJECTED, metrics=[("auc", 0.5)])
        make_version(group, metrics=[("log_loss", 0.2), ("auc", 0.95)])
        (item,) = queue.read_queue(queue.waiting(rosa)).items
        assert (item.metric, item.direction, item.base, item.value, item.before) == ("auc", "higher", 1, 0.95, 0.9)
        assert item.change == pytest.approx(0.05)
        group.refresh_from_db()
        group.leading_metric = "log_loss"
        group.save(update_fields=["leading_metric"])
        (item,) = queue.read_queue(queue.waiting(rosa)).items
        assert (item.metric, item.direction) == ("log_loss", "lower")

    def test_costs_the_same_for_one_and_for_a_page(self, rosa, django_assert_num_queries):
        group = make_group("one")
        for number in range(30):
            make_version(group, metrics=[("auc", number)], approval_status=APPROVED if number % 3 == 0 else WAITING)
        assert rosa.role
        with django_assert_num_queries(2):
            assert len(queue.read_queue(queue.waiting_for(rosa)).items) == 20


class TestForMe:
    def test_what_i_voted_on_waits_for_others(self, rosa):
        group = make_group("one")
        services.update_review_rules(actor=an_actor(), group=group, rules=ReviewRules(approvals_needed=2))
        package, otto = make_version(group), make_user("reviewer", username="otto")
        approve(package, person(rosa))
        assert not queue.waiting_for(rosa).exists()
        assert [item.votes for item in queue.read_queue(queue.waiting_for(otto)).items] == [1]
        assert queue.waiting(rosa).count() == 1

    def test_own_versions_only_where_the_rule_lets_the_author_approve(self, rosa):
        strict, free = make_group("strict"), make_group("free")
        services.update_review_rules(actor=an_actor(), group=strict, rules=ReviewRules(author_may_not_approve=True))
        for group in (strict, free):
            make_version(group, actor=person(rosa))
            make_version(group)
        services.update_customer_metadata(actor=person(rosa), package=make_version(strict), put={"touched": "by rosa"})
        found = queue.read_queue(queue.waiting_for(rosa))
        assert sorted(numbers(found)) == [("free", 1), ("free", 2), ("strict", 2)]

    def test_nothing_for_somebody_without_a_role(self, rosa):
        make_version(make_group("one"))
        rosa.groups.clear()
        nobody = type(rosa).objects.get(pk=rosa.pk)
        assert not queue.waiting(nobody).exists() and not queue.read_decisions(nobody).items


class TestNext:
    def test_the_one_behind_then_from_the_start(self, rosa):
        group = make_group("one")
        packages = [since(make_version(group), days=9 - n) for n in range(3)]
        for package in packages:
            package.refresh_from_db()

        def after(package: ModelPackage) -> int | None:
            found = queue.next_of(queue.waiting(rosa).exclude(pk=package.pk), Place(package.waiting_since, package.pk))
            return found and found.version

        assert [after(package) for package in packages] == [2, 3, 1]
        assert queue.next_of(queue.waiting(rosa).none()) is None


class TestDecided:
    def test_newest_first_with_who_and_why(self, rosa):
        group = make_group("one")
        first, second = make_version(group), make_version(group)
        approve(first, person(rosa), comment="Good")
        services.update_approval_status(actor=an_actor(), package=second, approval_status=REJECTED, comment="Too slow")
        services.update_approval_status(actor=an_actor(), package=second, approval_status=WAITING)
        services.comment_on(actor=an_actor(), package=first, comment="By the way")
        found = queue.read_decisions(rosa).items
        assert [(d.version, d.status, d.actor, d.comment, d.is_live) for d in found] == [
            (2, REJECTED, "any-admin", "Too slow", True),
            (1, APPROVED, "rosa", "Good", True),
        ]

    def test_pages_by_event(self, rosa, monkeypatch):
        monkeypatch.setattr(queue, "PER_PAGE", 2)
        group = make_group("one")
        for _ in range(3):
            approve(make_version(group), an_actor())
        page = queue.read_decisions(rosa)
        assert [d.version for d in page.items] == [3, 2]
        rest = queue.read_decisions(rosa, int(page.after))
        assert [d.version for d in rest.items] == [1] and rest.after == ""

    def test_deleted_versions_stay_named_and_overrides_are_marked(self, rosa):
        group = make_group("one")
        services.update_review_rules(actor=an_actor(), group=group, rules=ReviewRules(required_checks=("tests",)))
        package = make_version(group)
        approve(package, an_actor(), comment="No time", override=True)
        assert queue.read_decisions(rosa).items[0].is_override
        services.delete_model_package(actor=an_actor(), package=package)
        (found,) = queue.read_decisions(rosa).items
        assert (found.version, found.is_live) == (1, False)


class TestNavigation:
    def test_counts_up_to_the_cap_in_one_query(self, rosa, monkeypatch, django_assert_num_queries):
        monkeypatch.setattr(queue, "COUNT_CAP", 3)
        # A statement is compiled once, and its cap with it.
        for decides, values in ((False, {"pk": int}), (True, {"pk": int, "name": str})):
            monkeypatch.setitem(queue._NAVIGATION, (decides, False), queue.Prepared(queue._counts, **values))
        group = make_group("one")
        for _ in range(5):
            make_version(group)
        assert rosa.role
        with django_assert_num_queries(1):
            assert queue.read_navigation(rosa, decides=True) == (False, 3, 3)
        make_group("two", region="eu-west-1")
        rosa.groups.clear()
        assert queue.read_navigation(type(rosa).objects.get(pk=rosa.pk), decides=True) == (False, 0, 0)
        assert queue.read_navigation(rosa, decides=False) == (True, 0, 3)
