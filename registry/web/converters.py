"""What the parts of an address may look like; anything else is a 404 before a view runs (a 30-digit id too)."""

from __future__ import annotations


class _Text:
    regex = ""

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class RegionConverter(_Text):
    regex = "[a-z0-9-]{9,16}"


class NameConverter(_Text):
    regex = "[a-zA-Z0-9-]{1,63}"


class ListConverter(_Text):
    """A list that can be filtered, in the words of SavedView.Page."""

    regex = "groups|timeline|packages|review|activity"


class VersionConverter:
    """A version number: the wire takes at most nine digits (VersionedArnOrName)."""

    regex = "[1-9][0-9]{0,8}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


class RowConverter(VersionConverter):
    """The id of a row: below 2^63 in both databases."""

    regex = "[1-9][0-9]{0,17}"
