"""Find and read metric reports of SageMaker Model Monitor's layout: in mapped folders, or by fsspec; no database."""

from __future__ import annotations

import hashlib
import importlib.util
import math
import re
import stat
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .json_texts import read_json
from .validators import METRIC_NAME_MAX

REPORT_MAX = 5 * 1024 * 1024
NOTE_MAX = 300
# Addresses that are read with the extra `s3`. None that names a file of this machine: the address comes from the data.
REMOTE = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "https", "memory"})
# Those that are read in the background: a registration must not make the server call just any https address.
STORES = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az"})
# What fsspec itself needs to speak to a store; without it the extra is not there for that store.
_DRIVERS = {
    **dict.fromkeys(("s3", "s3a"), "s3fs"),
    **dict.fromkeys(("gs", "gcs"), "gcsfs"),
    **dict.fromkeys(("abfs", "abfss", "az"), "adlfs"),
}
# Where ModelMetrics names reports (contract section 8); the first to have a name gives its value.
POINTERS = (
    ("ModelQuality", "Statistics"),
    ("ModelDataQuality", "Statistics"),
    ("Bias", "Report"),
    ("Bias", "PreTrainingReport"),
    ("Bias", "PostTrainingReport"),
    ("Explainability", "Report"),
)
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class ReportedMetric:
    """One number of a report; standard_deviation is None where the report has none, or has the text "NaN"."""

    name: str
    value: float
    standard_deviation: float | None = None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _is_name(name: str) -> bool:
    return 0 < len(name) <= METRIC_NAME_MAX and name.isprintable()


def metrics_of_report(report: Any) -> Iterator[ReportedMetric]:
    """Each metric of each `*_metrics` block of a report, in its order: {"name": {"value": x, "standard_deviation": y}}.

    What is no number (curves, matrices, "NaN") is passed over; so is a report of another layout.
    """
    if not isinstance(report, dict):
        return
    for kind, block in report.items():
        if not (isinstance(kind, str) and kind.endswith("_metrics") and isinstance(block, dict)):
            continue
        for name, entry in block.items():
            if not isinstance(entry, dict) or not _is_name(name):
                continue
            value = _number(entry.get("value"))
            if value is not None:
                yield ReportedMetric(name, value, _number(entry.get("standard_deviation")))


class NotRead(Exception):
    """A report that cannot be read; the text says why."""


class MetricReports:
    """Reads the reports that packages point to. `roots` are the folders that stand for buckets.

    A bucket that cannot be reached is asked once only, so keep one of these for a whole import. `schemes` are those
    that may be read where no folder is mapped.
    """

    def __init__(self, roots: Mapping[str, Path] | None = None, *, schemes: Set[str] = REMOTE) -> None:
        self.roots = {bucket: Path(folder).resolve() for bucket, folder in (roots or {}).items()}
        self.schemes = schemes
        self._unreachable: dict[str, str] = {}

    def read(self, model_metrics: Any) -> tuple[list[ReportedMetric], str]:
        """The metrics of all reports that a ModelMetrics member names, and a note on what could not be read.

        Never raises: a report that is missing, too large, broken or not the one that was registered is a note.
        """
        found: dict[str, ReportedMetric] = {}
        note = ""
        for address, digest in _pointers(model_metrics):
            try:
                report = _parse(self._fetch(address), digest)
                for metric in metrics_of_report(report):
                    found.setdefault(metric.name, metric)
            except NotRead as error:
                note = note or _note(error, address)
        return list(found.values()), note

    def within_reach(self, model_metrics: Any) -> tuple[bool, str]:
        """Whether any report that a ModelMetrics member names could be read from here, and why not; reads nothing."""
        note = ""
        for address, _ in _pointers(model_metrics):
            try:
                self._place(address)
            except NotRead as error:
                note = note or _note(error, address)
            else:
                return True, ""
        return False, note

    def _place(self, address: str) -> tuple[str, str, str]:
        """Scheme, bucket and key of an address that could be read; NotRead for any other."""
        scheme, _, rest = address.partition("://")
        bucket, _, key = rest.partition("/")
        if scheme == "s3" and bucket in self.roots:
            return scheme, bucket, key
        if scheme not in self.schemes:
            raise NotRead("such addresses are not read")
        if not all(importlib.util.find_spec(name) for name in ("fsspec", _DRIVERS.get(scheme, "fsspec"))):
            raise NotRead(f"no folder is mapped to {scheme}://{bucket}, and the extra s3 is not installed")
        return scheme, bucket, key

    def _fetch(self, address: str) -> bytes:
        scheme, bucket, key = self._place(address)
        if scheme == "s3" and bucket in self.roots:
            return _read_file(self.roots[bucket], key)
        where = f"{scheme}://{bucket}"
        if where in self._unreachable:
            raise NotRead(self._unreachable[where])
        try:
            return _read_remote(scheme, address)
        except NotRead:
            raise
        except FileNotFoundError:
            raise NotRead("there is no such object") from None
        except PermissionError:
            raise NotRead("access denied") from None
        except Exception as error:  # every file system has errors of its own; none may end an import
            self._unreachable[where] = f"{where} cannot be reached ({type(error).__name__})"
            raise NotRead(self._unreachable[where]) from None


def _pointers(model_metrics: Any) -> Iterator[tuple[str, Any]]:
    """Address and ContentDigest of each report that a ModelMetrics member names."""
    for kind, member in POINTERS:
        pointer = _member(_member(model_metrics, kind), member)
        address = _member(pointer, "S3Uri")
        if isinstance(address, str) and address:
            yield address, _member(pointer, "ContentDigest")


def _note(error: NotRead, address: str) -> str:
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in address)
    return f"{error}: {shown}"[:NOTE_MAX]


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _read_file(root: Path, key: str) -> bytes:
    """The bytes of a file below `root`; a key that leads out of it, by dots or by a link, is not followed."""
    try:
        path = (root / key).resolve(strict=True)
        if not path.is_relative_to(root):
            raise NotRead("it lies outside the mapped folder")
        if not stat.S_ISREG(path.stat().st_mode):
            raise NotRead("there is no such file in the mapped folder")
        with path.open("rb") as file:
            return _bounded(file)
    except (FileNotFoundError, NotADirectoryError):
        # The same words for a path outside that does not exist: nothing is told about other folders.
        raise NotRead("there is no such file in the mapped folder") from None
    except (OSError, ValueError, RuntimeError):
        raise NotRead("the file in the mapped folder cannot be read") from None


def _read_remote(scheme: str, address: str) -> bytes:
    import fsspec  # only with the extra s3

    if "::" in address:
        raise NotRead("such addresses are not read")
    options: dict[str, Any] = {}
    if scheme in {"s3", "s3a"}:
        # An unreachable service must not hold up an import for minutes.
        options["config_kwargs"] = {"connect_timeout": 5, "read_timeout": 20, "retries": {"max_attempts": 1}}
    with fsspec.open(address, "rb", **options) as file:
        return _bounded(file)


def _bounded(file: Any) -> bytes:
    data: bytes = file.read(REPORT_MAX + 1)
    if len(data) > REPORT_MAX:
        raise NotRead(f"it is larger than {REPORT_MAX // 2**20} MB")
    return data


def _parse(data: bytes, digest: Any) -> Any:
    if digest:
        expected = _DIGEST.fullmatch(digest) if isinstance(digest, str) else None
        if expected is None:
            raise NotRead("its ContentDigest is no sha256")
        if hashlib.sha256(data).hexdigest() != expected[1].lower():
            raise NotRead("it is not the report that was registered (its sha256 differs)")
    try:
        return read_json(data.decode("utf-8-sig"))
    except ValueError:
        raise NotRead("it is no JSON") from None
