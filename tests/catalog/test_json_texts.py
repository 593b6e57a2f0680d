"""JSON inside stored texts: what it says, and what nobody could draw, write or store."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from registry.catalog.json_texts import DEEPEST, read_json
from tests.factories import make_group, make_user, make_version


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "{'a': 1}",
        '"\\ud800"',
        '{"\\udfff": 1}',
        '{"a":' * 101 + "1" + "}" * 101,
        "[" * 100_000,
        "[" * 5000,
    ],
)
def test_what_is_no_text_of_this_world_is_refused(text: str):
    with pytest.raises(ValueError):
        read_json(text)


@pytest.mark.parametrize("found", [None, 1, "x", [], {}, {"a": [1, {"b": "é中😀"}]}, ["["] * 500, [[]] * 300])
def test_everything_else_is_read(found: object):
    assert read_json(json.dumps(found)) == found
    assert read_json(json.dumps(found, ensure_ascii=False)) == found
    deep = "[" * DEEPEST + "]" * DEEPEST
    assert json.dumps(read_json(deep)) == deep


@pytest.mark.django_db
@pytest.mark.parametrize(
    "content", ['"\\ud800"', '{"a": {"b": "\\udc80"}}', "[" * 900 + "]" * 900, '{"a":' * 3000 + "1" + "}" * 3000]
)
def test_a_card_of_such_json_is_shown_as_it_came(content: str):
    group = make_group("fraud")
    for text in ("{}", content, '{"x": 1}'):
        make_version(group, model_card={"ModelCardStatus": "Draft", "ModelCardContent": text})
    client = Client()
    client.force_login(make_user("viewer"))
    for path in ("versions/2/", "versions/3/", "compare/?v=1&v=2&v=3", "versions/3/?base=2"):
        assert client.get(f"{group.get_absolute_url()}{path}", follow=True).status_code == 200, path
