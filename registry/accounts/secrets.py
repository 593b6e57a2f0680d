"""Encrypt what the registry must be able to read back: the secrets of access keys. Fernet, keys from SECRET_KEY."""

from __future__ import annotations

import base64
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


@lru_cache(maxsize=8)
def _fernet(secret_keys: tuple[str, ...]) -> MultiFernet:
    def key(secret: str) -> bytes:
        derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"registry access key secrets")
        return base64.urlsafe_b64encode(derived.derive(secret.encode()))

    return MultiFernet([Fernet(key(secret)) for secret in secret_keys])


def _current() -> MultiFernet:
    return _fernet((settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


def encrypt(secret: str) -> str:
    """The secret under the first of REGISTRY_SECRET_KEY."""
    return _current().encrypt(secret.encode()).decode()


def decrypt(text: str) -> str:
    """The secret again, under any of REGISTRY_SECRET_KEY; raises cryptography's InvalidToken under none."""
    return _current().decrypt(text.encode()).decode()


def is_current(text: str) -> bool:
    """True if the secret is under the first of REGISTRY_SECRET_KEY already."""
    try:
        _fernet((settings.SECRET_KEY,)).decrypt(text.encode())
    except InvalidToken:
        return False
    return True


def rotate(text: str) -> str:
    """The same secret under the first of REGISTRY_SECRET_KEY; raises InvalidToken as decrypt does."""
    return _current().rotate(text.encode()).decode()
