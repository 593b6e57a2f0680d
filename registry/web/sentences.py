"""Events as sentences: what the log keeps becomes words, an icon and a tone; read by every feed of the browser.

    sentence = tell(event)                    # one Event (or a row with its attributes); runs no query
    sentence.actor, sentence.icon, sentence.tone, sentence.words, sentence.quote, sentence.at, sentence.via

In a template, `feed_item(s.actor, s.at, s.icon, s.tone, s.quote)` with `{{ s.words }}` as its block.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.urls import NoReverseMatch, reverse
from markupsafe import Markup

from .wording import plural, status_look

VALUE_SHOWN = 60  # characters of a value; the page of the object has all of them
PAIRS_SHOWN = 3

DOORS = {"admin": "admin site", "command": "command", "sagemaker": "SageMaker API"}


@dataclass(frozen=True)
class Sentence:
    """One event for a reader.

    `words` is safe markup that continues the actor's name ("approved <a …>v25</a>"), `text` the same without markup,
    `icon` a name of registry.web.icons, `tone` "ok", "wait", "bad" or "", `quote` the comment, `via` the door when it
    was not the browser.
    """

    id: int
    at: datetime
    actor: str
    icon: str
    words: Markup
    tone: str = ""
    quote: str = ""
    via: str = ""

    @property
    def text(self) -> str:
        return self.words.striptags()


@dataclass(frozen=True)
class _Told:
    """What the teller of one kind says; the rest of the sentence is the same for all kinds."""

    icon: str
    words: Markup
    tone: str = ""
    quote: str = ""


@dataclass(frozen=True)
class _Event:
    """An event with its subject already in words, so that a teller need not know how subjects are drawn."""

    row: Any
    subject: Markup
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)


def tell(event: Any, *, short: bool = False, linked: bool = True, region: bool = False) -> Sentence:
    """Return the sentence of one event; runs no query and never fails on an odd row.

    `short` leaves out the group's name ("v25": for the group's and the version's own pages), `linked=False` names the
    subject without a link (it is gone), `region` adds the region in words (there are several). A kind without a
    teller, as a newer release may have written it, is told by its name.
    """
    subject = _subject(event, short=short, linked=linked, region=region)
    read = _Event(event, subject, _mapping(event.before), _mapping(event.after))
    told = TELLERS.get(event.kind, _tell_unknown)(read)
    return Sentence(
        id=event.pk,
        at=event.at,
        actor=event.actor_name,
        icon=told.icon,
        words=told.words,
        tone=told.tone,
        quote=told.quote,
        via=DOORS.get(event.door, "" if event.door == "browser" else event.door),
    )


# ---------- parts of a sentence ----------


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _subject(event: Any, *, short: bool, linked: bool, region: bool) -> Markup:
    """The group, version or package of an event, by the names that the event itself keeps."""
    if event.version is not None:
        name = f"v{event.version}" if short else f"{event.group_name} v{event.version}"
        address = ("package-detail", [event.region, event.group_name, event.version])
    elif event.package_name:
        name, address = event.package_name, ("unversioned-detail", [event.region, event.package_name])
    elif event.group_name:
        name, address = event.group_name, ("group-detail", [event.region, event.group_name])
    else:
        return Markup("<b>{}</b>").format(event.target) if event.target else Markup("the registry")
    words = Markup("<b>{}</b>").format(name)
    if linked:
        with suppress(NoReverseMatch):  # a name that no address takes is told all the same
            words = Markup('<a class="link" href="{}">{}</a>').format(reverse(address[0], args=address[1]), name)
    return words + (Markup(" in {}").format(event.region) if region and not short else Markup(""))


def _code(value: object) -> Markup:
    text = " ".join(str(value).split())
    return Markup("<code>{}</code>").format(text if len(text) <= VALUE_SHOWN else f"{text[: VALUE_SHOWN - 1]}…")


def _listed(parts: list[Markup]) -> Markup:
    """At most three parts, joined, and how many more there are."""
    shown = Markup(", ").join(parts[:PAIRS_SHOWN])
    more = len(parts) - PAIRS_SHOWN
    return shown + (Markup(" and {} more").format(more) if more > 0 else Markup(""))


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Markup]:
    """What was added, changed and removed between two sets of pairs, each as words."""

    def pair(key: str, value: object) -> Markup:
        return _code(f"{key}={value}" if value not in (None, "") else key)

    added = [pair(key, after[key]) for key in after if key not in before]
    changed = [
        _code(key) + Markup(" from ") + _code(before[key]) + Markup(" to ") + _code(after[key])
        for key in after
        if key in before and before[key] != after[key]
    ]
    removed = [pair(key, before[key]) for key in before if key not in after]
    verbs = (("added", added), ("changed", changed), ("removed", removed))
    return [Markup("{} ").format(verb) + _listed(parts) for verb, parts in verbs if parts]


def _pairs(state: Mapping[str, Any]) -> dict[str, Any]:
    return dict(_mapping(state.get("CustomerMetadataProperties")))


def _tags(state: Mapping[str, Any]) -> dict[str, Any]:
    tags = state.get("Tags")
    return {tag.get("Key", ""): tag.get("Value", "") for tag in tags if isinstance(tag, Mapping)} if tags else {}


# ---------- one teller for each kind ----------


def _tell_unknown(event: _Event) -> _Told:
    return _Told("info", Markup("left {} on {}").format(_code(event.row.kind), event.subject))


def _tell_group_created(event: _Event) -> _Told:
    return _Told("layers", Markup("created group {}").format(event.subject))


def _tell_description_changed(event: _Event) -> _Told:
    text = str(event.after.get("ModelPackageGroupDescription") or "")
    verb = "changed" if text else "removed"
    return _Told("pencil", Markup("{} the description of {}").format(verb, event.subject), quote=text)


def _tell_tagged(event: _Event) -> _Told:
    words = Markup("changed tags of {}").format(event.subject)
    differences = _differences(_tags(event.before), _tags(event.after))
    if differences:
        words += Markup(": ") + Markup("; ").join(differences)
    return _Told("tag", words)


def _tell_package_created(event: _Event) -> _Told:
    status = event.after.get("ModelApprovalStatus")
    look = status_look(status if isinstance(status, str) else None)
    decided = look.slug in ("approved", "rejected")
    words = Markup("registered {}").format(event.subject)
    if decided:
        words += Markup(" as {}").format(look.word)
    drawing = "git-branch" if event.row.version is not None else "package"
    return _Told(drawing, words, quote=event.row.comment)


_DECISIONS = {
    "approved": ("check", "ok", "approved"),
    "rejected": ("x", "bad", "rejected"),
    "pending": ("clock", "wait", "asked for review of"),
}


def _tell_status_changed(event: _Event) -> _Told:
    status = event.after.get("ModelApprovalStatus")
    slug = status_look(status if isinstance(status, str) else None).slug
    was = status_look(event.before.get("ModelApprovalStatus")).slug
    if slug == was and slug != "none":
        return _Told("message-square", Markup("commented on {}").format(event.subject), quote=event.row.comment)
    drawing, tone, verb = _DECISIONS.get(slug, ("rotate-ccw", "", "removed the status of"))
    if slug == "pending" and was in ("approved", "rejected"):
        words = Markup("put {} back to Waiting").format(event.subject)
        return _Told("rotate-ccw", words, tone, event.row.comment)
    return _Told(drawing, Markup("{} {}").format(verb, event.subject), tone, event.row.comment)


def _stage(state: Mapping[str, Any]) -> str:
    return str(_mapping(state.get("ModelLifeCycle")).get("Stage") or "")


def _tell_stage_changed(event: _Event) -> _Told:
    was, now = _stage(event.before), _stage(event.after)
    if was == now and now:
        words = Markup("changed the stage status of {} in {}").format(event.subject, now)
    elif was and now:
        words = Markup("moved {} from {} to {}").format(event.subject, was, now)
    elif now:
        words = Markup("moved {} to {}").format(event.subject, now)
    else:
        words = Markup("took {} out of {}").format(event.subject, was or "its stage")
    return _Told("rocket", words, quote=event.row.comment)


def _tell_metadata_changed(event: _Event) -> _Told:
    before, after = _pairs(event.before), _pairs(event.after)
    if len(after) == 1 and set(before) <= set(after):
        ((key, value),) = after.items()
        words = Markup("set {} to {} on {}").format(_code(key), _code(value), event.subject)
        if key in before:
            words += Markup(", was {}").format(_code(before[key]))
        return _Told("pencil", words)
    if not after and before:
        return _Told("minus", Markup("removed {} from {}").format(_listed(list(map(_code, before))), event.subject))
    words = Markup("changed metadata of {}").format(event.subject)
    differences = _differences(before, after)
    if differences:
        words += Markup(": ") + Markup("; ").join(differences)
    return _Told("pencil", words)


def _tell_metrics_read(event: _Event) -> _Told:
    metrics = event.after.get("Metrics")
    many = plural(len(metrics), "metric") if isinstance(metrics, list | dict) and metrics else "the metric reports"
    note = event.after.get("Note")
    return _Told("file-text", Markup("read {} of {}").format(many, event.subject), quote=note if note else "")


# Member of the import's summary -> the word that is counted.
_IMPORTED = {
    "groups": ("group", "groups"),
    "versions": ("version", "versions"),
    "packages": ("package", "packages"),
    "updated": ("update", "updates"),
}


def _tell_imported(event: _Event) -> _Told:
    counts = {key.lower(): value for key, value in event.after.items() if isinstance(value, int)}
    parts = [plural(counts[key], *words) for key, words in _IMPORTED.items() if counts.get(key)]
    many = " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else (parts or ["records"])[0]
    words = Markup("imported {}").format(many)
    if event.row.target:
        words += Markup(" from {}").format(_code(event.row.target))
    if counts.get("faults"):
        words += Markup(", without {}").format(plural(counts["faults"], "faulty record"))
    return _Told("download", words, quote=event.row.comment)


def _user(event: _Event) -> Markup:
    return Markup("<b>{}</b>").format(event.row.target)


def _tell_user_created(event: _Event) -> _Told:
    words = Markup("made the {} {}").format(
        "service account" if event.after.get("is_service") else "user", _user(event)
    )
    role = event.after.get("role")
    return _Told("user", words + (Markup(" with the role {}").format(role) if role else Markup("")))


def _tell_role_changed(event: _Event) -> _Told:
    was, now = event.before.get("role") or "none", event.after.get("role") or "none"
    return _Told("shield-check", Markup("changed the role of {} from {} to {}").format(_user(event), was, now))


def _tell_user_activated(event: _Event) -> _Told:
    return _Told("user", Markup("let {} sign in again").format(_user(event)))


def _tell_user_deactivated(event: _Event) -> _Told:
    return _Told("lock", Markup("deactivated {}").format(_user(event)))


def _tell_password_changed(event: _Event) -> _Told:
    if event.row.actor_name == event.row.target:
        return _Told("key-round", Markup("changed their password"))
    return _Told("key-round", Markup("set a new password for {}").format(_user(event)))


# ---------- groups and packages that go, and what only the wire changes ----------


def _tell_deleted(event: _Event) -> _Told:
    kind = "group " if event.row.kind == "model_package_group.deleted" else ""
    quote = event.before.get("ModelPackageDescription") or event.before.get("ModelPackageGroupDescription") or ""
    return _Told("trash-2", Markup("deleted {}{}").format(kind, event.subject), "bad", str(quote))


def _tell_restored(event: _Event) -> _Told:
    kind = "group " if event.row.kind == "model_package_group.restored" else ""
    return _Told("rotate-ccw", Markup("restored {}{}").format(kind, event.subject))


def _tell_policy_changed(event: _Event) -> _Told:
    was, now = event.before.get("ResourcePolicy"), event.after.get("ResourcePolicy")
    verb = "changed" if was and now else "set" if now else "removed"
    return _Told("shield-check", Markup("{} the policy of {}").format(verb, event.subject))


# Member of UpdateModelPackage -> its words; what is not here is told by the member's own name.
_CONTENTS = {
    "AdditionalInferenceSpecifications": "additional inference specifications",
    "InferenceSpecification": "inference specification",
    "ModelCard": "model card",
    "ModelPackageRegistrationType": "registration type",
    "SourceUri": "source",
}


def _tell_content_changed(event: _Event) -> _Told:
    parts = [Markup.escape(_CONTENTS[name]) if name in _CONTENTS else _code(name) for name in event.after]
    many = _listed(parts) if parts else Markup("content")
    return _Told("pencil", Markup("changed the {} of {}").format(many, event.subject))


# ---------- access keys: the target is USER/NAME ----------


def _key(event: _Event) -> Markup:
    """The key by its name, and whose it is where that is not the actor."""
    owner, _, name = event.row.target.partition("/")
    words = Markup("the access key <b>{}</b>").format(name or owner)
    return words if not name or owner == event.row.actor_name else words + Markup(" of <b>{}</b>").format(owner)


def _tell_key_created(event: _Event) -> _Told:
    words, role = Markup("made {}").format(_key(event)), event.after.get("role")
    if role:
        words += Markup(" with the role {}").format(role)
    expires = str(event.after.get("expires_at") or "")[:10]
    return _Told("key-round", words + (Markup(", until {}").format(expires) if expires else Markup("")))


def _tell_key_renamed(event: _Event) -> _Told:
    was, now = event.before.get("name") or "", event.after.get("name") or ""
    owner = event.row.target.partition("/")[0]
    whose = Markup("") if owner == event.row.actor_name else Markup(" of <b>{}</b>").format(owner)
    return _Told("key-round", Markup("renamed the access key {} to <b>{}</b>").format(was, now) + whose)


def _tells_key(drawing: str, verb: str) -> Callable[[_Event], _Told]:
    return lambda event: _Told(drawing, Markup("{} {}").format(verb, _key(event)))


TELLERS: dict[str, Callable[[_Event], _Told]] = {
    "model_package_group.created": _tell_group_created,
    "model_package_group.description_changed": _tell_description_changed,
    "model_package_group.tagged": _tell_tagged,
    "model_package.created": _tell_package_created,
    "model_package.approval_status_changed": _tell_status_changed,
    "model_package.stage_changed": _tell_stage_changed,
    "model_package.metadata_changed": _tell_metadata_changed,
    "model_package.metrics_read": _tell_metrics_read,
    "model_package.tagged": _tell_tagged,
    "model_package_group.deleted": _tell_deleted,
    "model_package_group.policy_changed": _tell_policy_changed,
    "model_package.deleted": _tell_deleted,
    "model_package.restored": _tell_restored,
    "model_package_group.restored": _tell_restored,
    "model_package.content_changed": _tell_content_changed,
    "access_key.created": _tell_key_created,
    "access_key.renamed": _tell_key_renamed,
    "access_key.enabled": _tells_key("check", "enabled"),
    "access_key.disabled": _tells_key("lock", "disabled"),
    "access_key.rotated": _tells_key("rotate-ccw", "rotated"),
    "access_key.deleted": _tells_key("trash-2", "deleted"),
    "registry.imported": _tell_imported,
    "user.created": _tell_user_created,
    "user.role_changed": _tell_role_changed,
    "user.activated": _tell_user_activated,
    "user.deactivated": _tell_user_deactivated,
    "user.password_changed": _tell_password_changed,
}
