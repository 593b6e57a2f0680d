"""A self-hosted SageMaker Model Registry; this file only chooses the SQLite library, before Django loads one."""

import sys


def _use_packaged_sqlite() -> None:
    """Put pysqlite3 in the place of the standard library's sqlite3, where it is installed.

    The system's SQLite may have the WAL-reset bug, which loses committed writes (registry.configuration
    refuses to start on such a version). It has to happen before Django's backend is imported: one file must
    never be open through both libraries in one process.
    """
    try:
        import pysqlite3
        import pysqlite3.dbapi2
    except ImportError:
        return
    if sys.modules.get("sqlite3") is pysqlite3:
        return
    if "django.db.backends.sqlite3.base" in sys.modules:
        raise RuntimeError("registry must be imported before Django's SQLite backend")
    sys.modules["sqlite3"] = pysqlite3
    sys.modules["sqlite3.dbapi2"] = pysqlite3.dbapi2


_use_packaged_sqlite()
