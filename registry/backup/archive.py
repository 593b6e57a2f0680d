"""The file of a backup: a ZIP archive of one member a table and a manifest, closed by the SHA-256 of all of it.

Any ZIP program opens it. `tables/NAME.jsonl` holds the rows in their canonical form, `manifest.json` says what belongs
into the file and what each member hashes to. The archive's comment, its last 71 bytes, is `sha256:` and the digest of
every byte before.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from .canonical import rows_of
from .errors import Damaged, Refusal
from .tables import Table

FORMAT, VERSION = "model-registry-backup", 1
MANIFEST = "manifest.json"
MANIFEST_MAX = 64 * 1024 * 1024
# A third larger than with zlib's usual 6, in half the time.
LEVEL = 1
CHUNK = 1 << 20
_MARK = b"sha256:" + b"-" * 64

JSON = dict[str, Any]


def member_of(table: Table) -> str:
    return f"tables/{table.name}.jsonl"


class _Hashed:
    """What a ZIP archive is written into: each byte once, in order, counted into the digest that ends the file."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.digest = file, hashlib.sha256()

    def write(self, data: Any) -> int:
        if bytes(data) == _MARK:
            data = b"sha256:" + self.digest.hexdigest().encode()
        self.digest.update(data)
        return self.file.write(data)

    def flush(self) -> None:
        self.file.flush()


class Writing:
    """A backup that is being written beside `path`, for its owner only; it takes its name when it is whole.

    Whatever ends it before `finish` (a full disk, Ctrl-C) leaves nothing behind.
    """

    def __init__(self, path: Path, *, force: bool) -> None:
        self.path, self.force = path, force
        self.part = path.with_name(f".{path.name}.{os.getpid()}.part")
        self.members: list[JSON] = []

    def __enter__(self) -> Writing:
        self._refuse()
        descriptor = os.open(self.part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        hashed: Any = _Hashed(self._file)
        self._zip = zipfile.ZipFile(hashed, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL)
        return self

    def _refuse(self) -> None:
        if self.path.is_dir():
            raise Refusal(f"{self.path} is a folder; name the file to write, such as {self.path / 'registry.backup'}.")
        if os.path.lexists(self.path) and not self.force:
            raise Refusal(f"{self.path} is there already. --force writes it anew.")

    @contextmanager
    def _member(self, name: str) -> Iterator[IO[bytes]]:
        with self._zip.open(name, "w", force_zip64=True) as member:
            yield member

    def add(self, table: Table, parts: Iterator[tuple[int, bytes]], report: Callable[[int], None]) -> JSON:
        """Write the rows of a table; returns what the manifest says of it. `report` hears how many rows came."""
        digest, rows, size = hashlib.sha256(), 0, 0
        with self._member(member_of(table)) as member:
            for many, lines in parts:
                digest.update(lines)
                member.write(lines)
                rows, size = rows + many, size + len(lines)
                report(many)
        told = table.describe() | {"rows": rows, "bytes": size, "sha256": digest.hexdigest()}
        self.members.append(told)
        return told

    def finish(self, manifest: JSON) -> int:
        """Write the manifest, bring everything to the disk, give the file its name; its size in bytes."""
        with self._member(MANIFEST) as member:
            member.write((json.dumps(manifest, indent=1) + "\n").encode("ascii"))
        self._zip.comment = _MARK
        self._zip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        size = self.part.stat().st_size
        if self.force:
            self._refuse()
            self.part.replace(self.path)
        else:
            try:
                # Unlike a rename it never takes the place of what came meanwhile.
                os.link(self.part, self.path)
            except OSError:
                # It is there by now, or this file system has no links.
                self._refuse()
                self.part.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return size

    def __exit__(self, *error: object) -> None:
        # On a full disk closing fails once more, and a ZIP archive would be ended; the part goes all the same.
        self._zip.fp = None
        with suppress(OSError):
            self._file.close()
        self.part.unlink(missing_ok=True)


class Reading:
    """A backup that is there. Opening it reads every byte once: Damaged where one is not as it was written.

    `begin` hears how many bytes the file has, `report` how many more were read.
    """

    def __init__(self, path: Path, begin: Callable[[int, str], None], report: Callable[[int], None]) -> None:
        self.path = path
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise Refusal(f"{path}: {error.strerror}.") from None
        try:
            self.size = os.fstat(self._file.fileno()).st_size
            begin(self.size, "bytes")
            self.digest = self._check_bytes(report)
            self._zip = zipfile.ZipFile(self._file)
            self.manifest = self._read_manifest()
            self.tables = [Table.described(told) for told in self.manifest["tables"]]
            wanted = [*map(member_of, self.tables), MANIFEST]
            if self._zip.namelist() != wanted:
                raise Damaged(f"{path} does not hold what its manifest lists.")
        except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
            self.close()
            raise Damaged(f"{path} cannot be read as a backup: {error}.") from None
        except BaseException:
            self.close()
            raise

    def _check_bytes(self, report: Callable[[int], None]) -> str:
        left, digest = self.size - len(_MARK), hashlib.sha256()
        if left > 0 and self._file.read(4) != b"PK\x03\x04":
            # Only what an intact end says of it tells a damaged backup from any other file.
            left = left if self._has_digest(left) else 0
        if left <= 0:
            raise Damaged(f"{self.path} is no backup, or its beginning was damaged.")
        if not self._has_digest(left):
            raise Damaged(f"{self.path} was cut off or damaged at its end: it does not close with its checksum.")
        self._file.seek(0)
        while left and (data := self._file.read(min(left, CHUNK))):
            digest.update(data)
            left -= len(data)
            report(len(data))
        if not hmac.compare_digest(b"sha256:" + digest.hexdigest().encode(), self._file.read()):
            raise Damaged(f"{self.path} was damaged: its bytes do not have the checksum that it closes with.")
        return digest.hexdigest()

    def _has_digest(self, start: int) -> bool:
        self._file.seek(start)
        return re.fullmatch(rb"sha256:[0-9a-f]{64}", self._file.read()) is not None

    def _read_manifest(self) -> JSON:
        if self._zip.getinfo(MANIFEST).file_size > MANIFEST_MAX:
            raise ValueError("its manifest is too large")
        manifest: JSON = json.loads(self._zip.read(MANIFEST))
        if manifest["format"] != FORMAT:
            raise ValueError("its manifest is of something else")
        if manifest["version"] > VERSION:
            raise Refusal(
                f"{self.path} is of version {manifest['version']} of the format; this program reads up to {VERSION}. "
                f"It was written by {manifest.get('program', 'a newer program')}: restore it with that."
            )
        return manifest

    def told(self, table: Table) -> JSON:
        """What the manifest says of a table."""
        found: JSON = self.manifest["tables"][self.tables.index(table)]
        return found

    def batches(self, table: Table) -> Iterator[list[bytes]]:
        """The lines of a table, some at a time; Damaged at the end where they are not those of the manifest."""
        told, digest, rows, rest = self.told(table), hashlib.sha256(), 0, b""
        try:
            with self._zip.open(member_of(table)) as member:
                while data := member.read(CHUNK):
                    digest.update(data)
                    *lines, rest = (rest + data).split(b"\n")
                    rows += len(lines)
                    yield lines
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise Damaged(f"{self.path}: the rows of {table.name} cannot be read: {error}.") from None
        if rest or rows != told["rows"] or digest.hexdigest() != told["sha256"]:
            raise Damaged(f"{self.path}: the rows of {table.name} are not those of its manifest.")

    def rows(self, table: Table) -> Iterator[list[list[Any]]]:
        """The rows of a table, some at a time; Damaged where one does not have the columns of the table."""
        for lines in self.batches(table):
            try:
                rows = rows_of(lines)
            except ValueError as error:
                raise Damaged(f"{self.path}: a row of {table.name} cannot be read: {error}.") from None
            if any(len(row) != len(table.columns) for row in rows):
                raise Damaged(f"{self.path}: a row of {table.name} has other columns than the manifest lists.")
            yield rows

    def named_rows(self, name: str) -> Iterator[dict[str, Any]]:
        """The rows of the table of that name, by columns; none where there is no such table."""
        for table in self.tables:
            if table.name == name:
                names = [column.name for column in table.columns]
                for rows in self.rows(table):
                    for row in rows:
                        yield dict(zip(names, row, strict=True))

    def __enter__(self) -> Reading:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
