"""The private key of the checkpoints: made once, in its file only; a new one leaves what the old one signed."""

import stat
import threading
from pathlib import Path

import pytest

from registry.configuration import ConfigurationError
from registry.events.checkpoint_checks import checkpoint_findings
from registry.events.checkpoint_keys import has_key, public_key
from registry.events.checkpoints import make_checkpoint
from registry.events.models import CheckpointKey
from registry.events.proofs import key_name
from tests.factories import make_group, make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def own_key(settings, tmp_path):
    settings.REGISTRY_CHECKPOINT_KEY = tmp_path / "key.pem"
    return Path(settings.REGISTRY_CHECKPOINT_KEY)


def test_the_key_is_made_at_first_need_for_its_owner_only(own_key):
    assert not has_key()
    public = public_key()
    assert has_key() and public_key() == public
    assert stat.S_IMODE(own_key.stat().st_mode) == 0o600
    assert own_key.read_text().startswith("-----BEGIN PRIVATE KEY-----")
    assert [path.name for path in own_key.parent.iterdir()] == ["key.pem"]


def test_two_that_make_it_at_once_agree(own_key):
    found = []
    threads = [threading.Thread(target=lambda: found.append(public_key())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1 and len(found) == 8


@pytest.mark.parametrize("content", ["nonsense", "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----"])
def test_a_file_that_holds_another_thing_is_refused_without_saying_what(own_key, content):
    own_key.write_text(content)
    with pytest.raises(ConfigurationError, match="expected a file with an Ed25519 private key") as caught:
        public_key()
    assert content not in str(caught.value)


def test_a_new_key_leaves_old_checkpoints_to_be_checked(own_key):
    group = make_group("fraud")
    make_checkpoint()
    old = public_key()
    own_key.rename(own_key.with_name("old.pem"))
    make_version(group)
    made = make_checkpoint()
    assert made.number == 2 and made.key == key_name(public_key()) != key_name(old)
    assert {bytes(key.public) for key in CheckpointKey.objects.all()} == {old, public_key()}
    assert list(checkpoint_findings([old])) == []
    (finding,) = checkpoint_findings()
    assert key_name(old) in finding.text and "--public-key" in finding.text
