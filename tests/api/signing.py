"""SigV4 written out from its specification, so that the tests share no code with what they test; and ways to err."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.test import Client

HOST = "registry.test:8000"
SIGNED = ("content-type", "host", "x-amz-date", "x-amz-target")


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


@dataclass(kw_only=True)
class SignedCall:
    """One call, signed as the fields say; `sent` and `changed` differ from what was signed."""

    key: tuple[str, str]
    operation: str = "ListModelPackageGroups"
    body: bytes = b"{}"
    region: str = "us-east-1"
    service: str = "sagemaker"
    at: datetime | None = None
    date: str = ""
    signed: tuple[str, ...] = SIGNED
    headers: dict[str, str] = field(default_factory=dict)
    query: str = ""
    payload_hash: str = ""
    sent: bytes | None = None
    changed: dict[str, str | None] = field(default_factory=dict)
    address: str = "127.0.0.1"

    def all_headers(self) -> dict[str, str]:
        stamp = f"{self.at or datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        return {
            "content-type": "application/x-amz-json-1.1",
            "host": HOST,
            "x-amz-date": stamp,
            "x-amz-target": f"SageMaker.{self.operation}",
            **self.headers,
        }

    def authorization(self, headers: dict[str, str]) -> str:
        key_id, secret = self.key
        stamp = headers.get("x-amz-date", "")
        scope = f"{self.date or stamp[:8]}/{self.region}/{self.service}/aws4_request"
        names = ";".join(self.signed)
        lines = "".join(f"{name}:{' '.join(headers.get(name, '').split())}\n" for name in self.signed)
        digest = self.payload_hash or hashlib.sha256(self.body).hexdigest()
        request = f"POST\n/\n{self.query}\n{lines}\n{names}\n{digest}"
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signing = f"AWS4{secret}".encode()
        for part in scope.split("/"):
            signing = _hmac(signing, part)
        signature = _hmac(signing, text).hex()
        return f"AWS4-HMAC-SHA256 Credential={key_id}/{scope}, SignedHeaders={names}, Signature={signature}"

    def send(self) -> tuple[int, str, dict[str, Any]]:
        """Send it and return status, error code ("" for none) and the answer's members."""
        headers = self.all_headers()
        headers["authorization"] = self.authorization(headers)
        headers |= {name: value for name, value in self.changed.items() if value is not None}
        headers = {name: value for name, value in headers.items() if self.changed.get(name, "") is not None}
        content_type = headers.pop("content-type", "")
        answer = Client(REMOTE_ADDR=self.address).generic(
            "POST",
            f"/?{self.query}" if self.query else "/",
            self.body if self.sent is None else self.sent,
            headers=headers,
            # The client leaves the type out where there is no body.
            CONTENT_TYPE=content_type,
        )
        members = json.loads(answer.content)
        assert answer["Content-Type"] == "application/x-amz-json-1.1"
        assert answer.get("x-amzn-ErrorType", "") == members.get("__type", "")
        return answer.status_code, members.get("__type", ""), members


def code_of(**values: Any) -> str:
    """The error code of a call, "" for an accepted one."""
    return SignedCall(**values).send()[1]
