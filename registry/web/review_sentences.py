"""The sentences of reviewing: decisions and their undoing, votes, requests, comments, checks and rules of groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from .told import Read, Told, code, listed, mapping, say
from .wording import plural, status_look

_DECISIONS = {
    "approved": ("check", "ok", "approved"),
    "rejected": ("x", "bad", "rejected"),
    "pending": ("clock", "wait", "asked for review of"),
}
_STATES = {"success": ("check", "ok", "passed"), "failure": ("x", "bad", "failed"), "pending": ("clock", "", "runs")}


def _look(state: Any) -> Any:
    status = state.get("ModelApprovalStatus")
    return status_look(status if isinstance(status, str) else None)


def _tell_status_changed(event: Read) -> Told:
    look, was, after, comment = _look(event.after), _look(event.before).slug, event.after, event.row.comment
    slug = look.slug
    if after.get("Undone"):
        words = say("took back a decision on {}, which is {} again", event.subject, look.word)
        return Told("rotate-ccw", words, "wait" if slug == "pending" else "")
    if after.get("Withdrawn"):
        words = say("changed what was approved, so {} went back to Waiting", event.subject)
        return Told("rotate-ccw", words, "wait", comment)
    if slug == was and slug != "none" and event.before.get("DecidedTime") == after.get("DecidedTime"):
        return Told("message-square", say("commented on {}", event.subject), quote=comment)
    drawing, tone, verb = _DECISIONS.get(slug, ("rotate-ccw", "", "removed the status of"))
    if slug == "pending" and was in ("approved", "rejected"):
        words = say("put {} back to Waiting", event.subject)
        return Told("rotate-ccw", words, tone, comment)
    words = say("{} {}", verb, event.subject)
    if slug == was:
        words += Markup(" again")
    if after.get("Override"):
        words += Markup(" against the rules of its group")
    if after.get("ByImport"):
        words += Markup(", as an import recorded it")
    return Told(drawing, words, tone, comment)


def _tell_vote_given(event: Read) -> Told:
    words, needed, given = say("approved {}", event.subject), event.after.get("Needed"), event.after
    approvals = given.get("Approvals")
    if isinstance(approvals, list) and isinstance(needed, int):
        words += say(", {} of {} approvals", len(approvals), needed)
    return Told("check", words, "wait", event.row.comment)


def _tell_vote_withdrawn(event: Read) -> Told:
    return Told("rotate-ccw", say("took their approval of {} back", event.subject))


def _tell_changes_requested(event: Read) -> Told:
    words = say("asked for changes to {}", event.subject)
    return Told("message-square", words, "wait", event.row.comment)


def _tell_commented(event: Read) -> Told:
    return Told("message-square", say("commented on {}", event.subject), quote=event.row.comment)


def _tell_check_reported(event: Read) -> Told:
    check = mapping(event.after.get("Check"))
    drawing, tone, verb = _STATES.get(str(check.get("State")), ("info", "", "was reported"))
    words = say("reported that check {} {} on {}", code(check.get("Name") or ""), verb, event.subject)
    return Told(drawing, words, tone, str(check.get("Summary") or ""))


# Member of the stored rules -> its words.
_RULES = {
    "approvals_needed": "approvals needed",
    "author_may_not_approve": "who may approve",
    "comment_required": "comments",
    "metric_gates": "metrics",
    "required_metadata_keys": "metadata",
    "required_checks": "checks",
    "content_withdraws_approval": "changed content",
}


def _tell_rules_changed(event: Read) -> Told:
    was, now = (mapping(state.get("ReviewRules")) for state in (event.before, event.after))
    if was and not now:
        return Told("shield-check", say("removed the review rules of {}", event.subject))
    if now and not was:
        words = say("set {} for {}", plural(len(now), "review rule"), event.subject)
        return Told("shield-check", words)
    changed = [name for name in {**was, **now} if was.get(name) != now.get(name)]
    parts = [Markup.escape(_RULES[name]) if name in _RULES else code(name) for name in changed]
    words = say("changed the review rules of {}", event.subject)
    return Told("shield-check", words + (Markup(": ") + listed(parts) if parts else Markup("")))


REVIEW_TELLERS: dict[str, Callable[[Read], Told]] = {
    "model_package.approval_status_changed": _tell_status_changed,
    "model_package.vote_given": _tell_vote_given,
    "model_package.vote_withdrawn": _tell_vote_withdrawn,
    "model_package.changes_requested": _tell_changes_requested,
    "model_package.commented": _tell_commented,
    "model_package.check_reported": _tell_check_reported,
    "model_package_group.rules_changed": _tell_rules_changed,
}
