"""The project's conventions as tests: who may import whom, what a template may hold, how long a file may be."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.core.management import call_command

from registry.configuration import PROJECT_ROOT

REGISTRY = PROJECT_ROOT / "registry"
TEMPLATES = PROJECT_ROOT / "templates"

# Each may import those to its right and itself: web | api -> catalog -> accounts -> events.
LAYERS = {
    "registry.web": {"registry.catalog", "registry.accounts", "registry.events"},
    "registry.api": {"registry.catalog", "registry.accounts", "registry.events"},
    "registry.catalog": {"registry.accounts", "registry.events"},
    "registry.accounts": {"registry.events"},
    "registry.events": set(),
    # Nobody imports it: it reads and writes whole tables, whatever their app, for commands alone.
    "registry.backup": {"registry.accounts", "registry.events"},
}
# Loaded by Django or a server by name; an import would make them part of the code.
LOADED_BY_NAME = {"registry.settings", "registry.urls", "registry.wsgi"}
# Within an app: what the parts of the left never import.
NEVER = {
    "errors": {"models", "services", "reports", "admin", "querysets"},
    "models": {"services", "reports", "admin"},
    "services": {"reports", "admin"},
    "reports": {"services", "admin"},
    "forms": {"services", "views", "reports"},
    "shapes": {"services", "operations", "views", "models"},
}

pytestmark = pytest.mark.sqlite_only


def module_name(path: Path) -> str:
    parts = path.relative_to(PROJECT_ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path, source: str) -> Iterator[str]:
    """Yield the absolute names that a file imports, relative ones resolved; `if TYPE_CHECKING` counts too."""
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            yield from (f"{base}.{name.name}" for name in node.names)


@cache
def registry_imports() -> list[tuple[str, str]]:
    """Return (importing module, imported name) for all hand-written files."""
    return [
        (module_name(path), name)
        for path in sorted(REGISTRY.rglob("*.py"))
        if "migrations" not in path.parts
        for name in imports_of(path, path.read_text(encoding="utf-8"))
        if name.startswith("registry.")
    ]


def layer_of(name: str) -> str | None:
    return next((layer for layer in LAYERS if name == layer or name.startswith(f"{layer}.")), None)


def test_imports_follow_the_layers():
    culprits = [
        f"{module} imports {name}"
        for module, name in registry_imports()
        if (layer := layer_of(module)) and (other := layer_of(name)) and other != layer and other not in LAYERS[layer]
    ]
    assert not culprits


def test_settings_urls_and_wsgi_are_imported_by_nobody():
    culprits = [
        f"{module} imports {name}"
        for module, name in registry_imports()
        if any(name == loaded or name.startswith(f"{loaded}.") for loaded in LOADED_BY_NAME)
    ]
    assert not culprits


def test_parts_of_an_app_import_in_one_direction():
    culprits = []
    for module, name in registry_imports():
        layer = layer_of(module)
        if layer and layer == layer_of(name):
            parts, wanted = module.split("."), set(name.split(".")[2:])
            forbidden = set().union(*(NEVER.get(part, set()) for part in parts[2:]))
            culprits += [f"{module} imports {name}"] if wanted & forbidden else []
    assert not culprits


def templates() -> dict[str, str]:
    """Return name and text of the pages' templates."""
    return {
        path.relative_to(TEMPLATES).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(TEMPLATES.rglob("*.html"))
    }


def is_fragment(name: str) -> bool:
    return name.rpartition("/")[2].startswith("_")


def test_fragments_extend_nothing():
    assert not [
        name for name, text in templates().items() if is_fragment(name) and re.search(r"{%-?\s*extends\b", text)
    ]


def test_every_fragment_is_part_of_a_page():
    found = templates()
    named = {name: set(re.findall(r"""["']([\w./-]+\.html)["']""", text)) for name, text in found.items()}
    reached = {name for name in found if not is_fragment(name)}
    while more := {part for name in reached for part in named.get(name, ())} - reached:
        reached |= more
    assert not [name for name in found if name not in reached and not is_call(found[name])]


def is_call(text: str) -> bool:
    """Return True for a fragment without markup of its own: it only calls the macro that a page calls too."""
    return "<" not in re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}", "", text, flags=re.DOTALL)


@pytest.mark.parametrize(
    "pattern",
    [r"\sstyle\s*=", r"<style\b", r"<script(?![^>]*\bsrc=)", r"\shx-on\b", r"javascript:", r"\son[a-z]+\s*=\s*[\"']"],
)
def test_templates_keep_the_strict_content_policy(pattern):
    assert not [f"{name}: {hit}" for name, text in templates().items() for hit in re.findall(pattern, text)]


@pytest.mark.django_db
def test_every_migration_is_written(capsys):
    try:
        call_command("makemigrations", check=True, dry_run=True, verbosity=1)
    except SystemExit:
        pytest.fail(capsys.readouterr().out)


def own_files() -> Iterator[Path]:
    """Yield every file of the project, without what a run or a tool leaves behind."""
    left_out = {".git", ".venv", ".clients", ".bench", "var", "__pycache__", "node_modules", "test-results"}
    for path in sorted(PROJECT_ROOT.rglob("*")):
        parts = path.relative_to(PROJECT_ROOT).parts
        caches = any(part in left_out or part.endswith("_cache") or part == ".hypothesis" for part in parts)
        if path.is_file() and not caches:
            yield path


def lines_matching(pattern: str) -> list[str]:
    """Return file and line of every match in the project's text files."""
    hits = []
    for path in own_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            if re.search(pattern, line):
                hits.append(f"{path.relative_to(PROJECT_ROOT)}:{number}")
    return hits


def test_no_path_of_one_machine_is_named():
    assert not lines_matching(r"(^|[^A-Za-z0-9_.])/(" + "|".join(["work", "farm", "root"]) + r")/[a-z]")


def test_no_package_registry_is_named():
    hosts = "|".join(["pypi", "python" + "hosted", "npm" + "js"])
    assert not lines_matching(rf"https?://[a-z.-]*({hosts})[.a-z]*|^\s*--(extra-)?index-url|^\s*--find-links")


def test_nothing_is_left_unfinished():
    marks = "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX", "NotImplemented" + "Error"])
    assert not [
        hit for hit in lines_matching(rf"\b({marks})\b") if hit.startswith(("registry/", "tests/", "templates/"))
    ]


def test_no_third_party_front_end_file_is_here():
    pattern = r"\.min\.(js|css)$|\.(woff2?|ttf|otf)$"
    assert not [str(path) for path in own_files() if re.search(pattern, path.name)]


def test_files_stay_short():
    long = {}
    for path in own_files():
        counted = path.suffix in {".py", ".js"} or (path.suffix == ".html" and path.is_relative_to(TEMPLATES))
        if counted and "migrations" not in path.parts:
            lines = len(path.read_text(encoding="utf-8").splitlines())
            if lines > 400:
                long[str(path.relative_to(PROJECT_ROOT))] = lines
    assert not long
