"""What the version page says to paste, pasted: each snippet as it stands, against a live server."""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from registry.accounts.access_keys import create_access_key
from registry.accounts.permissions import Actor
from tests.factories import IMAGE, make_group, make_user, make_version

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.sqlite_only]

ARTIFACT = "s3://models/fraud/model.tar.gz"
# The newest AWS CLI of the machine, or the one that the variable names (`pip install awscli` in a folder of its own).
AWS = os.environ.get("TEST_AWS_CLI") or shutil.which("aws")


def signing_curl() -> str | None:
    """curl, if it signs (7.75 and newer)."""
    path = shutil.which("curl")
    known = subprocess.run([path, "--help", "all"], capture_output=True, text=True).stdout if path else ""
    return path if "--aws-sigv4" in known else None


@pytest.fixture
def pasted(live_server: Any, tmp_path: Path) -> Any:
    """A function that takes the snippet of a language from the page and runs it with a viewer's key; its output."""
    user = make_user("viewer", username="paster")
    key, secret = create_access_key(actor=Actor.system("test"), user=user, name="laptop")
    package = make_version(make_group("fraud"))
    browser = Client(headers={"Host": live_server.url.removeprefix("http://")})
    browser.force_login(user)
    page = browser.get(package.get_absolute_url()).content.decode()

    def run(language: str, command: list[str]) -> str:
        found = re.search(rf'<pre class="usecase usecase--{language}">(.*?)</pre>', page, re.DOTALL)
        assert found is not None
        code = html.unescape(re.sub(r"</?span[^>]*>", "", found[1]))
        assert live_server.url in code
        done = subprocess.run(
            command,
            input=code,
            capture_output=True,
            text=True,
            timeout=120,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "AWS_ACCESS_KEY_ID": key.key_id,
                "AWS_SECRET_ACCESS_KEY": secret,
            },
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_the_boto3_snippet_runs_as_pasted(pasted):
    assert pasted("boto3", [sys.executable, "-"]) == f"{IMAGE} {ARTIFACT}\n"


@pytest.mark.skipif(signing_curl() is None, reason="no curl that signs here: `apt-get install curl` (7.75 or newer)")
def test_the_curl_snippet_runs_as_pasted(pasted):
    answer = pasted("curl", ["sh", "-s"])
    assert '"ModelPackageVersion":1' in answer.replace(" ", "")
    assert ARTIFACT in answer


@pytest.mark.skipif(AWS is None, reason="no AWS CLI here: `pip install awscli` into a venv, TEST_AWS_CLI=…/bin/aws")
def test_the_aws_cli_snippet_runs_as_pasted(pasted):
    folder = str(Path(str(AWS)).parent)
    assert pasted("cli", ["sh", "-c", f'PATH="{folder}:$PATH"; export PATH; exec sh -s']) == f"{IMAGE}\t{ARTIFACT}\n"
