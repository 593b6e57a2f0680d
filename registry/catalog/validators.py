"""What single values must look like: the patterns and lengths of the wire contract (section 4.4), in plain words.

Each takes a text, returns None and raises ValidationError with a sentence that says how to mend it.
"""

from __future__ import annotations

import math
import re

import regex
from django.core.exceptions import ValidationError

_NAME = regex.compile(r"[a-zA-Z0-9](?:-*[a-zA-Z0-9]){0,62}")
_LABEL_CHARACTER = regex.compile(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]")
_DESCRIPTION_CHARACTER = regex.compile(r"[\p{L}\p{M}\p{Z}\p{S}\p{N}\p{P}\r\n\t]")
_DIGEST = regex.compile(r"[Ss][Hh][Aa]256:[0-9a-fA-F]{64}")
_FRAMEWORK_VERSION = regex.compile(r"[0-9]\.[A-Za-z0-9.-]+")
_REGION = regex.compile(r"[a-z0-9-]{9,16}")

NAME_MAX = 63
DESCRIPTION_MAX = 1024
KEY_MAX = 128
VALUE_MAX = 256
URL_MAX = 1024
IMAGE_MAX = 255
PAIRS_MAX = 50
TAGS_MAX = 50
CONTAINERS_MAX = 15
METRIC_NAME_MAX = 128
CHECKS_MAX = 50
CHECK_NAME_MAX = 128
CHECK_SUMMARY_MAX = 1024


def _show(character: str) -> str:
    return f"U+{ord(character):04X}" if not character.isprintable() or character.isspace() else character


def _check_characters(value: str, allowed: regex.Pattern, what: str) -> None:
    for character in value:
        if not allowed.fullmatch(character):
            raise ValidationError(f"The character {_show(character)} is not allowed here. {what}", "characters")


def validate_name(value: str) -> None:
    """EntityName: letters, digits and inner hyphens, 1 to 63 characters."""
    if len(value) > NAME_MAX:
        raise ValidationError(f"At most {NAME_MAX} characters; this has {len(value)}.", "max_length")
    if _NAME.fullmatch(value):
        return
    if any(character.isspace() for character in value):
        raise ValidationError("Spaces are not allowed. Use hyphens between words.", "pattern")
    if value.startswith("-") or value.endswith("-"):
        raise ValidationError("A name begins and ends with a letter or digit.", "pattern")
    raise ValidationError("Only the letters a-z and A-Z, digits and hyphens are allowed.", "pattern")


def validate_region(value: str) -> None:
    """A region is 9 to 16 characters of a-z, 0-9 and hyphen (contract section 5)."""
    if not _REGION.fullmatch(value):
        raise ValidationError("A region has 9 to 16 characters: a-z, 0-9 and hyphens.", "pattern")


def validate_description(value: str) -> None:
    """EntityDescription: any printable text of at most 1024 characters; line breaks are accepted."""
    if len(value) > DESCRIPTION_MAX:
        raise ValidationError(f"At most {DESCRIPTION_MAX} characters; this has {len(value)}.", "max_length")
    _check_characters(value, _DESCRIPTION_CHARACTER, "Control characters cannot be stored.")


def validate_comment(value: str) -> None:
    """ApprovalDescription and StageDescription: any text of at most 1024 characters."""
    if len(value) > DESCRIPTION_MAX:
        raise ValidationError(f"At most {DESCRIPTION_MAX} characters; this has {len(value)}.", "max_length")
    _refuse_nul(value)


def _refuse_nul(value: str) -> None:
    """Neither database can be trusted with it."""
    if "\0" in value:
        raise ValidationError("The character NUL cannot be stored.", "characters")


_LABEL_WORDS = "Letters, digits, spaces and _ . : / = + - @ are."


def validate_metadata_key(value: str) -> None:
    """CustomerMetadataKey: 1 to 128 characters."""
    if not value:
        raise ValidationError("Enter a key.", "required")
    if len(value) > KEY_MAX:
        raise ValidationError(f"A key has at most {KEY_MAX} characters; this has {len(value)}.", "max_length")
    _check_characters(value, _LABEL_CHARACTER, _LABEL_WORDS)


def validate_metadata_value(value: str) -> None:
    """CustomerMetadataValue: 1 to 256 characters."""
    if not value:
        raise ValidationError("Enter a value.", "required")
    if len(value) > VALUE_MAX:
        raise ValidationError(f"A value has at most {VALUE_MAX} characters; this has {len(value)}.", "max_length")
    _check_characters(value, _LABEL_CHARACTER, _LABEL_WORDS)


def validate_tag_key(value: str) -> None:
    """TagKey: 1 to 128 characters, not beginning with the reserved aws:."""
    validate_metadata_key(value)
    if value.lower().startswith("aws:"):
        raise ValidationError("Keys that begin with aws: are reserved.", "reserved")


def validate_tag_value(value: str) -> None:
    """TagValue: 0 to 256 characters."""
    if value:
        validate_metadata_value(value)


def validate_image(value: str) -> None:
    """ContainerImage: no white space, at most 255 characters."""
    if len(value) > IMAGE_MAX:
        raise ValidationError(f"At most {IMAGE_MAX} characters; this has {len(value)}.", "max_length")
    if any(character.isspace() for character in value):
        raise ValidationError("An image URI has no spaces.", "pattern")
    _refuse_nul(value)


def validate_url(value: str) -> None:
    """Url, S3Uri: begins with s3:// or https:// and names a bucket or host; at most 1024 characters."""
    if len(value) > URL_MAX:
        raise ValidationError(f"At most {URL_MAX} characters; this has {len(value)}.", "max_length")
    scheme, separator, rest = value.partition("://")
    if scheme not in ("s3", "https") or not separator:
        raise ValidationError("Use the form s3://bucket/path/model.tar.gz.", "pattern")
    if not rest.partition("/")[0]:
        raise ValidationError("The bucket is missing: s3://bucket/path/model.tar.gz.", "pattern")
    _refuse_nul(value)


def validate_image_digest(value: str) -> None:
    """ImageDigest: sha256: and 64 hexadecimal digits."""
    if not _DIGEST.fullmatch(value):
        raise ValidationError("A digest is sha256: and 64 hexadecimal digits.", "pattern")


def validate_framework_version(value: str) -> None:
    """ModelPackageFrameworkVersion: 3 to 10 characters that begin with a digit and a dot, as 1.7-1."""
    if not 3 <= len(value) <= 10 or not _FRAMEWORK_VERSION.fullmatch(value):
        raise ValidationError("A framework version has 3 to 10 characters and begins like 1.7.", "pattern")


def validate_finite(value: float) -> None:
    """A metric is a number that can be drawn: not NaN, not infinite."""
    if not math.isfinite(value):
        raise ValidationError("Enter a finite number.", "finite")


def validate_check_name(value: str) -> None:
    """The name of a check: 1 to 128 printable characters that neither begin nor end with a space."""
    if not value.strip():
        raise ValidationError("A check has a name.", "required")
    if len(value) > CHECK_NAME_MAX:
        raise ValidationError(
            f"The name of a check has at most {CHECK_NAME_MAX} characters; this has {len(value)}.", "max_length"
        )
    if value != value.strip() or not value.isprintable():
        raise ValidationError("The name of a check has no line breaks and no spaces around it.", "characters")


def validate_check_summary(value: str) -> None:
    """The summary of a check: any text of at most 1024 characters."""
    if len(value) > CHECK_SUMMARY_MAX:
        raise ValidationError(f"At most {CHECK_SUMMARY_MAX} characters; this has {len(value)}.", "max_length")
    _refuse_nul(value)


def validate_link(value: str) -> None:
    """An address that people may follow: http:// or https:// with a host, without spaces; at most 1024 characters."""
    if len(value) > URL_MAX:
        raise ValidationError(f"At most {URL_MAX} characters; this has {len(value)}.", "max_length")
    scheme, separator, rest = value.partition("://")
    if scheme.lower() not in ("http", "https") or not separator or not re.split(r"[/?#]", rest)[0]:
        raise ValidationError("Use the form https://host/path.", "pattern")
    if not value.isprintable() or " " in value:
        raise ValidationError("An address has no spaces and no control characters.", "characters")
