"""Whether the file of an evidence document holds what it says: digests, links, proofs, signatures, statements.

Needs the file and a public key, and no database.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

from registry.events.chains import digest_of
from registry.events.proofs import NO_CHECKPOINT, Statement, Stretch, is_signed, key_name

from .contents import content_hash
from .evidence_files import JSON, Damaged, read
from .evidence_replay import UNKNOWN, Replay, decision_told, is_decision, last_decision, same
from .rules import ReviewRules

SHOWN = 160


@dataclass
class Findings:
    """What a file proves, and what it only says; each as a sentence."""

    holds: list[str] = field(default_factory=list)
    unproved: list[str] = field(default_factory=list)


def verify(text: str, trusted: Sequence[bytes] = ()) -> Findings:
    """Check the text of a file; raises Damaged, which names the first thing that is wrong.

    `trusted` are public keys known from elsewhere. With them nothing that another key signed is taken; without them
    the file is only found to be consistent with the key in it.
    """
    document, signed = read(text)
    try:
        return _Check(document, signed, trusted).run()
    except Damaged:
        raise
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise Damaged(
            f"The file lacks something or has it in another form ({type(error).__name__}: {error})."
        ) from None


class _Check:
    def __init__(self, document: JSON, signed: str, trusted: Sequence[bytes]) -> None:
        self.document, self.signed = document, signed
        self.trusted = {key_name(public): public for public in trusted}
        self.findings = Findings()
        self.keys: dict[str, bytes] = {}
        self.statements: dict[int, Statement] = {}
        self.events: list[JSON] = []
        self.subject: JSON = document["version"]

    def run(self) -> Findings:
        self._read_keys()
        self._checkpoints()
        self._chain()
        own = self._whose_events()
        self._say_checkpoints()
        _Statements(self.document, self.events, own, self.findings).check()
        self._signature()
        self._say_what_is_open()
        return self.findings

    # ---------- keys and signatures ----------

    def _read_keys(self) -> None:
        for key in self.document["keys"]:
            public = bytes.fromhex(key["public"])
            if key_name(public) != key["name"]:
                raise Damaged(f"The public key {key['name']} in the file is not the key of that name.")
            self.keys[key["name"]] = public

    def _key(self, name: str, what: str) -> bytes:
        if self.trusted and name not in self.trusted:
            raise Damaged(f"{what} is signed with key {name}, which is not the public key that was given.")
        if name not in self.keys:
            raise Damaged(f"{what} is signed with key {name}, which is not in the file.")
        return self.trusted.get(name) or self.keys[name]

    def _signature(self) -> None:
        name = self.document["key"]
        public = self._key(name, "The file")
        if not is_signed(public, bytes.fromhex(self.document["signature"]), self.signed):
            raise Damaged(f"The file was changed after it was signed: it does not bear the signature of key {name}.")
        made = self.document["made"]
        self.findings.holds.append(f"All of the file is as the registry signed it for {made['by']} on {made['at']}.")
        if self.trusted:
            self.findings.holds.append(f"The signatures are of the public key that was given ({name}).")

    # ---------- checkpoints, chain ----------

    def _checkpoints(self) -> None:
        for kept in self.document["checkpoints"]:
            statement = Statement.of_text(kept["statement"])
            what = f"Checkpoint {statement.number}"
            if not is_signed(self._key(statement.key, what), bytes.fromhex(kept["signature"]), kept["statement"]):
                raise Damaged(f"{what} does not bear the signature of key {statement.key}.")
            if statement.registry != self.document["registry"]:
                words = f"{what} was signed when the account of the registry was {statement.registry}"
                self.findings.unproved.append(f"{words}: that it is the same registry is its own word.")
            if (statement.previous == NO_CHECKPOINT) is not (statement.number == 1):
                raise Damaged(f"{what} cannot have that number.")
            self.statements[statement.number] = statement
        numbers = sorted(self.statements)
        for before, after in pairwise(numbers):
            first, second = self.statements[before], self.statements[after]
            if second.at <= first.at or second.events <= first.events:
                raise Damaged(f"Checkpoint {after} is not later than checkpoint {before}.")
            if after == before + 1 and second.previous != first.digest():
                raise Damaged(f"Checkpoint {after} does not follow checkpoint {before}.")

    def _chain(self) -> None:
        """Each event to its place, each place to a signed root."""
        chain = self.document["chain"]
        places: dict[int, tuple[bytes, bytes, bytes]] = {}
        for kept in self.document["stretches"]:
            stretch = _stretch(chain, kept)
            where = f"Positions {stretch.first} to {stretch.last} of chain {chain}"
            statement = self.statements[stretch.checkpoint]
            root, size = (
                (statement.root, statement.chains)
                if stretch.is_head
                else (statement.waypoint_root, statement.waypoints)
            )
            if stretch.size != size or stretch.root() != root:
                raise Damaged(f"{where} do not lead to what checkpoint {stretch.checkpoint} signed.")
            previous = stretch.previous
            for position, (link, digest) in enumerate(
                zip(stretch.links, stretch.digests(), strict=True), stretch.first
            ):
                places[position] = previous, link, digest
                previous = digest
        for kept in self.document["events"]:
            content = kept["content"].encode("ascii")
            event = json.loads(content)
            position = event["position"]
            where = f"The event at position {position}"
            if event["chain"] != chain or position != kept["position"] or position not in places:
                raise Damaged(f"{where} is not in the part of chain {chain} that the file proves.")
            previous, link, digest = places[position]
            if sha256(content).digest() != link or digest_of(previous, content) != digest:
                raise Damaged(f"{where} of chain {chain} is not the one that was chained there: it was changed.")
            if (kept["previous"], kept["digest"]) != (previous.hex(), digest.hex()):
                raise Damaged(f"{where} has other digests in the file than in its chain.")
            if self.events and position <= self.events[-1]["position"]:
                raise Damaged(f"{where} is not in its order.")
            self.events.append(event)
        if not self.events:
            raise Damaged("The file has no event.")

    def _whose_events(self) -> list[JSON]:
        """The events of the version itself; the others have to be its group's own."""
        said, own = self.subject, []
        for event in self.events:
            names = (event["region"], event["group_name"], event["version"], event["package_name"])
            if event["package_id"] == said["id"]:
                own.append(event)
                wrong = names != (said["region"], said["group"] or "", said["number"], said["name"] or "")
            else:
                wrong = event["package_id"] is not None or names != (said["region"], said["group"], None, "")
            if wrong or event["chain"] != (event["group_id"] or 0):
                raise Damaged(f"The event at position {event['position']} speaks of something else than {said['arn']}.")
        if not own:
            raise Damaged(f"The file has no event of {said['arn']}.")
        return own

    # ---------- words ----------

    def _say_checkpoints(self) -> None:
        first, last = self.events[0]["position"], self.events[-1]["position"]
        where = f"at position {first}" if first == last else f"between positions {first} and {last}"
        numbers = sorted(self.statements)
        newest = self.statements[numbers[-1]]
        named = f"checkpoint {numbers[0]}" if len(numbers) == 1 else f"checkpoints {', '.join(map(str, numbers))}"
        events = "1 event was" if len(self.events) == 1 else f"{len(self.events)} events were"
        self.findings.holds += [
            f"{events} written to chain {self.document['chain']} {where}, and nothing of them was changed since.",
            f"{named.capitalize()} signed that chain; the last of them on {newest.at}, as the registry's clock said.",
        ]

    def _say_what_is_open(self) -> None:
        if not self.trusted:
            self.findings.unproved.insert(
                0,
                "Whose key it is: the public key comes from the file itself. Get it from the registry's people "
                "(`manage.py checkpoint --public-key`) and name it with --public-key.",
            )
        self.findings.unproved += [
            "That no event of this version was left out: the links show that there are others, not what they say.",
            "What the artifacts and images hold: the file has their addresses and digests only.",
        ]


def _stretch(chain: int, kept: Mapping[str, Any]) -> Stretch:
    return Stretch(
        chain=chain,
        first=kept["first"],
        previous=bytes.fromhex(kept["previous"]),
        links=[bytes.fromhex(link) for link in kept["links"]],
        checkpoint=kept["checkpoint"],
        is_head=kept["leaf"] == "head",
        index=kept["index"],
        size=kept["size"],
        proof=[bytes.fromhex(part) for part in kept["proof"]],
    )


def shown(value: Any) -> str:
    """A value in a sentence, cut where it is long."""
    text = json.dumps(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


class _Statements:
    """What the document says, beside what its events say."""

    def __init__(self, document: JSON, events: Iterable[JSON], own: Sequence[JSON], findings: Findings) -> None:
        self.document, self.events, self.own, self.findings = document, list(events), own, findings
        self.version: JSON = document["version"]
        self.proved: list[str] = []
        self.open: list[str] = []

    def check(self) -> None:
        self._identity()
        if self.document["events_left_out"]:
            self.open += ["the registration as it is now", "metadata", "metrics", "stage", "status", "checks"]
        else:
            self._state(Replay(self.own))
        self._decisions()
        self._group()
        self.findings.holds.append(f"The events prove {_listed(self.proved)}.")
        if self.open:
            self.findings.unproved.append(f"Said by the registry and not by an event here: {_listed(self.open)}.")

    def _equal(self, what: str, said: Any, told: Any) -> None:
        """Compare what the file says with what the events tell; UNKNOWN is noted as open."""
        if told is UNKNOWN:
            self.open.append(what)
        elif not same(said, told):
            raise Damaged(f"{what[0].upper()}{what[1:]}: the file says {shown(said)}, its events say {shown(told)}.")
        elif what not in self.proved:
            self.proved.append(what)

    def _all_equal(self, what: str, said: Mapping[str, Any], told: Mapping[str, Any]) -> None:
        for name in [*told, *(name for name in said if name not in told)]:
            if told.get(name) is UNKNOWN:
                self.open.append(f"{what} ({name})")
            elif name not in said or name not in told or not same(said[name], told[name]):
                raise Damaged(
                    f"{what[0].upper()}{what[1:]}, {name}: the file says {shown(said.get(name, 'nothing'))}, "
                    f"its events say {shown(told.get(name, 'nothing'))}."
                )
        self.proved.append(what)

    def _identity(self) -> None:
        said = self.version
        subject = f"{said['group']}/{said['number']}" if said["group"] else said["name"]
        arn = f"arn:aws:sagemaker:{said['region']}:{self.document['registry']}:model-package/{subject}"
        if said["arn"] != arn:
            raise Damaged(f"The ARN in the file is {shown(said['arn'])}, by its events it is {shown(arn)}.")
        self.proved.append("the name and number")

    def _state(self, told: Replay) -> None:
        said = self.version
        if told.registered is None:
            self.open.append("the registration")
        else:
            self._all_equal("who registered it, when and how", said["registered"], told.registered)
            self._all_equal("the registration", said["members"], told.members)
        hashed = content_hash(
            cast(
                Any,
                SimpleNamespace(
                    inference_specification=said["members"].get("InferenceSpecification"),
                    additional_inference_specifications=said["members"].get("AdditionalInferenceSpecifications"),
                    model_card=said["members"].get("ModelCard"),
                ),
            )
        )
        self._equal("the hash of its content", said["content"], hashed)
        self._all_equal("metadata", said["metadata"], told.metadata)
        metrics = {metric["name"]: {k: v for k, v in metric.items() if k != "name"} for metric in said["metrics"]}
        self._all_equal("metrics", metrics, told.metrics)
        self._equal("the stage", said["stage"], told.stage)
        self._all_equal("status and decision", said["decision"], told.decision)
        self._all_equal("checks as they are now", _by_name(self.document["checks"]["now"]), told.checks)
        if not said["group"]:
            self._equal("tags", said["tags"], told.tags)

    def _decisions(self) -> None:
        told = [decision_told(event) for event in self.own if is_decision(event)]
        self._equal("each decision with its person, time, comment and rules", self.document["decisions"], told)
        last = last_decision(told)
        then = self.document["rules"]["then"]
        position = last["position"] if last is not None else None
        self._equal("which decision is the last", then["position"] if then else None, position)
        if last is not None:
            self._equal("the rules that were in force then", then["rules"], last["rules"])
            self._equal("the rules that were in force then", then["words"], rule_words(last["rules"]))
        if self.document["events_left_out"]:
            return
        before = Replay(event for event in self.own if last is not None and event["position"] <= last["position"])
        self._all_equal("checks as they were then", _by_name(self.document["checks"]["then"] or []), before.checks)

    def _group(self) -> None:
        """Rules and tags of the group now: the last event here that says them."""
        if not self.version["group"]:
            return
        rules, tags = self.document["rules"]["now"], self.version["tags"]
        of_rules = [event for event in self.events if event["kind"] == "model_package_group.rules_changed"]
        told = (of_rules[-1]["after"] or {}).get("ReviewRules") if of_rules else UNKNOWN
        if not of_rules and not rules["rules"]:
            self.open.append("that the group has no rules now")
        else:
            self._equal("the rules of the group now", rules["rules"], told)
        if rules["words"] != rule_words(rules["rules"]):
            raise Damaged("The rules of the group now are told in other words than they have.")
        kinds = ("model_package_group.tagged", "model_package_group.created")
        of_tags = [event for event in self.events if event["kind"] in kinds]
        self._equal(
            "tags of the group", tags, list((of_tags[-1]["after"] or {}).get("Tags") or []) if of_tags else UNKNOWN
        )
        if self.document["difference"]:
            self.open.append(f"the values of {self.document['difference']['to']} that it is compared with")


def rule_words(stored: Any) -> list[str]:
    """Rules as sentences."""
    return ReviewRules.from_json(stored or {}).in_words()


def _by_name(listed: Iterable[Mapping[str, Any]]) -> dict[str, JSON]:
    return {one["name"]: {name: value for name, value in one.items() if name != "name"} for one in listed}


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
