"""Sessions in the database, as Django keeps them, read by a statement that is compiled once: every page reads one."""

from __future__ import annotations

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone

from registry.statements import Prepared

_SESSION: Prepared[Session] = Prepared(lambda key: Session.objects.filter(session_key=key), key=str)


class SessionStore(DatabaseSessionStore):
    """Django's own store but for the reading; named by SESSION_ENGINE."""

    def _get_session_from_db(self) -> Session | None:
        session = _SESSION.first(key=self.session_key or "")
        if session is None or session.expire_date <= timezone.now():
            self._session_key = None
            return None
        return session
