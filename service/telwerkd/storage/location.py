"""Where a database is: a SQLite file, or a PostgreSQL by its URL. The text of a location never holds a secret."""

import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_HOW = "give the path of a SQLite file, or postgresql://user@host/database"


class SqliteFile(NamedTuple):
    """A SQLite file."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


class PostgresUrl:
    """A PostgreSQL database. `dsn` is the driver's URL, which may hold a password; `str()` leaves secrets out."""

    def __init__(self, dsn: str, shown: str) -> None:
        self.dsn = dsn
        self._shown = shown

    def __str__(self) -> str:
        return self._shown

    def __repr__(self) -> str:
        return f"PostgresUrl({self._shown!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PostgresUrl) and self.dsn == other.dsn

    def __hash__(self) -> int:
        return hash(self.dsn)


Location = SqliteFile | PostgresUrl


def located(database: object) -> Location:
    """Returns the location that a path or a URL names.

    Raises:
        ValueError: this program cannot use it. The text does not quote the URL, which may hold a password.
    """
    match database:
        case SqliteFile() | PostgresUrl():
            return database
        case Path():
            return SqliteFile(database)
        case str() if scheme := _SCHEME.match(database):
            return _of_url(scheme[1].lower(), database)
        case str() if database:
            return SqliteFile(Path(database))
        case _:
            raise ValueError(_HOW)


def _of_url(scheme: str, url: str) -> Location:
    if scheme == "sqlite":
        path = unquote(url.partition(":///")[2])
        if not path:
            raise ValueError("a SQLite URL is sqlite:///relative/path or sqlite:////absolute/path")
        return SqliteFile(Path(path))
    if scheme not in {"postgresql", "postgres"}:
        raise ValueError(f"{scheme!r} is not a database that Telwerk can use: {_HOW}")
    return PostgresUrl(url, _without_secrets(url))


def _without_secrets(url: str) -> str:
    """Returns user, hosts and database of a URL; everything else in it may be a secret."""
    try:
        parts = urlsplit(url)
        hosts_asked = parse_qs(parts.query).get("host", [])
    except ValueError:
        raise ValueError(f"the URL cannot be read: {_HOW}") from None
    # A password with such a character as it is would be cut in the wrong place, and its rest shown as something else.
    if parts.fragment or "@" in parts.path or "/" in parts.path[1:] or parts.netloc.count("@") > 1:
        raise ValueError(
            "the URL cannot be read: percent-encode the characters @ / # ? of a password (%40 %2F %23 %3F)"
        )
    if not parts.path.strip("/"):
        raise ValueError(f"the URL names no database: {_HOW}")
    login, at, hosts = parts.netloc.rpartition("@")
    asked = f"?host={','.join(hosts_asked)}" if hosts_asked and not hosts else ""
    return f"postgresql://{login.partition(':')[0]}{at}{hosts}{parts.path}{asked}"
