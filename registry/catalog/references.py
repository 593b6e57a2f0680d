"""What a pasted text names: a group, a version, a package, or an image, artifact or digest that versions use.

Pure: reads the text only. What is there under that name is asked in reports/references.py and reports/uses.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from .filters import KEYS

TEXT_MAX = 1200  # the longest URI has 1,024 characters

_NAME = "[a-zA-Z0-9](?:-*[a-zA-Z0-9]){0,62}"
_NUMBER = "[1-9][0-9]{0,8}"
_REGION = "[a-z0-9-]{9,16}"
_ARN = re.compile(
    rf"arn:aws[a-z-]*:sagemaker:(?P<region>{_REGION}):(?P<account>[0-9]{{12}}):"
    rf"model-package(?P<group>-group)?/(?P<name>{_NAME})(?:/(?P<version>{_NUMBER}))?/?"
)
_ADDRESS = re.compile(
    rf"https?://[^/\s]+/(?P<kind>groups|packages)/(?P<region>{_REGION})/(?P<name>{_NAME})"
    rf"(?:/versions/(?P<version>{_NUMBER}))?(?:[/?#]\S*)?"
)
_NUMBERED = re.compile(rf"(?P<name>{_NAME})(?:\s*/\s*v?|\s+v)(?P<version>{_NUMBER})")
_DIGEST = re.compile(r"(?:[Ss][Hh][Aa]256:)?([0-9a-fA-F]{64})")
_BUCKET_ARN = re.compile(r"arn:aws[a-z-]*:s3:::(\S+)")
_WITH_HOST = re.compile(r"(?:https?://)?([^\s/]*[.:][^\s/]*/\S+|localhost/\S+)")
_REGISTRY_HOST = re.compile(r"[^\s/]+\.dkr\.ecr(?:-fips)?\.[^\s/]+|public\.ecr\.aws|ghcr\.io|quay\.io|docker\.io")
_WITH_TAG = re.compile(r"[\w./-]+(?::[\w.-]+)?(?:@[Ss][Hh][Aa]256:[0-9a-fA-F]{64})?")
# "status:approved" looks like an image with a tag, and is a filter.
_FILTERS = {key for keys in KEYS.values() for key in keys}
_AROUND = " \t\r\n\"'`<>,;"


@dataclass(frozen=True)
class Named:
    """A name of the registry's own; `arn` is the text where it was one, `region` "" where the text leaves it open."""

    kind: Literal["group", "version", "package"]
    name: str
    version: int | None = None
    region: str = ""
    arn: str = ""


@dataclass(frozen=True)
class Used:
    """Something that versions use: "image" (with or without host, tag, digest), "artifact" (a URI) or "digest"."""

    by: Literal["image", "artifact", "digest"]
    value: str


def read_reference(text: str) -> Named | Used | None:
    """What the text names by its form alone; None for words, for a filter, and for what is longer than any name."""
    text = text.strip(_AROUND)
    if not text or len(text) > TEXT_MAX:
        return None
    if arn := _ARN.fullmatch(text):
        kind: Literal["group", "version", "package"] = "group" if arn["group"] else "package"
        number = int(arn["version"]) if arn["version"] else None
        if number is not None:
            kind = "version"
        return Named(kind, arn["name"], number, arn["region"], text.rstrip("/"))
    if address := _ADDRESS.fullmatch(text):
        if address["kind"] == "packages":
            return Named("package", address["name"], None, address["region"])
        number = int(address["version"]) if address["version"] else None
        return Named("version" if number else "group", address["name"], number, address["region"])
    if numbered := _NUMBERED.fullmatch(text):
        return Named("version", numbered["name"], int(numbered["version"]))
    return _read_use(text)


def _read_use(text: str) -> Used | None:
    if re.search(r"\s", text):
        return None
    if digest := _DIGEST.fullmatch(text):
        return Used("digest", f"sha256:{digest[1]}")
    if bucket := _BUCKET_ARN.fullmatch(text):
        return Used("artifact", f"s3://{bucket[1]}")
    if text[:5].lower() == "s3://" and len(text) > 5:
        return Used("artifact", f"s3://{text[5:]}")
    if text.startswith("arn:"):
        return None
    hosted = _WITH_HOST.fullmatch(text)
    if hosted and (_REGISTRY_HOST.match(hosted[1]) or "://" not in text):
        return Used("image", hosted[1].rstrip("/"))
    if text.startswith("https://"):
        return Used("artifact", text)
    key, colon, tag = text.partition(":")
    if colon and tag and key not in _FILTERS and _WITH_TAG.fullmatch(text):
        return Used("image", text)
    return None
