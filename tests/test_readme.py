"""The README's table of settings names what the code reads, with the defaults that it takes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from registry import configuration
from registry.configuration import PROJECT_ROOT

pytestmark = pytest.mark.sqlite_only

# Read by `demo` and said where the demo is; set by the supervisor for its own workers.
ELSEWHERE = {"REGISTRY_DEMO_PASSWORD", "REGISTRY_SUPERVISOR"}


class Recording(Mapping[str, str]):
    """An environment that holds the data folder alone and notes what it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.values, self.asked = {"REGISTRY_DATA_DIR": str(folder)}, set[str]()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self.values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values)

    def __len__(self) -> int:
        return len(self.values)


def rows() -> dict[str, str]:
    """Each setting of the table, and its default as it stands there."""
    text = (PROJECT_ROOT / "README.md").read_text()
    table = text[text.index("| Variable | Default |") :].split("\n\n")[0]
    found = {}
    for names, defaults in re.findall(r"^\| (`.+?`) \| (.+?) \|", table, re.MULTILINE):
        parts = re.findall(r"`([A-Z_]+)`", names)
        values = defaults.split(", ") if len(parts) > 1 else [defaults]
        found |= dict(zip(parts, values, strict=True))
    return found


def test_every_setting_that_is_read_stands_in_the_table(tmp_path):
    asked = Recording(tmp_path)
    configuration.read(asked)
    quoted = {
        name
        for path in (PROJECT_ROOT / "registry").rglob("*.py")
        for name in re.findall(r'"(REGISTRY_[A-Z_]+|DATABASE_URL)"', path.read_text())
    }
    assert set(rows()) == asked.asked | quoted - ELSEWHERE


def test_the_defaults_are_those_of_the_code(tmp_path):
    found = configuration.read(Recording(tmp_path))
    for name, default in rows().items():
        value = getattr(found, name.removeprefix("REGISTRY_").lower(), None)
        if re.fullmatch(r"`[^`]*`", default) and not default.startswith("`var"):
            told = ",".join(value) if isinstance(value, tuple) else value
            told = {False: "off", True: "on"}[told] if isinstance(told, bool) else str(told)
            assert default == f"`{told}`", name
