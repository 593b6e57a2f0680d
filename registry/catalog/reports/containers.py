"""The containers of two inference specifications side by side, line by line; plain values, no database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["same", "changed", "moved", "added", "removed"]


@dataclass(frozen=True)
class Line:
    """One fact of a container; `before` is the baseline's ("" for none), `kind` says how it is drawn."""

    label: str
    value: str
    before: str = ""
    kind: Literal["uri", "text"] = "text"
    compared: bool = False

    @property
    def differs(self) -> bool:
        return self.compared and self.value != self.before

    @property
    def note(self) -> str:
        """ "new", "was x", "removed", or "" where nothing differs."""
        if not self.differs:
            return ""
        return "new" if not self.before else f"was {self.before}"


@dataclass(frozen=True)
class ContainerChange:
    """A container beside the one it replaces; `position` counts from 1 and is 0 for one that is gone.

    An artifact "moved" when it lies elsewhere under the same ETag: the content is the same.
    """

    position: int
    title: str
    lines: tuple[Line, ...]
    environment: tuple[Line, ...]
    image_state: State
    artifact_state: State
    has_artifact: bool


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def containers_of(specification: Any) -> list[Mapping[str, Any]]:
    """The containers of an inference specification as the wire has them; an empty list where it has none."""
    listed = _mapping(specification).get("Containers")
    return [_mapping(container) for container in listed] if isinstance(listed, list) else []


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _source(container: Mapping[str, Any]) -> Mapping[str, Any]:
    return _mapping(_mapping(container.get("ModelDataSource")).get("S3DataSource"))


def artifact_of(container: Mapping[str, Any]) -> str:
    """Where the model lies: ModelDataUrl, or the S3 URI of ModelDataSource."""
    return _text(container.get("ModelDataUrl") or _source(container).get("S3Uri"))


def etag_of(container: Mapping[str, Any]) -> str:
    """The ETag of the artifact, without the quotes that S3 puts around it."""
    return _text(container.get("ModelDataETag") or _source(container).get("ETag")).strip('"')


def _framework(container: Mapping[str, Any]) -> str:
    return " ".join(filter(None, (_text(container.get("Framework")), _text(container.get("FrameworkVersion")))))


def _how_stored(container: Mapping[str, Any]) -> str:
    source = _source(container)
    kind = {"S3Prefix": "Prefix", "S3Object": "Object"}.get(_text(source.get("S3DataType")), "")
    packed = _text(source.get("CompressionType"))
    return ", ".join(filter(None, (kind, {"None": "not compressed"}.get(packed, packed))))


def facts_of_container(container: Mapping[str, Any]) -> dict[str, tuple[str, Literal["uri", "text"]]]:
    """Every fact of a container by its label, in the order in which it is shown."""
    facts: dict[str, tuple[str, Literal["uri", "text"]]] = {
        "Image URI": (_text(container.get("Image")), "uri"),
        "Image digest": (_text(container.get("ImageDigest")), "uri"),
        "Artifact URI": (artifact_of(container), "uri"),
        "Stored as": (_how_stored(container), "text"),
        "Manifest": (_text(_source(container).get("ManifestS3Uri")), "uri"),
        "ETag": (etag_of(container), "uri"),
        "Framework": (_framework(container), "text"),
        "Nearest model": (_text(container.get("NearestModelName")), "text"),
        "Base model": (
            _text(
                _mapping(container.get("BaseModel")).get("HubContentName")
                or _mapping(container.get("BaseModel")).get("RecipeName")
            ),
            "text",
        ),
        "Model input": (_text(_mapping(container.get("ModelInput")).get("DataInputConfig")), "text"),
        "Product": (_text(container.get("ProductId")), "text"),
        "Extra data": (_text(_mapping(container.get("AdditionalS3DataSource")).get("S3Uri")), "uri"),
    }
    more = container.get("AdditionalModelDataSources")
    for source in more if isinstance(more, list) else []:
        place = _mapping(_mapping(source).get("S3DataSource"))
        facts[f"Channel {_text(_mapping(source).get('ChannelName'))}"] = (_text(place.get("S3Uri")), "uri")
    if container.get("IsCheckpoint"):
        facts["Checkpoint"] = ("yes", "text")
    return facts


def _lines(ours: Mapping[str, Any], theirs: Mapping[str, Any] | None) -> list[Line]:
    facts, were = facts_of_container(ours), facts_of_container(theirs) if theirs is not None else {}
    lines = []
    for label in [*facts, *(label for label in were if label not in facts)]:
        value, kind = facts.get(label, ("", were.get(label, ("", "text"))[1]))
        before = were.get(label, ("", kind))[0]
        if value or before:
            lines.append(Line(label, value, before, kind, theirs is not None))
    return lines


def _environment(ours: Mapping[str, Any], theirs: Mapping[str, Any] | None) -> list[Line]:
    now = _mapping(ours.get("Environment"))
    was = _mapping(theirs.get("Environment")) if theirs is not None else {}
    keys = [*now, *(key for key in was if key not in now)]
    return [Line(key, _text(now.get(key)), _text(was.get(key)), "text", theirs is not None) for key in keys]


def _state(ours: Mapping[str, Any], theirs: Mapping[str, Any] | None, *readers: Any) -> State:
    if theirs is None:
        return "added"
    return "changed" if any(reader(ours) != reader(theirs) for reader in readers) else "same"


def _image(container: Mapping[str, Any]) -> tuple[str, str]:
    return _text(container.get("Image")), _text(container.get("ImageDigest"))


def _repository(container: Mapping[str, Any]) -> str:
    """The image's name without registry host, tag and digest."""
    return _text(container.get("Image")).rpartition("/")[2].partition("@")[0].partition(":")[0]


def title_of(container: Mapping[str, Any]) -> str:
    """The host name of a container, else the name of its image."""
    return _text(container.get("ContainerHostname")) or _repository(container) or "Container"


def match_containers(
    ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any] | None]:
    """The baseline's container for each of ours: of the same host name, else of the same image name, else next."""
    left = list(theirs)
    found: list[Mapping[str, Any] | None] = [None] * len(ours)

    for reader in (lambda c: _text(c.get("ContainerHostname")), _repository, lambda c: "any"):
        for place, container in enumerate(ours):
            name = reader(container)
            twin = next((c for c in left if name and reader(c) == name), None) if found[place] is None else None
            if twin is not None:
                found[place] = twin
                left = [c for c in left if c is not twin]
    return found


def compare_containers(specification: Any, baseline: Any = None) -> list[ContainerChange]:
    """The containers of a specification beside the baseline's (None: nothing to compare with), then those gone."""
    ours, compared = containers_of(specification), baseline is not None
    theirs = containers_of(baseline) if compared else []
    twins = match_containers(ours, theirs)
    changes = []
    for position, (container, other) in enumerate(zip(ours, twins, strict=True), 1):
        artifact_state = _state(container, other, artifact_of, etag_of)
        if artifact_state == "changed" and etag_of(container) and other and etag_of(container) == etag_of(other):
            artifact_state = "moved"
        changes.append(
            ContainerChange(
                position=position,
                title=title_of(container),
                lines=tuple(_lines(container, other)),
                environment=tuple(_environment(container, other)),
                image_state=_state(container, other, _image) if compared else "same",
                artifact_state=artifact_state if compared else "same",
                has_artifact=bool(artifact_of(container) or (other and artifact_of(other))),
            )
        )
    for gone in theirs:
        if not any(twin is gone for twin in twins):
            lines = tuple(Line(line.label, "", line.value, line.kind, True) for line in _lines(gone, None))
            changes.append(ContainerChange(0, title_of(gone), lines, (), "removed", "removed", bool(artifact_of(gone))))
    return changes
