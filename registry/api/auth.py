"""Who calls: from a signed request to an access key and its actor, for every wire door. Botocore computes SigV4."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.fernet import InvalidToken
from django.http import HttpRequest

from registry.accounts import secrets
from registry.accounts.access_keys import note_use
from registry.accounts.models import AccessKey
from registry.accounts.permissions import Actor

CLOCK_WINDOW = timedelta(minutes=15)
ALGORITHM = "AWS4-HMAC-SHA256"
_AUTHORIZATION = re.compile(
    rf"{ALGORITHM}\s+"
    r"Credential=(?P<key>[\w]{1,128})/(?P<date>\d{8})/(?P<region>[A-Za-z0-9-]{1,64})/(?P<service>[a-z0-9-]+)/aws4_request"
    r"\s*,\s*SignedHeaders=(?P<headers>[a-z0-9;_-]{1,2048})\s*,\s*Signature=(?P<signature>[0-9a-f]{64})"
)
_REGION = re.compile(r"[a-z0-9-]{9,16}")
# What an unknown key is checked against, so that it takes as long as a known one.
_NO_SECRET = "-" * 40


class Refusal(Exception):
    """The call is not signed as it must be; `code` is one of contract 4.2, `status` its HTTP status."""

    def __init__(self, code: str, message: str, status: int = 403) -> None:
        super().__init__(message)
        self.code, self.status = code, status


@dataclass(frozen=True)
class Caller:
    """Who signed a call, and the region it was signed for, which is the registry it speaks to."""

    actor: Actor
    region: str
    key_id: str = ""


class _ExactHeaders(SigV4Auth):
    """Signs just the headers it is given; botocore's own leaves some out that a client may have signed."""

    def headers_to_sign(self, request: AWSRequest) -> Any:
        return request.headers


def authenticate(request: HttpRequest, *, service: str, required: frozenset[str], door: str) -> Caller:
    """The caller of a request that carries a good SigV4 signature for `service` in its Authorization header.

    `required` are headers that must be among the signed ones. Raises Refusal: MissingAuthenticationTokenException
    without a signature, IncompleteSignatureException for one that cannot be read or stands in the query,
    UnrecognizedClientException for a key that is unknown, off or expired, InvalidSignatureException for anything that
    does not match: body, headers, scope, or a clock more than 15 minutes off.
    """
    # Looked for in the text: parsing it is work, and fails for a query of thousands of fields.
    if re.search("x-amz-(signature|algorithm)=", request.META.get("QUERY_STRING", ""), re.IGNORECASE):
        raise Refusal("IncompleteSignatureException", "Sign the headers; presigned addresses are not taken.", 400)
    header = request.headers.get("Authorization", "")
    if not header:
        raise Refusal("MissingAuthenticationTokenException", "Missing Authentication Token")
    found = _AUTHORIZATION.fullmatch(header.strip())
    if found is None:
        raise Refusal("IncompleteSignatureException", f"The Authorization header is not of the form {ALGORITHM}.", 400)
    if found["service"] != service:
        raise Refusal("InvalidSignatureException", f"Credential should be scoped to correct service: '{service}'.")
    if not _REGION.fullmatch(found["region"]):
        raise Refusal(
            "InvalidSignatureException",
            "Credential should be scoped to a valid region: 9 to 16 of a-z, 0-9 and hyphen.",
        )
    names = found["headers"].split(";")
    missing = required - set(names)
    if missing:
        raise Refusal("InvalidSignatureException", f"These headers must be signed: {', '.join(sorted(missing))}.")
    moment = _moment(request, found["date"])
    key = AccessKey.objects.signing(found["key"])
    secret = _secret_of(key)
    expected = _signature(request, names, found, secret or _NO_SECRET, moment)
    matches = hmac.compare_digest(expected, found["signature"])
    if key is None or secret is None or not (key.is_active and key.user.is_active) or key.is_expired:
        raise Refusal("UnrecognizedClientException", "The security token included in the request is invalid.")
    if not matches:
        raise Refusal(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. "
            "Check your secret access key and signing method.",
        )
    agent = request.headers.get("User-Agent", "").replace("\0", "")
    note_use(key, agent)
    actor = Actor(
        name=key.user.get_username(),
        role=key.effective_role,
        door=door,
        user=key.user,
        access_key=key.name,
        user_agent=agent,
    )
    return Caller(actor, found["region"], found["key"])


def _moment(request: HttpRequest, scope_date: str) -> str:
    """The request's X-Amz-Date, checked against the scope and the clock."""
    stamp = request.headers.get("X-Amz-Date", "")
    try:
        sent = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise Refusal("IncompleteSignatureException", "The header X-Amz-Date is missing or malformed.", 400) from None
    if stamp[:8] != scope_date:
        raise Refusal("InvalidSignatureException", "Date in Credential scope does not match YYYYMMDD of X-Amz-Date.")
    now = datetime.now(UTC)
    if abs(now - sent) > CLOCK_WINDOW:
        side = "expired" if sent < now else "not yet current"
        raise Refusal(
            "InvalidSignatureException", f"Signature {side}: {stamp} is more than 15 min from {now:%Y%m%dT%H%M%SZ}."
        )
    return stamp


def _secret_of(key: AccessKey | None) -> str | None:
    if key is None:
        return None
    try:
        return secrets.decrypt(key.encrypted_secret)
    except InvalidToken:
        # The key was encrypted under a REGISTRY_SECRET_KEY that is no longer listed: it cannot sign anything.
        return None


def _signature(request: HttpRequest, names: list[str], found: re.Match[str], secret: str, moment: str) -> str:
    """What the signature must be: recomputed from the request as it came in."""
    body = request.body
    digest = hashlib.sha256(body).hexdigest()
    sent = request.headers.get("X-Amz-Content-SHA256")
    if sent is not None and sent != digest:
        raise Refusal("InvalidSignatureException", "X-Amz-Content-SHA256 does not match the body.")
    headers = {name: request.headers.get(name, "") for name in names}
    copy = AWSRequest(
        method=request.method, url=f"https://registry{request.get_full_path()}", data=body, headers=headers
    )
    copy.context["timestamp"] = moment
    signer = _ExactHeaders(Credentials(found["key"], secret), found["service"], found["region"])
    return signer.signature(signer.string_to_sign(copy, signer.canonical_request(copy)), copy)
