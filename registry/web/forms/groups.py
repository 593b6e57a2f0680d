"""What is typed about a group: the form that makes one, its tags; the rules are the catalog's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import QueryDict

from registry.catalog import validators as check
from registry.catalog.services import digest_of_tags

Pair = tuple[str, str]
_EMPTY_ROWS_WITHOUT_SCRIPT = 3


def one_line_ends(text: str) -> str:
    """Text of a textarea with the line ends that are stored: browsers send CR LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


class GroupForm(forms.Form):
    """Name, region and description of a new group; its tag rows are read beside it, by TagRows."""

    name = forms.CharField(required=False)
    region = forms.ChoiceField(required=False)
    description = forms.CharField(required=False, widget=forms.Textarea)

    def __init__(self, data: QueryDict | None = None, *, regions: Sequence[str] = ()) -> None:
        super().__init__(data, auto_id="%s", initial={"region": settings.REGISTRY_REGION})
        # The registry's own region first; others where there are groups already.
        self.regions = [settings.REGISTRY_REGION, *(r for r in regions if r != settings.REGISTRY_REGION)]
        self.fields["region"].choices = [(region, region) for region in self.regions]  # type: ignore[attr-defined]
        self.tags = TagRows.posted(data) if data is not None else TagRows()

    def clean_name(self) -> str:
        name = self.cleaned_data["name"]
        if not name:
            raise ValidationError("Enter a name.")
        check.validate_name(name)
        return name

    def clean_region(self) -> str:
        return self.cleaned_data["region"] or settings.REGISTRY_REGION

    def clean_description(self) -> str:
        description = one_line_ends(self.cleaned_data["description"])
        check.validate_description(description)
        return description

    def clean(self) -> None:
        self.tags.clean()
        if self.tags.errors:
            raise ValidationError("")

    def problems(self) -> list[tuple[str, str, str]]:
        """Every error as (control id, label, message), for the summary above the form."""
        found = [
            (name, name.capitalize(), text)
            for name, texts in self.errors.items()
            if name != "__all__"
            for text in texts
        ]
        return found + [
            (f"tag-key-{row}", f"Tag {row}" if row else "Tags", text) for row, text in self.tags.errors.items()
        ]


def empty_form(regions: Sequence[str]) -> GroupForm:
    """The form in which nothing was typed yet, for templates."""
    return GroupForm(regions=regions)


@dataclass
class TagRows:
    """The key and value rows of a new group; `errors` by row number from 1, 0 for all of them together."""

    rows: list[Pair] = field(default_factory=list)
    errors: dict[int, str] = field(default_factory=dict)

    @classmethod
    def posted(cls, data: QueryDict) -> TagRows:
        keys, values = data.getlist("tag_key"), data.getlist("tag_value")
        return cls([(key.strip(), value.strip()) for key, value in zip_longest(keys, values, fillvalue="")])

    @property
    def pairs(self) -> list[Pair]:
        """The rows that hold something."""
        return [(key, value) for key, value in self.rows if key or value]

    def drawn(self, empty: int = _EMPTY_ROWS_WITHOUT_SCRIPT) -> list[Pair]:
        """The rows to draw, filled up to `empty` rows so that the form works without script."""
        return self.rows + [("", "")] * (empty - len(self.rows))

    def clean(self) -> None:
        """Check each row by the catalog's validators and find keys that are there twice."""
        seen: set[str] = set()
        for number, (key, value) in enumerate(self.rows, 1):
            if not key and not value:
                continue
            try:
                check.validate_tag_key(key)
                check.validate_tag_value(value)
                if key in seen:
                    raise ValidationError(f"The key {key} is there twice.")
            except ValidationError as error:
                self.errors[number] = " ".join(error.messages)
            seen.add(key)
        if len(self.pairs) > check.TAGS_MAX:
            self.errors[0] = f"At most {check.TAGS_MAX} tags; these are {len(self.pairs)}."


@dataclass
class TagsForm:
    """The tags of one owner while they are edited: the chips that are kept, and what is typed to be added.

    `seen` is the digest of the tags that the form was drawn from.
    """

    kept: list[Pair] = field(default_factory=list)
    typed: str = ""
    seen: str = ""
    error: str = ""

    @classmethod
    def of(cls, tags: Iterable[Pair]) -> TagsForm:
        kept = list(tags)
        return cls(kept=kept, seen=digest_of_tags(kept))

    @classmethod
    def posted(cls, data: QueryDict) -> TagsForm:
        removed = set(data.getlist("remove"))
        kept = list(zip(data.getlist("tag_key"), data.getlist("tag_value"), strict=False))
        return cls(
            kept=[(key, value) for key, value in kept if key not in removed],
            typed=" ".join(data.getlist("tag")).strip(),
            seen=data.get("seen", ""),
        )

    def pairs(self) -> list[Pair]:
        """The typed pairs as they are, one for each text between commas (a comma is in no tag); nothing is checked."""
        texts = [text.strip() for text in self.typed.split(",")]
        return [(key.strip(), value.strip()) for key, _, value in (text.partition("=") for text in texts if text)]

    def wanted(self) -> list[Pair]:
        """The chips and the typed pairs, where a typed key replaces the value of its chip.

        Raises ValidationError for a text without an equals sign, and for a key that was typed twice.
        """
        for text in self.typed.split(","):
            if text.strip() and "=" not in text:
                raise ValidationError(f"Write key=value. For a tag without a value: {text.strip()}=")
        typed = self.pairs()
        keys = [key for key, _ in typed]
        for key, value in typed:
            check.validate_tag_key(key)
            check.validate_tag_value(value)
            if keys.count(key) > 1:
                raise ValidationError(f"The key {key} is there twice.")
        replaced = dict(typed)
        kept = [(key, replaced.pop(key, value)) for key, value in self.kept]
        return kept + list(replaced.items())
