"""How allauth signs people in here: by name and password, counted by throttle, without its pages and messages."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth import authenticate
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

from registry.monitoring import instruments

from . import throttle
from .models import User


class AccountAdapter(DefaultAccountAdapter):
    """allauth's hooks; named by ACCOUNT_ADAPTER."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": "The username and password do not match. Passwords are case-sensitive.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody signs up; admins make users."""
        return False

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """The active user of these credentials, else None; raises TooManyFailures before looking at the password.

        An inactive user is None like an unknown one, where allauth would lead to a page that tells them apart.
        """
        try:
            attempt = throttle.begin(credentials.get("username", ""), request.META.get("REMOTE_ADDR", ""))
        except throttle.TooManyFailures:
            instruments.note_sign_in("throttled")
            raise
        user = authenticate(request, **credentials)
        instruments.note_sign_in("ok" if isinstance(user, User) else "failed")
        if not isinstance(user, User):
            return None
        throttle.succeed(attempt)
        return user

    def get_client_ip(self, request: HttpRequest) -> str:
        """REMOTE_ADDR: the middleware has read the proxies' header already."""
        return request.META.get("REMOTE_ADDR", "")

    def is_safe_url(self, url: str | None) -> bool:
        """Only an address of this very host may be gone to after sign-in."""
        return is_local(self.request, url)

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """No "successfully signed in": the page that follows says it."""


def is_local(request: HttpRequest, url: str | None) -> bool:
    """True for a path of the host that was asked, as our own pages name one; other addresses are nobody's next page."""
    allowed = url_has_allowed_host_and_scheme(url, {request.get_host()}, require_https=request.is_secure())
    return allowed and str(url).startswith("/")
