"""The file of a backup: for its owner alone, whole or not there, without a key, and no byte of it can change unseen."""

from __future__ import annotations

import json
import random
import re
import resource
import stat
import zipfile
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client

from registry.backup import archive
from registry.backup.archive import MANIFEST, Reading
from registry.backup.errors import Damaged, Refusal
from registry.backup.findings import no_begin, no_report
from registry.backup.restoring import restore
from registry.backup.services import back_up, check
from registry.backup.snapshots import Reader
from registry.catalog.models import ModelPackage
from registry.configuration import keep_secret
from tests.factories import make_version

from .conftest import SYSTEM, empty
from .worlds import make_world

pytestmark = pytest.mark.django_db(transaction=True)


def left_behind(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_flipped_bit_is_found_wherever_it_is(save, file):
    make_world()
    whole = save().read_bytes()
    check(path=file)
    chance, size = random.Random(6), len(whole)
    places = {*range(40), *range(size - 180, size), *(chance.randrange(size) for _ in range(300))}
    # Times and other fields of the ZIP's own that no ZIP program looks at.
    places |= {match.start() + n for match in re.finditer(rb"PK\x01\x02", whole) for n in (4, 12, 36)}
    for place in sorted(places):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << chance.randrange(8)
        file.write_bytes(flipped)
        with pytest.raises(Damaged):
            check(path=file)
    empty()
    with pytest.raises(Damaged):
        restore(actor=SYSTEM, path=file)
    assert not ModelPackage.objects.exists()


def test_a_part_of_a_file_or_more_than_it_is_none(save, file):
    make_version()
    whole = save().read_bytes()
    for other in (
        b"",
        whole[:30],
        whole[:-1],
        whole[: len(whole) // 2],
        whole + b"\n",
        whole[1:],
        b"PK\x03\x04",
        whole * 2,
    ):
        file.write_bytes(other)
        with pytest.raises(Damaged):
            check(path=file)
    with pytest.raises(Refusal, match="No such file"):
        check(path=file.with_name("other"))


def rewritten(path: Path, change) -> Path:
    """The same backup by other hands: its members changed, and closed with a checksum that fits."""
    with zipfile.ZipFile(path) as found:
        members = {name: found.read(name) for name in found.namelist()}
    manifest = json.loads(members.pop(MANIFEST))
    change(manifest, members)
    other = path.with_name("other.backup")
    with archive.Writing(other, force=True) as writing:
        for name, data in members.items():
            with writing._member(name) as member:
                member.write(data)
        writing.finish(manifest)
    return other


def test_members_have_to_be_those_of_the_manifest(save, file):
    make_version()
    save()

    def other_row(manifest, members):
        name = "tables/catalog_modelpackagegroup.jsonl"
        members[name] = members[name].replace(b"group-", b"gruop-")

    def one_less(manifest, members):
        del members["tables/auth_group.jsonl"]

    def one_more(manifest, members):
        members["tables/../../etc/passwd"] = b"root"

    for change in (other_row, one_less, one_more):
        with pytest.raises(Damaged):
            check(path=rewritten(file, change))

    def of_tomorrow(manifest, members):
        manifest["version"] = 2

    with pytest.raises(Refusal, match="version 2 of the format; this program reads up to 1"):
        check(path=rewritten(file, of_tomorrow))

    def other_column(manifest, members):
        manifest["tables"][0]["columns"][0][0] = 'id" FROM x; --'

    def newer(manifest, members):
        manifest["migrations"].append(["catalog", "9999_later"])

    def older(manifest, members):
        manifest["migrations"] = [
            name for name in manifest["migrations"] if name != ["accounts", "0005_bad_signatures"]
        ]

    empty()
    for change, words in (
        (other_column, "other tables than this program"),
        (newer, "newer program, with the migration catalog.9999_later"),
        (older, r"made before the migration accounts.0005_bad_signatures.* without any table"),
    ):
        with pytest.raises(Refusal, match=words):
            restore(actor=SYSTEM, path=rewritten(file, change))


def test_only_its_owner_reads_it_and_nothing_is_written_over(file):
    make_version()
    back_up(actor=SYSTEM, path=file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.read_bytes()
    with pytest.raises(Refusal, match="is there already"):
        back_up(actor=SYSTEM, path=file)
    with pytest.raises(Refusal, match="is a folder"):
        back_up(actor=SYSTEM, path=file.parent, force=True)
    assert (file.read_bytes(), left_behind(file.parent)) == (before, [file.name])
    make_version()
    file.chmod(0o644)
    back_up(actor=SYSTEM, path=file, force=True)
    assert file.read_bytes() != before
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_came_meanwhile_is_not_written_over(file, monkeypatch):
    plain = archive.Writing.finish

    def finish(self, manifest):
        file.write_text("somebody else's")
        return plain(self, manifest)

    monkeypatch.setattr(archive.Writing, "finish", finish)
    with pytest.raises(Refusal, match="is there already"):
        back_up(actor=SYSTEM, path=file)
    assert (file.read_text(), left_behind(file.parent)) == ("somebody else's", [file.name])


@pytest.mark.parametrize("ending", [KeyboardInterrupt, RuntimeError])
def test_one_that_was_stopped_leaves_nothing(file, monkeypatch, ending):
    make_version()
    plain = Reader.lines

    def lines(self, table, watch=None):
        if table.name == "catalog_tag":
            raise ending
        yield from plain(self, table, watch)

    monkeypatch.setattr(Reader, "lines", lines)
    with pytest.raises(ending):
        back_up(actor=SYSTEM, path=file)
    assert left_behind(file.parent) == []


def test_a_full_disk_leaves_nothing_and_says_so(file):
    make_world()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Python ignores SIGXFSZ: writing on is an error, as on a disk without room.
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(CommandError, match=r"File too large. .*registry.backup was not written.") as refused:
            call_command("backup", str(file))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert refused.value.returncode == 2
    assert left_behind(file.parent) == []
    with pytest.raises(CommandError, match="No such file or directory"):
        call_command("backup", str(file.parent / "nowhere" / "x"))


def test_no_secret_is_in_it(save, file, checkpoint_key):
    world = make_world()
    browser = Client()
    browser.force_login(world["viewer"])
    browser.get("/groups/")
    session = browser.cookies[settings.SESSION_COOKIE_NAME].value
    folder = settings.REGISTRY_DATA_DIR
    keep_secret(folder / "demo_password", lambda: "a-password-of-the-demo")
    secrets = [settings.SECRET_KEY, world["secret"], session, "a-password-of-the-demo"]
    secrets += ["".join(checkpoint_key.read_text().splitlines()[1:-1])]
    if (folder / "secret_key").exists():
        secrets.append((folder / "secret_key").read_text().strip())
    with zipfile.ZipFile(save()) as found:
        kept = b"".join(found.read(name) for name in found.namelist())
    assert world["contributor"].password.encode() in kept
    assert b"BEGIN" not in kept
    for secret in secrets:
        assert len(secret) > 15
        assert secret.encode() not in kept


def test_any_zip_program_opens_it(save, file):
    make_version()
    with zipfile.ZipFile(save()) as found:
        assert found.testzip() is None
        assert re.fullmatch(rb"sha256:[0-9a-f]{64}", found.comment)
        for told in json.loads(found.read(MANIFEST))["tables"]:
            rows = [json.loads(line) for line in found.read(f"tables/{told['name']}.jsonl").splitlines()]
            assert len(rows) == told["rows"]
            assert all(len(row) == len(told["columns"]) for row in rows)
    with Reading(file, no_begin, no_report) as backup:
        assert backup.digest == found.comment.decode().removeprefix("sha256:")
