"""Real boto3 against the wire door: its prepared requests go to Django's test client instead of a socket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from django.test import Client

from registry.accounts.access_keys import create_access_key
from registry.accounts.models import Role
from registry.accounts.permissions import Actor
from tests.factories import make_user

HOST = "registry.test:8000"


class _Raw:
    """The body of an answer as urllib3 would hand it on."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def stream(self, *args: Any, **kwargs: Any) -> Any:
        yield self.content

    def read(self, *args: Any) -> bytes:
        return self.content


def send(prepared: Any) -> AWSResponse:
    """Hand a request that botocore prepared and signed to the product, and its answer back."""
    headers = {name: value.decode() if isinstance(value, bytes) else value for name, value in prepared.headers.items()}
    headers.setdefault("Host", HOST)
    content_type = headers.pop("Content-Type", "")
    body = prepared.body or b""
    answer = Client().generic(
        prepared.method,
        "/" + prepared.url.split("/", 3)[3],
        body if isinstance(body, bytes) else body.encode(),
        content_type=content_type,
        headers=headers,
        # Django's client leaves the type out where there is no body; clients sign and send it all the same.
        CONTENT_TYPE=content_type,
    )
    return AWSResponse(prepared.url, answer.status_code, dict(answer.headers), _Raw(answer.content))


@pytest.fixture
def key_for(db: None, settings: Any) -> Callable[..., tuple[str, str]]:
    """A function from a role to an access key id and its secret, of a new user with that role."""
    settings.ALLOWED_HOSTS = ["registry.test", "testserver"]

    def make(role: Role | str = Role.ADMIN, *, key_role: str = "", **values: Any) -> tuple[str, str]:
        user = make_user(role)
        key, secret = create_access_key(actor=Actor.system("test"), user=user, name="pipeline", role=key_role, **values)
        return key.key_id, secret

    return make


@pytest.fixture
def client_for(key_for: Callable[..., tuple[str, str]]) -> Callable[..., Any]:
    """A function from a role (and region) to an unmodified boto3 SageMaker client that signs as such a user."""

    def make(role: Role | str = Role.ADMIN, region: str = "us-east-1", key: tuple[str, str] | None = None) -> Any:
        key_id, secret = key or key_for(role)
        client = boto3.client(
            "sagemaker",
            region_name=region,
            endpoint_url=f"http://{HOST}",
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            config=Config(retries={"max_attempts": 0}, parameter_validation=True),
        )
        client.meta.events.register("before-send.sagemaker", lambda request, **_: send(request))
        return client

    return make


@pytest.fixture
def sm(client_for: Callable[..., Any]) -> Any:
    """A boto3 client of an admin in us-east-1."""
    return client_for(Role.ADMIN)
