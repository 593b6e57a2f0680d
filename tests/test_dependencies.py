"""DEPENDENCIES.md names what there is, with the licences that the packages themselves declare."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata

import pytest

from registry.configuration import PROJECT_ROOT

pytestmark = pytest.mark.sqlite_only

# Their metadata says nothing that can be compared: read from the licence files they carry.
UNSAID = {"pysqlite3": "Zlib", "python-dateutil": "Apache-2.0 OR BSD-3-Clause"}
# What may be used in something that is MIT: by itself, or unchanged as a library.
FITTING = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CNRI-Python", "LGPL-3.0-only", "MIT", "MIT-0", "PSF-2.0",
    "Zlib",
}  # fmt: skip


def tables() -> list[dict[str, tuple[str, str]]]:
    """The three tables of the page: package to licence and reason."""
    parts = (PROJECT_ROOT / "DEPENDENCIES.md").read_text().split("\n## ")[1:]
    rows = [re.findall(r"^\| ([a-z][a-z0-9-]*) \| ([^|]+) \| ([^|]+) \|$", part, re.MULTILINE) for part in parts]
    return [{name: (licence, reason) for name, licence, reason in part} for part in rows]


def names(requirements: list[str]) -> set[str]:
    return {re.match(r"[a-z0-9-]+", one.lower().replace("_", "-"))[0] for one in requirements}


def pinned(file: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+)==", (PROJECT_ROOT / file).read_text(), re.MULTILINE))


def test_the_page_names_every_dependency_and_no_other():
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["project"]
    chosen, brought, wanted = tables()
    assert set(chosen) == names(project["dependencies"])
    assert set(wanted) == {name for extra in project["optional-dependencies"].values() for name in names(extra)}
    assert set(chosen) | set(brought) == pinned("requirements.txt")
    assert not set(chosen) & set(brought)


def test_every_dependency_has_a_reason_in_both_places():
    text = (PROJECT_ROOT / "pyproject.toml").read_text()
    listed = text[text.index("dependencies = [") : text.index("[dependency-groups]")]
    for name, (_, reason) in {**tables()[0], **tables()[2]}.items():
        assert len(reason) > 10, name
        before = listed[: re.search(rf'^    "{name}\b', listed, re.MULTILINE).start()]
        assert before.rstrip().splitlines()[-1].lstrip().startswith(("#", '"fsspec', "s3 = [", "sagemaker = [")), name


def declared(name: str) -> str:
    """The licence that an installed package declares, in SPDX's words."""
    if name in UNSAID:
        return UNSAID[name]
    about = metadata.metadata(name)
    said = about.get("License-Expression") or about.get("License") or ""
    if not said or said == "BSD":
        said = " ".join(one for one in about.get_all("Classifier") or [] if one.startswith("License ::"))
        said = "BSD-3-Clause" if "BSD License" in said else said
    return said


def test_licences_are_those_that_the_packages_declare():
    told = {name: licence for table in tables() for name, (licence, _) in table.items()}
    installed = {one.metadata["Name"].lower().replace("_", "-") for one in metadata.distributions()}
    wrong = {name: (licence, declared(name)) for name, licence in told.items() if name in installed}
    assert {name: both for name, both in wrong.items() if both[0] != both[1]} == {}
    for name, licence in told.items():
        assert set(re.split(r" AND | OR ", licence)) <= FITTING, name
