"""SECURITY.md names the tests that prove what it promises: each is there, and each promise has one."""

from __future__ import annotations

import ast
import re

import pytest

from registry.configuration import PROJECT_ROOT

pytestmark = pytest.mark.sqlite_only

TEXT = (PROJECT_ROOT / "SECURITY.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", TEXT)


def functions_of(path: str) -> set[str]:
    """The names of the test functions of a file, those of its classes too."""
    tree = ast.parse((PROJECT_ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_test_that_a_promise_names_is_there():
    assert len(NAMED) > 40
    missing = [path for path, _ in NAMED if not (PROJECT_ROOT / path).is_file()]
    missing += [
        f"{path}::{name}" for path, name in NAMED if path not in missing and name and name not in functions_of(path)
    ]
    assert not missing


def test_every_promise_names_a_test():
    promises = TEXT.partition("## What we promise")[2].partition("\n## ")[0]
    points = [line for line in promises.splitlines() if line.startswith("- ")]
    assert len(points) > 15
    assert not [point[:60] for point in points if "`tests/" not in point]
