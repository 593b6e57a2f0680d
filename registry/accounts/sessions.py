"""Sessions in the database, read by a statement that is compiled once: every page reads one.

A session stands there under a digest of its key. The key itself is in the visitor's cookie alone: whoever reads the
database, a dump or a backup of it, cannot go on with anybody's session.
"""

from __future__ import annotations

import hashlib
import logging
from typing import Any

from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore
from django.contrib.sessions.models import Session
from django.db import Error, router, transaction
from django.utils import timezone

from registry.outages import outage_of, reason_of
from registry.statements import Prepared

logger = logging.getLogger("registry.sessions")

_SESSION: Prepared[Session] = Prepared(lambda key: Session.objects.filter(session_key=key), key=str)
_COLUMN = 40  # characters of Django's column; 160 bits of a digest of a random key


def stored_key(session_key: str | None) -> str:
    """What stands in the database for the key of a cookie."""
    return hashlib.sha256((session_key or "").encode()).hexdigest()[:_COLUMN]


class SessionStore(DatabaseSessionStore):
    """Django's own store but for the reading, the keys, and what happens in an outage; named by SESSION_ENGINE."""

    _kept: dict[str, Any] | None = None

    def load(self) -> dict[str, Any]:
        """As Django's; remembers what was there, for `save`."""
        data = super().load()
        self._kept = _but_messages(data)
        return data

    def _get_session_from_db(self) -> Session | None:
        session = _SESSION.first(key=stored_key(self.session_key))
        if session is None or session.expire_date <= timezone.now():
            self._session_key = None
            return None
        return session

    def save(self, must_create: bool = False) -> None:
        """As Django's, but for a database that is away or locked.

        That is no session which somebody ended meanwhile: Django would answer 400. And where there is nothing to save
        but which messages were shown, the page, or the change that it tells of, is worth more: it is answered.
        """
        try:
            super().save(must_create=must_create)
        except (UpdateError, Error) as error:
            cause = error.__context__ if isinstance(error, UpdateError) else error
            if cause is None or outage_of(cause) is None:
                raise
            if not must_create and self._kept is not None and _but_messages(dict(self.items())) == self._kept:
                logger.warning("A session was not saved, its messages stay: %s", reason_of(cause))
                return
            raise cause from cause.__cause__

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


def _but_messages(data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name != "_messages"}
