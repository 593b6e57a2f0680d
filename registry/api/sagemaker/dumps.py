"""Walk over dumps on disk, record by record, without ever holding one as a whole; no database."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from registry.catalog.services import FaultyRecord, GroupRecord, PackageRecord

from .answers import RECORD_MAX, BadRecord, NotAnAnswer, decode, skip_blank, unwrap
from .records import record_of, unknown_members

Found = GroupRecord | PackageRecord | FaultyRecord
LINES = (".jsonl", ".ndjson")
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)


class Dump:
    """The records of some files and folders, in an order in which groups come before their versions.

    `total` is the size of all files in bytes and `done` how much of it was read, for a progress bar; `unknown` are
    the members that were left out, `passed_over` the number of JSON files in folders that are no answers.
    """

    def __init__(self, paths: Iterable[str | Path]) -> None:
        self.paths = [Path(path) for path in paths]
        self.done = self.passed_over = 0
        self.unknown: set[str] = set()

    @property
    def name(self) -> str:
        """What an import is called in the log: the names of what was given, never a path of this machine."""
        names = [path.resolve().name for path in self.paths]
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        return names[0][: 256 - len(more)] + more

    def measure(self) -> int:
        """The size of all files in bytes."""
        return sum(_size(file) for path in self.paths for file in (_files_under(path) if path.is_dir() else [path]))

    def __iter__(self) -> Iterator[Found]:
        for path in self.paths:
            if path.is_dir():
                yield from self._folder(path)
            else:
                yield from self._file(path, named=True)

    def _folder(self, folder: Path) -> Iterator[Found]:
        """A group's folder, `_unversioned`, or a folder of such folders; links to folders are not followed."""
        try:
            entries = sorted(folder.iterdir(), key=_order)
        except OSError as error:
            yield FaultyRecord(place=str(folder), reason=f"cannot be read: {error.strerror}")
            return
        names = {entry.name for entry in entries}
        folders = []
        for entry in entries:
            if entry.is_dir():
                if not entry.is_symlink():
                    folders.append(entry)
            elif entry.suffix in LINES or (entry.suffix == ".json" and not _is_tags(entry, names)):
                yield from self._file(entry)
        for inner in folders:
            yield from self._folder(inner)

    def _file(self, path: Path, *, named: bool = False) -> Iterator[Found]:
        """The records of one file. One that was found, not named, may be something else: it is passed over."""
        read = self.done
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                raise BadRecord("is no regular file")
            if path.suffix in LINES or _is_lines(path):
                yield from self._lines(path)
            else:
                yield from self._document(path, named=named)
        except BadRecord as error:
            yield FaultyRecord(place=str(path), reason=str(error))
        except OSError as error:
            yield FaultyRecord(place=str(path), reason=f"cannot be read: {error.strerror or error}")
        self.done = max(self.done, read + _size(path))

    def _lines(self, path: Path) -> Iterator[Found]:
        with path.open("rb") as file:
            if file.read(2) in UTF_16:
                raise BadRecord("is UTF-16; save it as UTF-8")
            file.seek(0)
            number = 0
            while line := file.readline(RECORD_MAX + 1):
                number += 1
                self.done += len(line)
                place = f"{path}:{number}"
                if len(line) > RECORD_MAX:
                    while line and not line.endswith(b"\n"):
                        line = file.readline(RECORD_MAX)
                        self.done += len(line)
                    yield FaultyRecord(place=place, reason=f"larger than {RECORD_MAX // 2**20} MB")
                    continue
                try:
                    text = line.decode()
                except UnicodeDecodeError as error:
                    yield FaultyRecord(place=place, reason=f"no UTF-8 at byte {error.start + 1}", size=len(line))
                    continue
                start = skip_blank(text, 0)
                if start < len(text):
                    yield from self._values(text, start, path, place, size=len(line))

    def _values(self, text: str, start: int, path: Path, place: str, *, size: int) -> Iterator[Found]:
        """The one value of a line."""
        try:
            value, end = decode(text, start)
            if skip_blank(text, end) < len(text):
                raise BadRecord(f"more after the end of the JSON, at character {end + 1}")
            yield self._record(value, path, place, size)
        except BadRecord as error:
            yield FaultyRecord(place=place, reason=str(error), size=size)

    def _document(self, path: Path, *, named: bool) -> Iterator[Found]:
        """A file of one answer over many lines; several after each other and lists of answers are read too."""
        text = _read_text(path)
        start = skip_blank(text, 0)
        if start == len(text):
            raise BadRecord("is empty")
        line, counted = 1, 0
        while start < len(text):
            line, counted = line + text.count("\n", counted, start), start
            place = str(path) if line == 1 else f"{path}:{line}"
            value, end = decode(text, start)
            answers = value if isinstance(value, list) else [value]
            for answer in answers:
                try:
                    yield self._record(answer, path, place, end - start)
                except NotAnAnswer as error:
                    if named or _NUMBER.fullmatch(path.stem) or path.stem == "group":
                        yield FaultyRecord(place=place, reason=str(error))
                    else:
                        self.passed_over += 1
                except BadRecord as error:
                    yield FaultyRecord(place=place, reason=str(error))
            start = skip_blank(text, end)

    def _record(self, value: Any, path: Path, place: str, size: int) -> GroupRecord | PackageRecord:
        answers = unwrap(value)
        if not answers.keys() - {"ListTags", "GetModelPackageGroupPolicy"}:
            # tags.json or policy.json alone: what it belongs to stands beside it.
            answers |= _owner_beside(path)
        elif "ListTags" not in answers and (beside := _tags_beside(path, answers)) is not None:
            answers |= beside
        policy = path.with_name("policy.json")
        if path.name == "group.json" and "DescribeModelPackageGroup" in answers and policy.is_file():
            answers |= _answer_of(policy, "GetModelPackageGroupPolicy")
        self.unknown |= unknown_members(answers)
        return record_of(answers, place=place, size=size)


def _order(path: Path) -> tuple[int, int, str]:
    """group.json first, then the versions by number, then whatever else by name."""
    if path.name == "group.json":
        return (0, 0, "")
    return (1, int(path.stem), path.name) if _NUMBER.fullmatch(path.stem) else (2, 0, path.name)


def _is_tags(path: Path, names: set[str]) -> bool:
    """Whether a file holds the tags (or policy) of another one of its folder, with which it is read."""
    if path.name in ("tags.json", "policy.json"):
        return "group.json" in names and path.parent.name != "_unversioned"
    return path.name.endswith(".tags.json") and f"{path.name.removesuffix('.tags.json')}.json" in names


def _tags_beside(path: Path, answers: dict[str, Any]) -> dict[str, Any] | None:
    """The ListTags answer that the layout puts beside a group's or an unversioned package's file."""
    if path.suffix != ".json":
        return None
    beside = path.with_name(f"{path.stem}.tags.json")
    if "DescribeModelPackageGroup" in answers and path.name == "group.json":
        beside = path.with_name("tags.json")
    return _answer_of(beside, "ListTags") if beside.is_file() else None


def _owner_beside(path: Path) -> dict[str, Any]:
    if path.name in ("tags.json", "policy.json"):
        return _answer_of(path.with_name("group.json"), "DescribeModelPackageGroup")
    if path.name.endswith(".tags.json"):
        return _answer_of(path.with_name(f"{path.name.removesuffix('.tags.json')}.json"), "DescribeModelPackage")
    return {}


def _answer_of(path: Path, operation: str) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        text = _read_text(path)
        value, _ = decode(text, skip_blank(text, 0))
        answers = unwrap(value)
        if operation not in answers:
            raise BadRecord(f"no answer of {operation}")
    except BadRecord as error:
        raise BadRecord(f"{path.name} beside it: {error}") from None
    return {operation: answers[operation]}


def _read_text(path: Path) -> str:
    """A file's text; UTF-8 with or without its mark, or UTF-16 with one (as PowerShell's > writes)."""
    with path.open("rb") as file:
        data = file.read(RECORD_MAX + 1)
    if len(data) > RECORD_MAX:
        raise BadRecord(f"larger than {RECORD_MAX // 2**20} MB; one answer a line in a .jsonl file may be any number")
    try:
        return data.decode("utf-16" if data[:2] in UTF_16 else "utf-8")
    except UnicodeDecodeError as error:
        raise BadRecord(f"no {error.encoding.upper()} at byte {error.start + 1}") from None


def _is_lines(path: Path) -> bool:
    """Whether each line is a record: the first one is a whole JSON object, and another one follows."""
    with path.open("rb") as file:
        first = file.readline(RECORD_MAX)
        if first[:2] in UTF_16 or not first.removeprefix(b"\xef\xbb\xbf").rstrip().endswith(b"}"):
            return False
        second = file.readline(RECORD_MAX).strip()
    return first.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{") and second.startswith(b"{")


def _files_under(folder: Path) -> Iterator[Path]:
    for entry in folder.iterdir():
        if not entry.is_dir():
            yield entry
        elif not entry.is_symlink():
            yield from _files_under(entry)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
