"""Eight clients that register, decide and tag all the time, and remember what they wanted and what they were told."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from typing import Any
from uuid import uuid4

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from .checker import DECIDE, REGISTER, TAG, Call

CLIENTS = 8
SPECIFICATION = {
    "Containers": [{"Image": "registry.example/fraud:1", "ModelDataUrl": "s3://models/fraud/model.tar.gz"}],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}
# Retries of the SDK itself, in its standard mode; then the client sends the same once more, with the same token.
ATTEMPTS, TRIES = 4, 3
REFUSED = 400  # up to 499: an answer that means no, which nothing here deserves


class Load:
    """The clients, in threads, from `start` to `stop`; `history` holds every write that one of them wanted."""

    def __init__(self, port: int, key: dict[str, str], groups: list[str], clients: int = CLIENTS) -> None:
        self.port, self.key, self.groups = port, key, groups
        self.history: list[Call] = []
        self.errors: list[str] = []
        self.refused: list[str] = []
        self.acknowledged: Counter[int] = Counter()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(number,), daemon=True) for number in range(clients)]

    def sdk(self, *, attempts: int = ATTEMPTS, read_timeout: float = 8) -> Any:
        """A client of the SDK with a connection of its own."""
        return boto3.session.Session().client(
            "sagemaker",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id=self.key["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.key["AWS_SECRET_ACCESS_KEY"],
            config=Config(
                retries={"mode": "standard", "total_max_attempts": attempts},
                connect_timeout=5,
                read_timeout=read_timeout,
            ),
        )

    def start(self) -> Load:
        """Make the groups, then let the clients begin."""
        sdk = self.sdk()
        for group in self.groups:
            sdk.create_model_package_group(ModelPackageGroupName=group)
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        """Let each client finish what it is at; after this the history is whole."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=120)
        assert not any(thread.is_alive() for thread in self._threads), "a client hangs"

    def answered(self) -> list[Call]:
        """The calls that were acknowledged up to now."""
        with self._lock:
            return [call for call in self.history if call.answered is not None]

    def await_progress(self, seconds: float, *, each: int = 1) -> float:
        """Wait until every client has so many more acknowledged writes; the seconds that took, or AssertionError."""
        began = time.monotonic()
        before = Counter(self.acknowledged)
        while time.monotonic() - began < seconds:
            if all(self.acknowledged[number] - before[number] >= each for number in range(len(self._threads))):
                return time.monotonic() - began
            time.sleep(0.02)
        raise AssertionError(f"no progress within {seconds} s: {self.errors[-8:]}")

    # ---------- one client ----------

    def _work(self, number: int) -> None:
        dice = random.Random(number)
        sdk = self.sdk()
        mine: list[Call] = []
        while not self._stopping.is_set():
            call = self._next(number, dice, mine)
            with self._lock:
                self.history.append(call)
            self._do(sdk, call, dice)
            if call.kind == REGISTER and call.answered is not None:
                mine = [*mine[-20:], call]

    def _next(self, number: int, dice: random.Random, mine: list[Call]) -> Call:
        kind = dice.choices([REGISTER, DECIDE, TAG], [6, 3, 1])[0]
        token = uuid4().hex
        if kind == DECIDE and mine:
            decided = dice.choice(mine)
            # Never the status it has: a decision that changes nothing leaves nothing.
            decided.value = "Rejected" if decided.value == "Approved" else "Approved"
            return Call(number, DECIDE, decided.group, token, time.monotonic(), decided.number, decided.value)
        kind = TAG if kind == TAG else REGISTER
        return Call(number, kind, dice.choice(self.groups), token, time.monotonic())

    def _do(self, sdk: Any, call: Call, dice: random.Random) -> None:
        for _ in range(dice.randint(1, TRIES)):
            call.sent += 1
            try:
                number = self._send(sdk, call)
            except (BotoCoreError, ClientError) as error:
                with self._lock:
                    call.errors.append(" ".join(f"{type(error).__name__}: {error}".split())[:300])
                    self.errors.append(call.errors[-1])
                    status = (
                        (getattr(error, "response", None) or {}).get("ResponseMetadata", {}).get("HTTPStatusCode", 503)
                    )
                    if status != 503:
                        self.refused.append(call.errors[-1])
                        return
                # The SDK gives up quickly where nobody listens.
                time.sleep(0.3)
            else:
                with self._lock:
                    call.number = number if call.kind == REGISTER else call.number
                    call.answered = time.monotonic()
                    self.acknowledged[call.client] += 1
                return

    def _send(self, sdk: Any, call: Call) -> int | None:
        arn = f"arn:aws:sagemaker:us-east-1:000000000000:model-package-group/{call.group}"
        if call.kind == TAG:
            sdk.add_tags(ResourceArn=arn, Tags=[{"Key": f"client-{call.client}", "Value": call.token}])
            return None
        if call.kind == DECIDE:
            sdk.update_model_package(
                ModelPackageArn=f"{arn.replace('model-package-group/', 'model-package/')}/{call.number}",
                ModelApprovalStatus=call.value,
                ApprovalDescription=call.token,
            )
            return None
        made = sdk.create_model_package(
            ModelPackageGroupName=call.group,
            InferenceSpecification=SPECIFICATION,
            ModelApprovalStatus="PendingManualApproval",
            CustomerMetadataProperties={"token": call.token, "client": str(call.client), "feature_set": "v14"},
            ClientToken=call.token,
        )
        return int(made["ModelPackageArn"].rpartition("/")[2])
