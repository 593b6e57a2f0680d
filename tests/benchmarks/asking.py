"""Ask the project's WSGI application in this process, as a signed-in admin, and note the statements it runs."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

HOST = "localhost"


class Asker:
    """A browser that is signed in, without the network."""

    def __init__(self, application: Callable[..., Any], user: Any) -> None:
        from django.conf import settings
        from django.test import Client

        client = Client()
        client.force_login(user)
        cookie = client.cookies[settings.SESSION_COOKIE_NAME]
        self.application, self.cookie = application, f"{cookie.key}={cookie.value}"

    def get(self, address: str, headers: dict[str, str] | None = None, sent: bytes = b"") -> tuple[int, bytes]:
        """Status and body of a page; with a body to send, of a POST."""
        path, _, query = address.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "POST" if sent else "GET",
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": HOST,
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": HOST,
            "HTTP_COOKIE": self.cookie,
            "HTTP_ACCEPT_ENCODING": "gzip",
            "CONTENT_LENGTH": str(len(sent)),
            "wsgi.input": io.BytesIO(sent),
            "wsgi.errors": io.StringIO(),
            "wsgi.url_scheme": "http",
        }
        for name, value in (headers or {}).items():
            variable = name.upper().replace("-", "_")
            environ[variable if variable == "CONTENT_TYPE" else f"HTTP_{variable}"] = value
        said: list[str] = []
        answer = self.application(environ, lambda status, headers, exc_info=None: said.append(status))
        try:
            body = b"".join(answer)
        finally:
            if hasattr(answer, "close"):
                answer.close()
        return int(said[0].split()[0]), body


Statement = tuple[str, Any]


@contextmanager
def noted_statements() -> Iterator[list[Statement]]:
    """The statements that run in the block, with their values."""
    from django.db import connection

    noted: list[Statement] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        noted.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield noted


@contextmanager
def plain_cursor() -> Iterator[Any]:
    """A cursor of the database's own driver, without Django's."""
    from django.db import connection

    connection.ensure_connection()
    if connection.vendor == "sqlite":
        import sqlite3

        yield connection.connection.cursor(factory=sqlite3.Cursor)
    else:
        import psycopg

        yield psycopg.Cursor(connection.connection)


def run_plainly(cursor: Any, statement: Statement, *, keep_plan: bool = True) -> list[Any]:
    """Run a noted statement by the driver and fetch what it gives; PostgreSQL may keep its plan or plan it anew."""
    sql, params = statement
    if "sqlite" in type(cursor).__module__:
        cursor.execute(sql if params is None else sql.replace("%s", "?").replace("%%", "%"), params or ())
    else:
        cursor.execute(sql, params or (), prepare=keep_plan)
    return cursor.fetchall() if cursor.description else []
