"""manage.py filldemo: what it says, and what it refuses."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from registry.catalog.models import ModelPackage, ModelPackageGroup
from tests.factories import make_group

pytestmark = pytest.mark.django_db


def run(**options: Any) -> str:
    out = StringIO()
    call_command("filldemo", stdout=out, **options)
    return out.getvalue()


def test_it_fills_and_says_so_and_has_nothing_to_do_again():
    said = run(groups=5, versions=40, until="2026-11-01")
    assert said.startswith("Filled with 5 groups and 40 versions: ")
    assert ModelPackage.objects.versioned().count() == 40
    assert max(group.version_count for group in ModelPackageGroup.objects.all()) >= 4
    assert run(groups=5, versions=40).startswith("Nothing to do: ")
    assert ModelPackage.objects.versioned().count() == 40


def test_one_group_and_groups_without_versions():
    run(groups=1, versions=10, prefix="one")
    run(groups=3, versions=0, prefix="none", add=True)
    counts = sorted(ModelPackageGroup.objects.values_list("version_count", flat=True))
    assert counts == [0, 0, 0, 10]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "Say how much"),
        ({"size": "small", "versions": 3}, "Say --size, or"),
        ({"groups": 0, "versions": 1}, "expected 1 to"),
        ({"groups": 1, "versions": -1}, "expected 1 to"),
        ({"groups": 1, "versions": 10**9}, "expected 1 to"),
        ({"groups": 1, "versions": 1, "prefix": "a b"}, "--prefix"),
        ({"groups": 1, "versions": 1, "prefix": "a" * 21}, "at most 20"),
        ({"groups": 1, "versions": 1, "until": "soon"}, "expected a day"),
    ],
)
def test_what_cannot_be_is_refused_in_words(options, words):
    with pytest.raises(CommandError, match=words) as refused:
        run(**options)
    assert refused.value.returncode == 2
    assert not ModelPackageGroup.objects.exists()


def test_a_registry_with_something_in_it_is_left_alone():
    make_group("fraud")
    with pytest.raises(CommandError, match="not empty") as refused:
        run(groups=1, versions=1)
    assert refused.value.returncode == 2
    assert ModelPackageGroup.objects.count() == 1
