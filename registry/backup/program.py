"""Which version of the program this is."""

import tomllib

from registry.configuration import PROJECT_ROOT


def version() -> str:
    """The version in pyproject.toml; "unknown" where the program was installed without it."""
    try:
        return str(tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])
    except (OSError, ValueError, KeyError):
        return "unknown"
