"""What completes a filter of the index, and what is offered where one finds nothing."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group

from registry.accounts.models import User
from registry.catalog import services
from registry.catalog.models import Tag
from registry.catalog.reports import counts, suggestions
from registry.catalog.reports.suggestions import distinct_values, suggest
from tests.factories import an_actor, make_group, make_package, make_version
from tests.web.test_groups import HTMX, get


def texts(user: User, typed: str) -> list[str]:
    return [suggestion.text for _, found in suggest(user, typed) for suggestion in found]


def test_suggestions_complete_the_last_word(cast: dict[str, User]) -> None:
    group = make_group("fraud-xgb", tags=[("team", "risk team"), ("tier", "1")])
    make_group("fraud-skl", tags=[("team", "fraud")])
    make_version(group, customer_metadata_properties={"seed": "42", "git.commit": "abc"})
    user = cast["viewer"]
    assert texts(user, "sta") == ["status:", "stage:"]
    assert texts(user, "fraud") == ["fraud-skl", "fraud-xgb"]
    assert texts(user, "x tag:t") == ["tag:team=", "tag:tier="]
    assert texts(user, "tag:team=") == ["tag:team=fraud", 'tag:team="risk team"']
    assert texts(user, "-tag:team=f") == ["-tag:team=fraud"]
    assert texts(user, "meta:") == ["meta:git.commit=", "meta:seed="]
    assert texts(user, "meta:seed=4") == ["meta:seed=42"]
    assert texts(user, "status:w") == ["status:waiting"]
    assert texts(user, "image:sage") == ["image:sagemaker-xgboost:1.7-1"]
    assert texts(user, "by:") == ["by:any-admin"]
    assert texts(user, "team:fraud") == ["tag:team=fraud"]
    assert "tag:" in texts(user, "")
    assert texts(user, "zzz") == []


def test_tag_values_are_those_of_live_groups_and_counted_up_to_a_cap(
    cast: dict[str, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suggestions, "FOUND_CAP", 2)
    for number, team in enumerate(["risk"] * 3 + ["ads"] + ["a-gone"]):
        group = make_group(f"g-{number}", tags=[("team", team)])
    services.delete_model_package_group(actor=an_actor(), group=group)
    make_package("loose", tags=[("team", "of-a-package")])
    [(title, found)] = suggest(cast["viewer"], "tag:team=")
    assert title == "Values of tag:team"
    assert [(one.text, one.note) for one in found] == [("tag:team=ads", "1 group"), ("tag:team=risk", "2+ groups")]
    monkeypatch.setattr(suggestions, "LIMIT", 1)  # the first value is of no live group
    assert texts(cast["viewer"], "tag:team=") == ["tag:team=ads"]
    assert texts(cast["viewer"], "tag:team=a-g") == []


def test_similar_tags_are_those_of_live_groups(as_role: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = as_role("viewer")
    for number, team in enumerate(["risk1", "risk2", "risk3", "risky", "risky", "other"]):
        group = make_group(f"g-{number}", tags=[("team", team)])
        if number < 3:
            services.delete_model_package_group(actor=an_actor(), group=group)
    assert "2 groups have a similar tag: " in get(client, "/groups/?q=tag:team=risk")
    html = get(client, "/groups/?q=tag:team=zzz")
    assert re.findall(r">team=(\w+)</a>", html) == ["risky", "other"]
    monkeypatch.setattr(suggestions, "FOUND_CAP", 1)
    monkeypatch.setattr(counts, "FOUND_CAP", 1)
    assert "1+ groups have a similar tag: " in get(client, "/groups/?q=tag:team=risk")


def test_tag_values_of_hidden_groups_are_not_told(cast: dict[str, User]) -> None:
    hidden = make_group("secret", tags=[("team", "secret-team")])
    make_group("open", tags=[("team", "open-team")])
    Group.objects.create(name="Risk")
    services.set_group_teams(actor=an_actor(), group=hidden, teams=["Risk"])
    assert texts(User.objects.get(pk=cast["viewer"].pk), "tag:team=") == ["tag:team=open-team"]
    assert texts(cast["admin"], "tag:team=") == ["tag:team=open-team", "tag:team=secret-team"]


def test_distinct_values_steps_over_repeats_and_stops_at_the_prefix(db: None) -> None:
    for number, team in enumerate(["b", "a_c", "abc", "ab", "B", "é"]):
        make_group(f"g-{number}", tags=[("team", team), ("other", "abd")])
    assert distinct_values(Tag, "value", "ab", where={"key": "team"}) == ["ab", "abc"]
    assert distinct_values(Tag, "value", "a_", where={"key": "team"}) == ["a_c"]
    assert distinct_values(Tag, "key") == ["other", "team"]
    assert len(distinct_values(Tag, "value", limit=3)) == 3


def test_suggest_answers_with_options(as_role: Any) -> None:
    make_group("a", tags=[("team", 'x"<'[:1])])
    html = get(as_role("viewer"), "/groups/suggest/?q=tag:team=", **HTMX)
    assert 'role="option"' in html
    assert 'data-value="tag:team=x"' in html
    assert "1 group" in html
    assert get(as_role("viewer"), "/groups/suggest/")
