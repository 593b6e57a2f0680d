"""What is counted to choose the shape of a query is counted once a minute."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry.catalog.filters import TIMELINE, conditions, estimates, has_common_tags, is_wide, parse
from registry.catalog.reports.timeline import read_page
from registry.catalog.reports.version_filters import VersionFilter
from tests.factories import make_group, make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def minute(monkeypatch):
    """The minute it is, which a test moves on; another one for each test."""
    now = [float(id(monkeypatch))]
    monkeypatch.setattr(estimates, "_minute", lambda: now[0])
    return now


def test_how_many_have_it_is_asked_once_a_minute(minute):
    group = make_group()
    make_version(group, customer_metadata_properties={"window": "30d"})
    shown = ("window=30d",)

    def statements() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert [row.version for row in read_page(group, metric="", shown=VersionFilter(pairs=shown)).rows] == [1]
        return len(asked)

    first = statements()
    assert statements() == first - 1
    minute[0] += 1
    assert statements() == first


def test_what_was_written_since_is_found_all_the_same(minute):
    group = make_group()
    shown = VersionFilter(pairs=("window=30d",))
    assert not read_page(group, metric="", shown=shown).rows
    make_version(group, customer_metadata_properties={"window": "30d"})
    assert [row.version for row in read_page(group, metric="", shown=VersionFilter(pairs=("window=30d",))).rows] == [1]


def test_a_filter_in_words_is_counted_by_what_it_means(minute, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert not is_wide(parse("meta:window=30d", of=TIMELINE))
        assert not is_wide(parse(" meta:window=30d ", of=TIMELINE))
    with django_assert_num_queries(1):
        assert not is_wide(parse("meta:window=90d", of=TIMELINE))


def test_tags_are_common_where_each_of_them_is(minute, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(conditions, "_COMMON", 1)
    for name, tags in (("a", ["team", "tier"]), ("b", ["team"])):
        make_group(name, tags=[(key, "1") for key in tags])
    with django_assert_num_queries(0):
        assert not has_common_tags(parse("fraud status:approved"))
    assert has_common_tags(parse("tag:team=1"))
    assert has_common_tags(parse("-tag:team fraud"))
    assert not has_common_tags(parse("tag:tier"))
    assert not has_common_tags(parse("tag:team OR tag:tier=1"))
    with django_assert_num_queries(0):
        assert has_common_tags(parse(" tag:team=1 "))
