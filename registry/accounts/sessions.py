"""Sessions in the database, read by a statement that is compiled once: every page reads one.

A session stands there under a digest of its key. The key itself is in the visitor's cookie alone: whoever reads the
database, a dump or a backup of it, cannot go on with anybody's session.
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore
from django.contrib.sessions.models import Session
from django.db import router, transaction
from django.utils import timezone

from registry.statements import Prepared

_SESSION: Prepared[Session] = Prepared(lambda key: Session.objects.filter(session_key=key), key=str)
_COLUMN = 40  # characters of Django's column; 160 bits of a digest of a random key


def stored_key(session_key: str | None) -> str:
    """What stands in the database for the key of a cookie."""
    return hashlib.sha256((session_key or "").encode()).hexdigest()[:_COLUMN]


class SessionStore(DatabaseSessionStore):
    """Django's own store but for the reading and for the keys; named by SESSION_ENGINE."""

    def _get_session_from_db(self) -> Session | None:
        session = _SESSION.first(key=stored_key(self.session_key))
        if session is None or session.expire_date <= timezone.now():
            self._session_key = None
            return None
        return session

    def exists(self, session_key: str) -> bool:
        return Session.objects.filter(session_key=stored_key(session_key)).exists()

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        key = stored_key(self.session_key)
        return Session(session_key=key, session_data=self.encode(data), expire_date=self.get_expiry_date())

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is not None:
            with transaction.atomic(using=router.db_for_write(Session)):
                Session.objects.filter(session_key=stored_key(key)).delete()
