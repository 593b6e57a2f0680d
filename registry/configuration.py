"""Reads the environment into one checked Configuration; a wrong value is refused with one sentence."""

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from registry.monitoring import logs

PROJECT_ROOT = Path(__file__).resolve().parent.parent

DEFAULT_STAGES = "Development,Staging,Production"
LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")

# What libpq understands and a deployment needs; the rest of the query is ours and starts with pool_.
LIBPQ_OPTIONS = frozenset(
    """
    application_name channel_binding connect_timeout gssencmode host hostaddr keepalives
    keepalives_count keepalives_idle keepalives_interval options passfile sslcert sslcrl sslkey sslmode
    sslpassword sslrootcert target_session_attrs tcp_user_timeout
    """.split()  # noqa: SIM905
)
POOL_OPTIONS = {"pool_min_size": "min_size", "pool_max_size": "max_size", "pool_timeout": "timeout"}


class ConfigurationError(Exception):
    """A setting of the environment cannot be used; the message names it, its value and what is expected."""


def refuse(name: str, value: object, expected: str) -> ConfigurationError:
    """Return the one sentence about a wrong value: which variable, what it is, what it should be."""
    return ConfigurationError(f"{name} is {str(value)!r}, expected {expected}.")


@dataclass(frozen=True)
class Configuration:
    """Everything that the environment decides, checked and in Python's types."""

    data_dir: Path
    secret_keys: tuple[str, ...]
    database: dict[str, Any]
    debug: bool
    allowed_hosts: tuple[str, ...]
    public_url: str
    account_id: str
    region: str
    metrics_roots: dict[str, Path]
    stages: tuple[str, ...]
    trusted_proxies: int
    workers: int
    max_in_flight: int
    patience: int
    max_groups: int
    max_versions: int
    metrics_token: str
    log_format: str
    checkpoint_key: Path
    checkpoint_minutes: int

    @property
    def is_https(self) -> bool:
        """True when people reach the registry under an https address."""
        return self.public_url.startswith("https://")


def read(environ: Mapping[str, str] = os.environ) -> Configuration:
    """Return the checked configuration; raises ConfigurationError at the first value that cannot be used."""
    data_dir = read_data_dir(environ)
    public_url = read_public_url(environ)
    return Configuration(
        data_dir=data_dir,
        secret_keys=read_secret_keys(environ, data_dir),
        database=read_database(environ, data_dir),
        debug=read_flag(environ, "REGISTRY_DEBUG"),
        allowed_hosts=read_allowed_hosts(environ, public_url),
        public_url=public_url,
        account_id=read_pattern(environ, "REGISTRY_ACCOUNT_ID", "000000000000", r"[0-9]{12}", "12 digits"),
        region=read_pattern(
            environ,
            "REGISTRY_REGION",
            "us-east-1",
            r"[a-z0-9-]{9,16}",
            "9 to 16 characters out of a-z, 0-9 and -, such as us-east-1",
        ),
        metrics_roots=read_metrics_roots(environ),
        stages=read_stages(environ),
        trusted_proxies=read_number(environ, "REGISTRY_TRUSTED_PROXIES", 0, 0, 10),
        workers=read_number(environ, "REGISTRY_WORKERS", 2, 1, 64),
        max_in_flight=read_number(environ, "REGISTRY_MAX_IN_FLIGHT", 24, 1, 500),
        patience=read_number(environ, "REGISTRY_PATIENCE", 2, 1, 60),
        max_groups=read_number(environ, "REGISTRY_MAX_GROUPS", 0, 0, 10**9),
        max_versions=read_number(environ, "REGISTRY_MAX_VERSIONS", 0, 0, 10**9),
        metrics_token=read_metrics_token(environ, data_dir),
        log_format=read_pattern(environ, logs.FORMAT_VARIABLE, logs.PLAIN, "json|plain", "json or plain"),
        checkpoint_key=read_checkpoint_key(environ, data_dir),
        checkpoint_minutes=read_number(environ, "REGISTRY_CHECKPOINT_MINUTES", 60, 0, 10_080),
    )


def text(environ: Mapping[str, str], name: str) -> str:
    """Return the value without blanks around it; unset and empty are the same."""
    value = environ.get(name, "").strip()
    if "\x00" in value:
        raise refuse(name, value, "a value without NUL characters")
    return value


def read_flag(environ: Mapping[str, str], name: str) -> bool:
    """Return an on/off switch, off when unset."""
    value = text(environ, name).lower()
    if value in {"", "0", "off", "false", "no"}:
        return False
    if value in {"1", "on", "true", "yes"}:
        return True
    raise refuse(name, value, "on or off")


def read_number(environ: Mapping[str, str], name: str, default: int, lowest: int, highest: int) -> int:
    """Return a whole number between two bounds."""
    value = text(environ, name)
    if not value:
        return default
    if not re.fullmatch(r"[0-9]{1,6}", value) or not lowest <= int(value) <= highest:
        raise refuse(name, value, f"a whole number from {lowest} to {highest}")
    return int(value)


def read_pattern(environ: Mapping[str, str], name: str, default: str, pattern: str, expected: str) -> str:
    """Return a value that matches the whole pattern."""
    value = text(environ, name) or default
    if not re.fullmatch(pattern, value):
        raise refuse(name, value, expected)
    return value


def read_data_dir(environ: Mapping[str, str]) -> Path:
    """Return the folder for everything that a run keeps; it is made here, readable by its owner only."""
    value = text(environ, "REGISTRY_DATA_DIR")
    folder = (PROJECT_ROOT / Path(value).expanduser()) if value else PROJECT_ROOT / "var"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise refuse("REGISTRY_DATA_DIR", folder, f"a folder that can be made ({error.strerror})") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise refuse("REGISTRY_DATA_DIR", folder, "a folder that this user may write to")
    return folder.resolve()


def read_secret_keys(environ: Mapping[str, str], data_dir: Path) -> tuple[str, ...]:
    """Return the secret keys, the writing one first; generated into the data folder when none is given."""
    value = text(environ, "REGISTRY_SECRET_KEY")
    if not value:
        return (keep_secret(data_dir / "secret_key", lambda: secrets.token_urlsafe(50)),)
    keys = tuple(key.strip() for key in value.split(","))
    for position, key in enumerate(keys, start=1):
        if len(key) < 32:
            # The value itself stays out of the message: start-up messages end up in logs.
            raise ConfigurationError(
                f"REGISTRY_SECRET_KEY has {len(key)} characters in its key number {position}, expected keys of "
                "at least 32 characters, separated by commas, the one that writes first."
            )
    return keys


def keep_secret(path: Path, make: Any, *, name: str = "REGISTRY_DATA_DIR") -> str:
    """Return the secret kept in a file; made once, readable by its owner only, also when two start at once.

    `name` is the setting that a refusal of an unreadable file speaks of.
    """
    try:
        kept = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        kept = ""
    except OSError as error:
        raise refuse(name, path.parent, f"a readable file {path.name} ({error.strerror})") from None
    if kept:
        return kept
    # Written aside and linked into place: another process sees the whole secret or none.
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(make() + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        # What is there is whole, unless it is the empty file that was found above.
        if not path.read_text(encoding="utf-8").strip():
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path.read_text(encoding="utf-8").strip()


def read_metrics_token(environ: Mapping[str, str], data_dir: Path) -> str:
    """Return the token that /metrics asks for: given, or kept in the data folder; nothing where there is none."""
    kept = data_dir / "metrics_token"
    value = text(environ, "REGISTRY_METRICS_TOKEN")
    if not value and kept.is_file():
        value = kept.read_text(encoding="utf-8", errors="replace").strip()
    if value and not re.fullmatch(r"[A-Za-z0-9._~+/=-]{16,512}", value):
        # As with secret keys: not the value itself.
        raise ConfigurationError(
            "REGISTRY_METRICS_TOKEN (or metrics_token in the data folder) cannot be used, expected 16 characters "
            "or more out of A-Z, a-z, 0-9 and ._~+/=-, such as `openssl rand -hex 24` makes."
        )
    return value


def read_database(environ: Mapping[str, str], data_dir: Path) -> dict[str, Any]:
    """Return Django's description of the database that DATABASE_URL names, by default a file in the data folder."""
    value = text(environ, "DATABASE_URL")
    if not value:
        return sqlite(data_dir / "registry.sqlite3", {})
    try:
        parts = urlsplit(value)
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        port = parts.port
    except ValueError as error:
        raise refuse("DATABASE_URL", without_password(value), f"an address ({error})") from None
    options = dict(pairs)
    if parts.scheme == "sqlite":
        if parts.netloc or len(parts.path) < 2 or parts.path in {"/:memory:", "//"}:
            raise refuse(
                "DATABASE_URL", value, "sqlite:///folder/file.sqlite3 or, from the root, sqlite:////folder/file"
            )
        return sqlite(PROJECT_ROOT / unquote(parts.path[1:]), options)
    if parts.scheme in {"postgres", "postgresql"}:
        return postgresql(parts, port, options)
    raise refuse("DATABASE_URL", without_password(value), "an address that starts with sqlite:/// or postgresql://")


def without_password(address: str) -> str:
    """Return the address with its password replaced, to be shown in a message."""
    return re.sub(r"(password=)[^&]*", r"\1***", re.sub(r"(?<=://)([^:@/]*):.*@", r"\1:***@", address))


def sqlite(path: Path, options: dict[str, str]) -> dict[str, Any]:
    """Return the settings of a SQLite file: measured with 8 writers, no lock error and no lost commit."""
    timeout = options.pop("timeout", "20")
    if options or not re.fullmatch(r"[0-9]{1,4}", timeout):
        raise refuse("DATABASE_URL", f"sqlite:///{path}?…", "no other option than timeout=SECONDS")
    if not path.parent.is_dir():
        raise refuse("DATABASE_URL", f"sqlite:///{path}", "a file in a folder that exists")
    return {
        "ENGINE": "registry.sqlite",
        "NAME": path,
        # Opening and closing is a third of the time of a short call; each thread of the server keeps its own.
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "timeout": int(timeout),
            # Take the write lock at the start: a transaction that reads first and then writes cannot wait.
            "transaction_mode": "IMMEDIATE",
            # FULL: with NORMAL a power cut may take back what was acknowledged. Mapped as far as SQLite does that, a
            # terabyte as it is built here: it reads where the system keeps the file anyway, for all workers once, and
            # its own cache, for each connection, holds little but what is being written.
            "init_command": (
                f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA mmap_size={2**40}; PRAGMA cache_size=-4096"
            ),
        },
    }


def postgresql(parts: Any, port: int | None, options: dict[str, str]) -> dict[str, Any]:
    """Return the settings of a PostgreSQL database behind a small connection pool in each worker."""
    shown = without_password(parts.geturl())
    prepared = options.pop("prepared_statements", "on")
    if prepared not in ("on", "off"):
        raise refuse("DATABASE_URL", shown, "prepared_statements=on or off")
    unknown = sorted(set(options) - LIBPQ_OPTIONS - set(POOL_OPTIONS))
    if unknown:
        raise refuse("DATABASE_URL", shown, f"known options; {', '.join(unknown)} is none")
    name = unquote(parts.path[1:])
    if not name or "/" in name:
        raise refuse("DATABASE_URL", shown, "postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
    # Small on purpose: after a restart of the database each dead connection costs a check. Without a database everybody
    # is told so after two seconds; trying to reach it begins afresh with the next who asks, not after longer pauses.
    pool: dict[str, int] = {"min_size": 1, "max_size": 4, "timeout": 2, "reconnect_timeout": 3}
    for option, argument in POOL_OPTIONS.items():
        if option in options:
            given = options.pop(option)
            if not re.fullmatch(r"[0-9]{1,4}", given):
                raise refuse("DATABASE_URL", shown, f"a whole number for {option}")
            pool[argument] = int(given)
    if pool["max_size"] < 1 or pool["min_size"] > pool["max_size"]:
        raise refuse("DATABASE_URL", shown, "a pool_max_size of at least 1 and not below pool_min_size")
    host = options.pop("host", "") or unquote(parts.hostname or "")
    return {
        "ENGINE": "registry.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(port or ""),
        # The pool keeps the connections; Django's own keeping would leave them to threads that die.
        "CONN_MAX_AGE": 0,
        # Django's is a query before each use; registry.postgresql looks whether the server closed the connection.
        "CONN_HEALTH_CHECKS": False,
        # Behind a pooler a connection belongs to one transaction: nothing may live longer on it.
        "DISABLE_SERVER_SIDE_CURSORS": prepared == "off",
        # What registry.statements runs is planned once a connection.
        "OPTIONS": {
            "pool": pool,
            "prepare_threshold": 0 if prepared == "on" else None,
            "connect_timeout": 3,
            **options,
        },
    }


def read_public_url(environ: Mapping[str, str]) -> str:
    """Return the address under which people reach the registry, without a slash at its end, or nothing."""
    value = text(environ, "REGISTRY_PUBLIC_URL")
    if not value:
        return ""
    expected = "an address such as https://registry.example.com, without a path"
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise refuse("REGISTRY_PUBLIC_URL", value, expected) from None
    usable = re.fullmatch(r"[a-z0-9.-]+|[0-9a-f:.]+", host or "")
    if parts.scheme not in {"http", "https"} or not usable or parts.username or parts.query or parts.fragment:
        raise refuse("REGISTRY_PUBLIC_URL", value, expected)
    if parts.path not in {"", "/"}:
        raise refuse("REGISTRY_PUBLIC_URL", value, expected)
    return f"{parts.scheme}://{parts.netloc.lower()}"


def read_allowed_hosts(environ: Mapping[str, str], public_url: str) -> tuple[str, ...]:
    """Return the host names that are answered: the given ones or this machine, and the public address's."""
    value = text(environ, "REGISTRY_ALLOWED_HOSTS")
    hosts = [host.lower() for host in re.split(r"[,\s]+", value) if host] or list(LOCAL_HOSTS)
    for host in hosts:
        if not re.fullmatch(r"\*|\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]", host):
            raise refuse("REGISTRY_ALLOWED_HOSTS", host, "host names without scheme and port, separated by commas")
    if public_url:
        name = urlsplit(public_url).hostname or ""
        hosts.append(f"[{name}]" if ":" in name else name)
    return tuple(dict.fromkeys(hosts))


def read_metrics_roots(environ: Mapping[str, str]) -> dict[str, Path]:
    """Return the folders that stand for buckets: s3://BUCKET=FOLDER, several separated by blanks or commas."""
    roots = {}
    for entry in re.split(r"[,\s]+", text(environ, "REGISTRY_METRICS_ROOTS")):
        if entry:
            bucket, folder = parse_metrics_root(entry, name="REGISTRY_METRICS_ROOTS")
            roots[bucket] = folder
    return roots


def parse_metrics_root(entry: str, *, name: str) -> tuple[str, Path]:
    """Return bucket and folder of one s3://BUCKET=FOLDER; raises ConfigurationError under the given name."""
    match = re.fullmatch(r"s3://([A-Za-z0-9][A-Za-z0-9.-]{1,62})/?=(.+)", entry)
    if not match:
        raise refuse(name, entry, "s3://BUCKET=FOLDER")
    folder = PROJECT_ROOT / Path(match[2]).expanduser()
    if not folder.is_dir():
        raise refuse(name, entry, "a folder that exists after the =")
    return match[1], folder.resolve()


def read_checkpoint_key(environ: Mapping[str, str], data_dir: Path) -> Path:
    """Return the file of the key that signs checkpoints; it is made there when it is first needed."""
    value = text(environ, "REGISTRY_CHECKPOINT_KEY")
    path = PROJECT_ROOT / Path(value).expanduser() if value else data_dir / "checkpoint-key.pem"
    if path.is_dir() or not path.parent.is_dir():
        raise refuse("REGISTRY_CHECKPOINT_KEY", path, "a file in a folder that exists")
    return path


def read_stages(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the stages of a version's life in their order."""
    value = text(environ, "REGISTRY_STAGES") or DEFAULT_STAGES
    stages = tuple(stage.strip() for stage in value.split(","))
    # The wire's own rule for ModelLifeCycle.Stage is an entity name: letters, digits and hyphens, up to 63.
    if not all(re.fullmatch(r"[A-Za-z0-9](-*[A-Za-z0-9]){0,62}", stage) for stage in stages):
        raise refuse("REGISTRY_STAGES", value, "names of letters, digits and hyphens, separated by commas")
    if len({stage.lower() for stage in stages}) != len(stages) or len(stages) > 12:
        raise refuse("REGISTRY_STAGES", value, "1 to 12 different names")
    return stages
