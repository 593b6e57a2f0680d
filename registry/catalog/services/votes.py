"""Votes: the approvals of the round that is open, where a group needs several; called with the package locked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone

from registry.accounts.models import User
from registry.accounts.permissions import Actor
from registry.events.services import record

from ..models import ModelPackage, Vote
from ..models.teams import is_hidden
from .locks import note_review


def give_vote(actor: Actor, locked: ModelPackage, comment: str, *, approvals: list[str], needed: int) -> None:
    """Note the approval of a person that is not the last one needed; leaves `model_package.vote_given`.

    One vote a person: another one with other words replaces the comment, the same again changes nothing.
    """
    if actor.user is None:
        raise ValidationError({"approval_status": ["One of several approvals is given by somebody with an account."]})
    vote = Vote.objects.filter(package=locked, user=actor.user).first()
    if vote is not None and vote.comment == comment:
        return
    before = {"Vote": _members(vote)} if vote is not None else None
    vote = vote or Vote(package=locked, user=actor.user, user_name=actor.name)
    vote.comment, vote.voted_at = comment, timezone.now()
    vote.save()
    note_review(locked)
    record(
        actor,
        "model_package.vote_given",
        package=locked,
        before=before,
        after={"Vote": _members(vote), "Approvals": approvals, "Needed": needed},
        comment=comment,
        at=vote.voted_at,
    )


def clear_votes(locked: ModelPackage) -> list[dict[str, Any]]:
    """End the round: no votes are left; returns them as the event of what ended it keeps them."""
    votes = list(Vote.objects.filter(package=locked))
    if votes:
        Vote.objects.filter(package=locked).delete()
    return [_members(vote) for vote in votes]


def restore_votes(locked: ModelPackage, votes: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Bring back votes that clear_votes returned, but for people who have voted anew or are gone; those that count."""
    kept = {str(vote.get("User")): vote for vote in votes}
    present = set(Vote.objects.filter(package=locked).values_list("user_name", flat=True))
    people = User.objects.filter(username__in=kept.keys() - present)
    back = Vote.objects.bulk_create(
        Vote(
            package=locked,
            user=person,
            user_name=person.get_username(),
            comment=kept[person.get_username()].get("Comment") or "",
            voted_at=datetime.fromisoformat(kept[person.get_username()]["Time"]),
        )
        for person in people
    )
    return [_members(vote) for vote in back]


def may_approve_still(locked: ModelPackage, names: Sequence[str]) -> list[str]:
    """Those of the names whose user could give an approval now; a name of no user is history and stays."""
    people = {person.get_username(): person for person in User.objects.with_roles().filter(username__in=names)}

    def counts(name: str) -> bool:
        person = people.get(name)
        if person is None:
            return True
        return Actor.of(person, "browser").may("model_package.decide") and not is_hidden(person, locked.group_id)

    return [name for name in names if counts(name)]


def drop_vote(actor: Actor, locked: ModelPackage) -> dict[str, Any] | None:
    """Take back the actor's own vote; returns it for the event, None where there is none."""
    vote = Vote.objects.filter(package=locked, user_name=actor.name).first()
    if vote is None:
        return None
    vote.delete()
    return _members(vote)


def _members(vote: Vote) -> dict[str, Any]:
    return {"User": vote.user_name, "Comment": vote.comment, "Time": vote.voted_at.isoformat()}
