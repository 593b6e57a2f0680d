"""The icons: one sprite, kept for ever, and drawings in place for what stands in each row."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from django.conf import settings
from django.test import Client

from registry.web.icons import NAMES, SPRITE, SPRITE_URL, icon, icon_in_place


def test_sprite_holds_every_icon_and_mark_once() -> None:
    root = ElementTree.fromstring(SPRITE)
    ids = [symbol.attrib["id"] for symbol in root]
    assert ids == [*NAMES, "logo", "mark-approved", "mark-pending", "mark-rejected", "mark-none"]
    assert all(len(symbol) for symbol in root)


def test_sprite_is_public_and_kept_for_ever(client: Client) -> None:
    answer = client.get(SPRITE_URL)
    assert answer.status_code == 200
    assert answer.content == SPRITE
    assert answer["Content-Type"] == "image/svg+xml"
    assert "immutable" in answer["Cache-Control"]
    assert "Cookie" not in answer.get("Vary", "")
    assert client.get("/icons.0123456789.svg").status_code == 404


def test_an_icon_that_the_sprite_lacks_is_an_error() -> None:
    with pytest.raises(KeyError, match="no icon 'nothing-like-it'"):
        icon("nothing-like-it")


@pytest.mark.parametrize(
    ("name", "strokes"),
    [
        ("arrow-up", "M5 12l7-7 7 7M12 19V5"),  # drawn as "m5 12 7-7 7 7" and "M12 19V5"
        (
            "ellipsis",
            "M11 12a1 1 0 1 0 2 0a1 1 0 1 0-2 0M18 12a1 1 0 1 0 2 0a1 1 0 1 0-2 0M4 12a1 1 0 1 0 2 0a1 1 0 1 0-2 0",
        ),
    ],
)
def test_what_stands_in_each_row_is_drawn_in_place_as_one_path(name: str, strokes: str) -> None:
    drawn = icon_in_place(name)
    assert f'<path d="{strokes}"/></svg>' in drawn and "<use" not in drawn


def test_templates_and_sentences_name_only_icons_of_the_sprite() -> None:
    root = Path(settings.BASE_DIR)
    for file in root.glob("templates/**/*.html"):
        for name in re.findall(r"""\bicon\(\s*["']([\w-]+)["']""", file.read_text()):
            assert name in NAMES, f"{file}: {name}"
