"""Which SQLite libraries may be used; for the settings, before any of Django is loaded."""

from registry.configuration import ConfigurationError

# The WAL-reset bug: from 3.7.0 to 3.51.2, mended also in 3.44.6 and 3.50.7.
MENDED_SQLITE = (((3, 51, 3), (99,)), ((3, 50, 7), (3, 51)), ((3, 44, 6), (3, 45)))


def check_sqlite_version(version: tuple[int, ...]) -> None:
    """Refuse a SQLite library whose write-ahead log can lose committed writes."""
    if any(first <= version < end for first, end in MENDED_SQLITE):
        return
    raise ConfigurationError(
        f"DATABASE_URL names a SQLite file, but the SQLite library here is {'.'.join(map(str, version))}, expected "
        "3.51.3 or newer (or 3.50.7, 3.44.6): older ones can lose committed writes, so install the package "
        "pysqlite3 or use a postgresql:// address."
    )
