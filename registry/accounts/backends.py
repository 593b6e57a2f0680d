"""Who may hold a session: every way of signing in, and every request of a session, asks here."""

from __future__ import annotations

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.base_user import AbstractBaseUser

from .models import User


class PeopleBackend(AuthenticationBackend):
    """allauth's check of name and password, for people only; named by AUTHENTICATION_BACKENDS."""

    def user_can_authenticate(self, user: AbstractBaseUser | None) -> bool:
        """False for a service account too, whatever its password: only its access keys speak for it."""
        return super().user_can_authenticate(user) and not getattr(user, "is_service", False)

    def get_user(self, user_id: int) -> User | None:
        """The user of a session with the role that counts now, in one query: every page asks."""
        user = User.find(user_id)
        return user if self.user_can_authenticate(user) else None
