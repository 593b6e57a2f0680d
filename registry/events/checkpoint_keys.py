"""The private key that signs checkpoints: one file, made when it is first needed, never in the database."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from django.conf import settings

from registry.configuration import ConfigurationError, keep_secret

from .proofs import public_bytes


def private_key() -> Ed25519PrivateKey:
    """The key in the file that REGISTRY_CHECKPOINT_KEY names; ConfigurationError for a file that holds another thing.

    Made where there is none, readable by its owner only; two processes that make it at once agree on one.
    """
    path = Path(settings.REGISTRY_CHECKPOINT_KEY)
    return _parse(keep_secret(path, _make, name="REGISTRY_CHECKPOINT_KEY"), path)


def public_key() -> bytes:
    """The public key that belongs to it, 32 bytes."""
    return public_bytes(private_key())


def has_key() -> bool:
    """Whether this machine holds a key already; asking makes none."""
    return Path(settings.REGISTRY_CHECKPOINT_KEY).is_file()


@lru_cache(maxsize=4)
def _parse(pem: str, path: Path) -> Ed25519PrivateKey:
    """The key in a text; parsed once, while the file is read each time, since it may be another one by then."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except Exception as error:  # cryptography raises what its parser raises; the file's content stays out of the words
        raise _refusal(path) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _refusal(path)
    return key


def _make() -> str:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode().strip()


def _refusal(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"REGISTRY_CHECKPOINT_KEY is {str(path)!r}, expected a file with an Ed25519 private key in PEM, without a "
        "password. Bring the file back that was there, or name another one to sign with a new key."
    )
