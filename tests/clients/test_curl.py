"""curl over a socket: a pipeline posts a check with what every build machine has, signed by curl itself."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest

pytestmark = pytest.mark.sqlite_only


@pytest.fixture
def curl(exported: dict[str, str]) -> Any:
    """A function that posts a body as the README says; status and answer."""
    program = shutil.which("curl")
    if program is None:
        pytest.skip("no curl here: `apt-get install curl`")

    def post(body: str, *more: str) -> tuple[int, Any]:
        address = f"{exported['AWS_ENDPOINT_URL_SAGEMAKER']}/api/checks/"
        user = f"{exported['AWS_ACCESS_KEY_ID']}:{exported['AWS_SECRET_ACCESS_KEY']}"
        region = exported["AWS_DEFAULT_REGION"]
        command = [program, "--silent", "--aws-sigv4", f"aws:amz:{region}:sagemaker", "--user", user, "--data", body]
        run = subprocess.run(
            [*command, *more, "--write-out", "\n%{http_code}", address], capture_output=True, text=True, check=True
        )
        answer, _, status = run.stdout.rpartition("\n")
        return int(status), json.loads(answer)

    return post


def test_a_pipeline_posts_its_checks_with_curl(curl: Any, sm: Any) -> None:
    sm.create_model_package_group(ModelPackageGroupName="curl-fraud")
    arn = sm.create_model_package(ModelPackageGroupName="curl-fraud")["ModelPackageArn"]
    body = {"ModelPackageArn": arn, "Name": "unit tests", "State": "pending"}
    assert curl(json.dumps(body))[0] == 200
    done = body | {
        "State": "success",
        "Url": "https://ci.test/builds/7",
        "Summary": "412 tests passed, größer = besser",
    }
    status, answer = curl(json.dumps(done), "--header", "Content-Type: application/json")
    assert (status, answer["State"], answer["Summary"]) == (200, "success", done["Summary"])
    status, answer = curl(json.dumps(body | {"State": "green"}))
    assert (status, answer["__type"]) == (400, "ValidationException")
    sm.delete_model_package(ModelPackageName=arn)
    sm.delete_model_package_group(ModelPackageGroupName="curl-fraud")
