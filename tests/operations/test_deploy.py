"""The files of registry/deploy say what is true: paths, limits and commands that exist."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import get_commands

from registry.api.sagemaker.requests import MAX_BODY
from registry.configuration import PROJECT_ROOT
from registry.monitoring import logs
from registry.web import server
from registry.web.management.commands.serve import parse_address
from tests.test_serve import Server, free_port, wait_until

pytestmark = pytest.mark.sqlite_only

DEPLOY = PROJECT_ROOT / "registry" / "deploy"
UNITS = sorted(DEPLOY.glob("model-registry*"))
INSTALLED = "/opt/model-registry/"


def settings_of(unit: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in unit.read_text().splitlines():
        if line and line[0] not in "#[":
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def commands_in(text: str) -> set[str]:
    return set(re.findall(r"manage\.py[\"', ]+(\w+)(?![\w.])", text))


def test_every_command_that_is_named_exists():
    named = set().union(*(commands_in(path.read_text()) for path in DEPLOY.iterdir() if path.is_file()))
    assert {"serve", "backup", "migrate", "verifylog"} <= named
    assert named - set(get_commands()) == set()


def test_a_stop_has_the_time_that_it_needs():
    unit = settings_of(DEPLOY / "model-registry@.service")
    # What the supervisor takes at most, and some seconds to say so.
    most = server.GRACE_SECONDS + 5
    assert most < int(unit["TimeoutStopSec"][0]) <= most + 10
    assert unit["KillMode"] == ["mixed"]
    stop = re.search(r"--stop-timeout=(\d+)", (DEPLOY / "Containerfile").read_text())
    assert most < int(stop[1]) <= most + 10


@pytest.mark.parametrize("unit", [path for path in UNITS if path.suffix == ".service"], ids=lambda path: path.name)
def test_units_run_without_rights_and_write_to_their_folder_only(unit):
    found = settings_of(unit)
    assert found["User"] == ["model-registry"]
    for name in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "RestrictNamespaces", "LockPersonality"):
        assert found[name] == ["yes"], name
    assert found["ProtectSystem"] == ["strict"] and found["UMask"] == ["0077"]
    assert found["CapabilityBoundingSet"] == [""]
    assert "ReadWritePaths" not in found
    assert any("REGISTRY_DATA_DIR=/var/lib/model-registry" in value for value in found["Environment"])
    assert "model-registry" in found["StateDirectory"][0].split()


def test_units_are_what_systemd_understands(tmp_path):
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd-analyze here: `apt-get install systemd`")
    for path in UNITS:
        text = path.read_text().replace(f"{INSTALLED}.venv/bin/python", sys.executable)
        text = text.replace("=/opt/model-registry\n", f"={PROJECT_ROOT}\n").replace("=model-registry\n", "=root\n")
        (tmp_path / path.name).write_text(text)
    names = [path.name.replace("@.", "@8001.") for path in UNITS]
    (tmp_path / "model-registry@8001.service").symlink_to("model-registry@.service")
    done = subprocess.run(
        [program, "verify", "--man=no", *(str(tmp_path / name) for name in names)],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in done.stderr.splitlines() if "model-registry" in line]
    assert said == []


def test_nginx_takes_what_the_registry_takes(settings):
    limit = re.search(r"client_max_body_size (\d+)m;", (DEPLOY / "nginx.conf").read_text())
    assert int(limit[1]) * 1024 * 1024 == MAX_BODY == settings.DATA_UPLOAD_MAX_MEMORY_SIZE


def lines_of(name: str) -> list[list[str]]:
    """The instructions of the Containerfile, continued lines put together."""
    text = (DEPLOY / "Containerfile").read_text().replace("\\\n", " ")
    return [line.split(None, 1) for line in text.splitlines() if line.startswith(name)]


def test_the_container_is_nobody_and_copies_what_there_is():
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", lines_of("USER")[-1][1])
    for _, words in lines_of("COPY"):
        *sources, target = words.split()
        assert all((PROJECT_ROOT / source).exists() for source in sources)
        assert target.startswith("./")
    (_, command) = lines_of("CMD")[0]
    python, script, name, address = eval(command)
    assert (python, script, name) == ("python", "manage.py", "serve")
    assert parse_address(address) == ("0.0.0.0", 8000)
    assert "--require-hashes" in lines_of("RUN")[0][1]


class Container(Server):
    """The Containerfile's command, on the files that it copies and no others."""

    def __init__(self, files: Path, data: Path) -> None:
        self.port, self.log = free_port(), data.parent / "container.log"
        environ = dict(part.split("=", 1) for part in lines_of("ENV")[0][1].split())
        environ |= {"REGISTRY_DATA_DIR": str(data), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
        with self.log.open("wb") as log:
            command = [*eval(lines_of("CMD")[0][1])[:-1], f"0.0.0.0:{self.port}"]
            self.process = subprocess.Popen(command, cwd=files, env=environ, stdout=log, stderr=log)


@pytest.mark.operations
def test_the_command_of_the_container_runs_on_what_is_copied(tmp_path):
    files = tmp_path / "app"
    files.mkdir()
    for _, words in lines_of("COPY"):
        *sources, target = words.split()
        for source in sources:
            if (PROJECT_ROOT / source).is_dir():
                shutil.copytree(PROJECT_ROOT / source, files / target)
            else:
                shutil.copy(PROJECT_ROOT / source, files / target)
    before = sorted(path for path in files.rglob("*") if "__pycache__" not in path.parts)
    running = Container(files, tmp_path / "data")
    try:
        wait_until(lambda: "Ready: " in running.output or running.process.poll() is not None)
        assert running.get("/readyz").status == 200
        check = shlex.join(eval(lines_of("HEALTHCHECK")[0][1].partition("CMD ")[2])).replace(
            ":8000", f":{running.port}"
        )
        assert subprocess.run(check, shell=True, env={"PATH": os.environ["PATH"]}, check=False).returncode == 0
        # Read-only: nothing was written beside the data.
        assert sorted(path for path in files.rglob("*") if "__pycache__" not in path.parts) == before
    finally:
        assert running.stop() == 0
    assert subprocess.run(check, shell=True, stderr=subprocess.DEVNULL, check=False).returncode != 0


@pytest.mark.parametrize("form", ["path", "abstract"])
def test_a_service_manager_is_told_when_it_is_ready(tmp_path, monkeypatch, form):
    place = str(tmp_path / "notify") if form == "path" else f"@model-registry-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{place[1:]}" if form == "abstract" else place)
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", place)
        server.notify("READY=1")
        assert manager.recv(100) == b"READY=1"
    server.notify("READY=1")  # nobody listens any more
    monkeypatch.delenv("NOTIFY_SOCKET")
    server.notify("READY=1")


def test_a_server_of_json_logs_has_the_masters_lines_in_json_too(monkeypatch):
    monkeypatch.setenv(logs.FORMAT_VARIABLE, logs.JSON)
    (option,) = [part for part in server.granian_command("127.0.0.1", 1, 1, 1) if part.startswith("--log-config=")]
    assert Path(option.partition("=")[2]).is_file()
    monkeypatch.setenv(logs.FORMAT_VARIABLE, logs.PLAIN)
    assert not [part for part in server.granian_command("127.0.0.1", 1, 1, 1) if "log-config" in part]
