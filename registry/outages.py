"""Which errors say that the database is away, locked or full, and the words for them; anything else is a fault."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import Error, InterfaceError, InternalError, OperationalError

AWAY = "The registry cannot reach its database."
LOCKED = "The registry's database is busy with another change."
FULL = "The registry has no room left on its disk."

# Whether a commit arrived is not known where the connection broke while it was on its way: set on the error.
UNDECIDED = "registry_undecided"
# When a connection committed last, by time.monotonic(): what fails after that does not take it back.
COMMITTED_AT = "registry_committed_at"

# PostgreSQL's SQLSTATEs: no lock in time, a statement that was ended, a deadlock, serialization.
_LOCKED_STATES = {"55P03", "57014", "40P01", "40001"}
_FULL_STATES = {"53100"}
# No OperationalError in psycopg: only to be read (a standby took over), ended while it was idle in a transaction.
_AWAY_STATES = {"25006", "25P03"}

# SQLite's primary result codes. Code 1 is an error in the SQL and a fault of ours.
_LOCKED_CODES = {5, 6, 15}  # BUSY, LOCKED, PROTOCOL
_FULL_CODES = {13}
_AWAY_CODES = {7, 8, 9, 10, 14}  # NOMEM, READONLY, INTERRUPT, IOERR, CANTOPEN


@dataclass(frozen=True)
class Outage:
    """Why nothing can be read or saved at the moment; `undecided` when a change may have been saved all the same."""

    what: str
    undecided: bool = False

    def words(self, *, saving: bool) -> str:
        """The sentences for a person or a client; `saving` when the request wanted to change something."""
        wait = "Tell an admin, or try again later." if self.what == FULL else "Try again in a few seconds."
        if saving and self.undecided:
            return f"{self.what} It is not known whether your change was saved: look before you try again."
        return f"{self.what}{' Your change was not saved.' if saving else ''} {wait}"


def outage_of(error: BaseException | None) -> Outage | None:
    """The outage that an error of the database tells of; None for any other error."""
    if not isinstance(error, Error):
        return None
    cause = error.__cause__ or error
    undecided = getattr(error, UNDECIDED, False)
    if (code := getattr(cause, "sqlite_errorcode", None)) is not None:
        return _of_sqlite(code & 0xFF)
    state = getattr(cause, "sqlstate", None)
    if state in _FULL_STATES:
        return Outage(FULL)
    if state in _LOCKED_STATES:
        return Outage(LOCKED)
    if isinstance(error, InternalError):
        return Outage(AWAY, undecided) if state in _AWAY_STATES else None
    if isinstance(error, OperationalError):
        # Our own queue before SQLite's lock says it in SQLite's words.
        return Outage(LOCKED if "is locked" in str(error) else AWAY, undecided)
    # "the connection is closed": it broke earlier in the same request.
    return Outage(AWAY, undecided) if isinstance(error, InterfaceError) else None


def _of_sqlite(code: int) -> Outage | None:
    if code in _LOCKED_CODES:
        return Outage(LOCKED)
    if code in _FULL_CODES:
        return Outage(FULL)
    return Outage(AWAY) if code in _AWAY_CODES else None


def reason_of(error: BaseException | None) -> str:
    """The database's own words in one line, for the log."""
    return " ".join(f"{type(error).__name__}: {error}".split())
