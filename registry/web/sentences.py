"""Events as sentences: what the log keeps becomes words, an icon and a tone; read by every feed of the browser.

    sentence = tell(event)                    # one Event (or a row with its attributes); runs no query
    sentence.actor, sentence.icon, sentence.tone, sentence.words, sentence.quote, sentence.at, sentence.via

In a template, `feed_lines(sentences)` with `{{ s.words }}` as its block.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.urls import NoReverseMatch
from markupsafe import Markup

from registry.addresses import url

from .addresses import package_path
from .review_sentences import REVIEW_TELLERS
from .told import Read, Told, code, listed, mapping, say
from .told_teams import TEAM_TELLERS
from .told_views import VIEW_KINDS, tell_view
from .wording import plural, status_look

DOORS = {"admin": "admin site", "checks": "check API", "command": "command", "sagemaker": "SageMaker API"}


class Sentence(NamedTuple):
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


def tell(event: Any, *, short: bool = False, linked: bool = True, region: bool = False) -> Sentence:
    """Return the sentence of one event; runs no query and never fails on an odd row.

    `short` leaves out the group's name ("v25": for the group's and the version's own pages), `linked=False` names the
    subject without a link (it is gone), `region` adds the region in words (there are several). A kind without a
    teller, as a newer release may have written it, is told by its name.
    """
    subject = _subject(event, short=short, linked=linked, region=region)
    read = Read(event, subject, mapping(event.before), mapping(event.after))
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


def _subject(event: Any, *, short: bool, linked: bool, region: bool) -> Markup:
    """The group, version or package of an event, by the names that the event itself keeps."""
    if event.version is not None:
        name = f"v{event.version}" if short else f"{event.group_name} v{event.version}"
    else:
        name = event.package_name or event.group_name
    if not name:
        return say("<b>{}</b>", event.target) if event.target else Markup("the registry")
    path = _path(event) if linked else ""
    words = say('<a class="link" href="{}">{}</a>', path, name) if path else say("<b>{}</b>", name)
    return words + say(" in {}", event.region) if region and not short else words


def _path(event: Any) -> str:
    """The address of an event's subject; "" for a name that no address takes, which is told all the same."""
    try:
        if event.version is None and not event.package_name:
            return url("group-detail", event.region, event.group_name)
        return package_path(event.region, event.group_name, event.version, event.package_name)
    except NoReverseMatch:
        return ""


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Markup]:
    """What was added, changed and removed between two sets of pairs, each as words."""

    def pair(key: str, value: object) -> Markup:
        return code(f"{key}={value}" if value not in (None, "") else key)

    added = [pair(key, after[key]) for key in after if key not in before]
    changed = [
        code(key) + Markup(" from ") + code(before[key]) + Markup(" to ") + code(after[key])
        for key in after
        if key in before and before[key] != after[key]
    ]
    removed = [pair(key, before[key]) for key in before if key not in after]
    verbs = (("added", added), ("changed", changed), ("removed", removed))
    return [say("{} ", verb) + listed(parts) for verb, parts in verbs if parts]


def _pairs(state: Mapping[str, Any]) -> dict[str, Any]:
    return dict(mapping(state.get("CustomerMetadataProperties")))


def _tags(state: Mapping[str, Any]) -> dict[str, Any]:
    tags = state.get("Tags")
    return {tag.get("Key", ""): tag.get("Value", "") for tag in tags if isinstance(tag, Mapping)} if tags else {}


# ---------- one teller for each kind ----------


def _tell_unknown(event: Read) -> Told:
    return Told("info", say("left {} on {}", code(event.row.kind), event.subject))


def _tell_group_created(event: Read) -> Told:
    return Told("layers", say("created group {}", event.subject))


def _tell_description_changed(event: Read) -> Told:
    text = str(event.after.get("ModelPackageGroupDescription") or "")
    verb = "changed" if text else "removed"
    return Told("pencil", say("{} the description of {}", verb, event.subject), quote=text)


def _tell_tagged(event: Read) -> Told:
    words = say("changed tags of {}", event.subject)
    differences = _differences(_tags(event.before), _tags(event.after))
    if differences:
        words += Markup(": ") + Markup("; ").join(differences)
    return Told("tag", words)


def _tell_package_created(event: Read) -> Told:
    status = event.after.get("ModelApprovalStatus")
    look = status_look(status if isinstance(status, str) else None)
    decided = look.slug in ("approved", "rejected")
    words = say("registered {}", event.subject)
    if decided:
        words += say(" as {}", look.word)
    drawing = "git-branch" if event.row.version is not None else "package"
    return Told(drawing, words, quote=event.row.comment)


def _stage(state: Mapping[str, Any]) -> str:
    return str(mapping(state.get("ModelLifeCycle")).get("Stage") or "")


def _tell_stage_changed(event: Read) -> Told:
    was, now = _stage(event.before), _stage(event.after)
    if was == now and now:
        words = say("changed the stage status of {} in {}", event.subject, now)
    elif was and now:
        words = say("moved {} from {} to {}", event.subject, was, now)
    elif now:
        words = say("moved {} to {}", event.subject, now)
    else:
        words = say("took {} out of {}", event.subject, was or "its stage")
    return Told("rocket", words, quote=event.row.comment)


def _tell_metadata_changed(event: Read) -> Told:
    before, after = _pairs(event.before), _pairs(event.after)
    if len(after) == 1 and set(before) <= set(after):
        ((key, value),) = after.items()
        words = say("set {} to {} on {}", code(key), code(value), event.subject)
        if key in before:
            words += say(", was {}", code(before[key]))
        return Told("pencil", words)
    if not after and before:
        return Told("minus", say("removed {} from {}", listed(list(map(code, before))), event.subject))
    words = say("changed metadata of {}", event.subject)
    differences = _differences(before, after)
    if differences:
        words += Markup(": ") + Markup("; ").join(differences)
    return Told("pencil", words)


def _tell_metrics_read(event: Read) -> Told:
    metrics = event.after.get("Metrics")
    many = plural(len(metrics), "metric") if isinstance(metrics, list | dict) and metrics else "the metric reports"
    note = event.after.get("Note")
    return Told("file-text", say("read {} of {}", many, event.subject), quote=note if note else "")


# Member of the import's summary -> the word that is counted.
_IMPORTED = {
    "groups": ("group", "groups"),
    "versions": ("version", "versions"),
    "packages": ("package", "packages"),
    "updated": ("update", "updates"),
}


def _tell_imported(event: Read) -> Told:
    counts = {key.lower(): value for key, value in event.after.items() if isinstance(value, int)}
    parts = [plural(counts[key], *words) for key, words in _IMPORTED.items() if counts.get(key)]
    many = " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else (parts or ["records"])[0]
    words = say("imported {}", many)
    if event.row.target:
        words += say(" from {}", code(event.row.target))
    if counts.get("decisions"):
        words += say(", {} as recorded", plural(counts["decisions"], "decision"))
    if counts.get("faults"):
        words += say(", without {}", plural(counts["faults"], "faulty record"))
    return Told("download", words, quote=event.row.comment)


def _tell_backup_restored(event: Read) -> Told:
    words = say("restored the backup of {}", event.after.get("made_at", "an unknown time"))
    if faults := event.after.get("faults"):
        words += say(", although its log had {}", plural(len(faults), "fault"))
    return Told("archive-restore", words, quote=event.row.comment)


def _user(event: Read) -> Markup:
    return say("<b>{}</b>", event.row.target)


def _tell_user_created(event: Read) -> Told:
    words = say("made the {} {}", "service account" if event.after.get("is_service") else "user", _user(event))
    role = event.after.get("role")
    return Told("user", words + (say(" with the role {}", role) if role else Markup("")))


def _tell_role_changed(event: Read) -> Told:
    was, now = event.before.get("role") or "none", event.after.get("role") or "none"
    return Told("shield-check", say("changed the role of {} from {} to {}", _user(event), was, now))


def _tell_user_activated(event: Read) -> Told:
    return Told("user", say("let {} sign in again", _user(event)))


def _tell_user_deactivated(event: Read) -> Told:
    return Told("lock", say("deactivated {}", _user(event)))


def _tell_password_changed(event: Read) -> Told:
    if event.row.actor_name == event.row.target:
        return Told("key-round", Markup("changed their password"))
    return Told("key-round", say("set a new password for {}", _user(event)))


# ---------- groups and packages that go, and what only the wire changes ----------


def _tell_deleted(event: Read) -> Told:
    kind = "group " if event.row.kind == "model_package_group.deleted" else ""
    quote = event.before.get("ModelPackageDescription") or event.before.get("ModelPackageGroupDescription") or ""
    return Told("trash-2", say("deleted {}{}", kind, event.subject), "bad", str(quote))


def _tell_restored(event: Read) -> Told:
    kind = "group " if event.row.kind == "model_package_group.restored" else ""
    return Told("rotate-ccw", say("restored {}{}", kind, event.subject))


def _tell_policy_changed(event: Read) -> Told:
    was, now = event.before.get("ResourcePolicy"), event.after.get("ResourcePolicy")
    verb = "changed" if was and now else "set" if now else "removed"
    return Told("shield-check", say("{} the policy of {}", verb, event.subject))


def _tell_metrics_changed(event: Read) -> Told:
    def chosen(state: Mapping[str, Any]) -> dict[str, Any]:
        held = {"leading": state.get("LeadingMetric"), **mapping(state.get("MetricDirections"))}
        return {name: word for name, word in held.items() if word}

    words = say("changed how the metrics of {} are read: ", event.subject)
    return Told(
        "sliders-horizontal", words + Markup("; ").join(_differences(chosen(event.before), chosen(event.after)))
    )


# Member of UpdateModelPackage -> its words; what is not here is told by the member's own name.
_CONTENTS = {
    "AdditionalInferenceSpecifications": "additional inference specifications",
    "InferenceSpecification": "inference specification",
    "ModelCard": "model card",
    "ModelPackageRegistrationType": "registration type",
    "SourceUri": "source",
}


# What the event of a change keeps beside the wire's members: what it meant for the review.
_OF_THE_REVIEW = {"ApprovedContent", "ChangedSinceApproval", "ChecksOutdated", "Votes", "WaitingSince"}


def _tell_content_changed(event: Read) -> Told:
    names = [name for name in event.after if name not in _OF_THE_REVIEW]
    parts = [Markup.escape(_CONTENTS[name]) if name in _CONTENTS else code(name) for name in names]
    many = listed(parts) if parts else Markup("content")
    words = say("changed the {} of {}", many, event.subject)
    changed = event.after.get("ChangedSinceApproval")
    if changed is not None:
        words += Markup(", which is not what was approved" if changed else ", back to what was approved")
    return Told("pencil", words, "wait" if changed else "")


def _tell_touched(event: Read) -> Told:
    return Told("pencil", say("sent an update of {} that changed nothing", event.subject))


# ---------- access keys: the target is USER/NAME ----------


def _key(event: Read) -> Markup:
    """The key by its name, and whose it is where that is not the actor."""
    owner, _, name = event.row.target.partition("/")
    words = say("the access key <b>{}</b>", name or owner)
    return words if not name or owner == event.row.actor_name else words + say(" of <b>{}</b>", owner)


def _tell_key_created(event: Read) -> Told:
    words, role = say("made {}", _key(event)), event.after.get("role")
    if role:
        words += say(" with the role {}", role)
    expires = str(event.after.get("expires_at") or "")[:10]
    return Told("key-round", words + (say(", until {}", expires) if expires else Markup("")))


def _tell_key_renamed(event: Read) -> Told:
    was, now = event.before.get("name") or "", event.after.get("name") or ""
    owner = event.row.target.partition("/")[0]
    whose = Markup("") if owner == event.row.actor_name else say(" of <b>{}</b>", owner)
    return Told("key-round", say("renamed the access key {} to <b>{}</b>", was, now) + whose)


def _tells_key(drawing: str, verb: str) -> Callable[[Read], Told]:
    return lambda event: Told(drawing, say("{} {}", verb, _key(event)))


def _tell_view(event: Read) -> Told:
    return Told(*tell_view(event.row.kind, event.row.target, event.before, event.after))


TELLERS: dict[str, Callable[[Read], Told]] = {
    **REVIEW_TELLERS,
    **TEAM_TELLERS,
    "model_package_group.created": _tell_group_created,
    "model_package_group.description_changed": _tell_description_changed,
    "model_package_group.tagged": _tell_tagged,
    "model_package.created": _tell_package_created,
    "model_package.stage_changed": _tell_stage_changed,
    "model_package.metadata_changed": _tell_metadata_changed,
    "model_package.metrics_read": _tell_metrics_read,
    "model_package.tagged": _tell_tagged,
    "model_package_group.deleted": _tell_deleted,
    "model_package_group.policy_changed": _tell_policy_changed,
    "model_package_group.metrics_changed": _tell_metrics_changed,
    "model_package.deleted": _tell_deleted,
    "model_package.restored": _tell_restored,
    "model_package_group.restored": _tell_restored,
    "model_package.content_changed": _tell_content_changed,
    "model_package.touched": _tell_touched,
    "access_key.created": _tell_key_created,
    "access_key.renamed": _tell_key_renamed,
    "access_key.enabled": _tells_key("check", "enabled"),
    "access_key.disabled": _tells_key("lock", "disabled"),
    "access_key.rotated": _tells_key("rotate-ccw", "rotated"),
    "access_key.reencrypted": _tells_key("lock", "put under the server's new secret key"),
    "access_key.deleted": _tells_key("trash-2", "deleted"),
    "registry.imported": _tell_imported,
    "registry.restored": _tell_backup_restored,
    **dict.fromkeys(VIEW_KINDS, _tell_view),
    "user.created": _tell_user_created,
    "user.role_changed": _tell_role_changed,
    "user.activated": _tell_user_activated,
    "user.deactivated": _tell_user_deactivated,
    "user.password_changed": _tell_password_changed,
}
