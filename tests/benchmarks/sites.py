"""The sites that Chromium opens side by side: this registry, its page saved, MLflow's, and a page that is a file."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from urllib.request import Request, urlopen

from . import clients, servers
from .loads import sign_in

# Versions in the group whose page is opened.
SIZES = (25, 1_000, 10_000, 100_000)
# Versions that one of our pages shows at first, and so does the file.
ROWS = 25


@dataclass(frozen=True)
class Site:
    """A running server with one page for each size.

    `grow` makes a size ready (sizes come in rising order) and says its address; `rows` finds the rows of versions in
    the page. `used`: the page is also used, not only opened.
    """

    name: str
    origin: str
    rows: str
    grow: Callable[[int], str]
    cookies: list[dict[str, str]] = field(default_factory=list)
    used: bool = False


@contextmanager
def ours(folder: Path, database: str) -> Iterator[Site]:
    """This registry as `manage.py serve` runs it, with one group of each size."""
    with (
        servers.PLACES[database](folder) as (name, environ, roots, version),
        servers.ours(folder, name, environ, roots, version) as target,
    ):
        data = {"PATH": os.environ["PATH"], "REGISTRY_DATA_DIR": str(folder / "var"), **environ}
        origin = f"http://127.0.0.1:{target.port}"
        key, _, value = sign_in(target.port, "bench").partition("=")
        groups = clients.SageMaker(target.port, target.key).client

        def grow(size: int) -> str:
            fill = ("--groups", "1", "--versions", str(size), "--prefix", f"of-{size}", "--add", "-v0")
            servers.manage(data, "filldemo", *fill)
            found = groups.list_model_package_groups(NameContains=f"of-{size}-")["ModelPackageGroupSummaryList"]
            return f"/groups/us-east-1/{found[0]['ModelPackageGroupName']}/"

        yield Site(name, origin, "tr[data-row]", grow, [{"name": key, "value": value, "url": origin}], used=True)


@contextmanager
def mlflow(folder: Path) -> Iterator[Site]:
    """MLflow's server with one model that grows."""
    with servers.mlflow(folder) as target:
        client = clients.make_client(target.reach)
        client.make_group()
        held = 0

        def grow(size: int) -> str:
            nonlocal held
            if not held:
                client.register(0, "")
                held = 1
            assert target.fill is not None
            target.fill(size - held, held)
            held = size
            return f"/#/models/{clients.GROUP}"

        yield Site("MLflow", f"http://127.0.0.1:{target.port}", "[role=row] a[href*='/versions/']", grow)


@contextmanager
def file(folder: Path) -> Iterator[Site]:
    """The floor: a table of as many rows as ours shows at first, with one style sheet, from Python's file server."""
    folder.mkdir()
    for size in SIZES:
        (folder / f"{size}.html").write_text(_table(min(size, ROWS)), encoding="utf-8")
    (folder / "plain.css").write_text(
        "table{border-collapse:collapse}td{border:1px solid;padding:8px}", encoding="utf-8"
    )
    with _served(folder) as origin:
        yield Site("a file", origin, "tbody tr", lambda size: f"/{size}.html")


@contextmanager
def saved(folder: Path) -> Iterator[Site]:
    """Our page as it was answered once, from the same file server: what of our time is Chromium's drawing alone."""
    files = folder / "files"
    with ours(folder, "sqlite") as site, _served(files) as origin:
        [cookie] = site.cookies

        def grow(size: int) -> str:
            asked = Request(site.origin + site.grow(size), headers={"Cookie": f"{cookie['name']}={cookie['value']}"})
            page = urlopen(asked).read().decode()
            (files / f"{size}.html").write_text(page, encoding="utf-8")
            shutil.copytree(folder / "var" / "static", files / "static", dirs_exist_ok=True)
            for sprite in set(re.findall(r"/icons\.\w+\.svg", page)):
                (files / sprite[1:]).write_bytes(urlopen(site.origin + sprite).read())
            return f"/{size}.html"

        yield Site("our page, saved", origin, site.rows, grow)


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """The origin of Python's file server for a folder."""
    folder.mkdir(exist_ok=True)
    port = servers.free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--protocol", "HTTP/1.1"]
    with servers.process(folder, command, port, "/", {"PATH": os.environ["PATH"]}):
        yield f"http://127.0.0.1:{port}"


def _table(rows: int) -> str:
    lines = (
        f"<tr><td><a href='/{number}'>v{number}</a></td><td>Approved</td><td>0.91{number % 100:02}</td>"
        f"<td>{escape(str(clients.METADATA))}</td><td>{clients.IMAGE}</td><td>{clients.ARTIFACT}</td></tr>"
        for number in range(rows, 0, -1)
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Versions</title><link rel=stylesheet href=/plain.css>"
        f"<h1>Versions</h1><table><tbody>{''.join(lines)}</tbody></table></html>"
    )


SITES: dict[str, Callable[[Path], AbstractContextManager[Site]]] = {
    "file": file,
    "saved": saved,
    "sqlite": lambda folder: ours(folder, "sqlite"),
    "postgresql": lambda folder: ours(folder, "postgresql"),
    "mlflow": mlflow,
}
