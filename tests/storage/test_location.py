"""How a database is named, and that what is shown of a name holds no secret."""

from pathlib import Path

import pytest

from telwerkd.storage.location import PostgresUrl, SqliteFile, located


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("telwerk.db", "telwerk.db"),
        ("/data/telwerk.db", "/data/telwerk.db"),
        ("sqlite:///telwerk.db", "telwerk.db"),
        ("sqlite:////data/a%20b.db", "/data/a b.db"),
        (Path("telwerk.db"), "telwerk.db"),
        ("C:/telwerk.db", "C:/telwerk.db"),
    ],
)
def test_a_path_names_a_sqlite_file(name, path):
    """With or without the scheme of a URL."""
    assert located(name) == SqliteFile(Path(path))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me@db.example/telwerk", "postgresql://me@db.example/telwerk"),
        ("postgres://me:secret@db.example:6432/telwerk", "postgresql://me@db.example:6432/telwerk"),
        ("postgresql://db.example/telwerk?password=secret&sslmode=require", "postgresql://db.example/telwerk"),
        ("postgresql://me:se%40cret@a:1,b:2/telwerk", "postgresql://me@a:1,b:2/telwerk"),
        ("postgresql:///telwerk?host=/run/postgresql", "postgresql:///telwerk?host=/run/postgresql"),
        ("postgresql://me:secret@[::1]:5432/telwerk", "postgresql://me@[::1]:5432/telwerk"),
    ],
)
def test_a_url_is_kept_whole_and_shown_without_secrets(url, shown):
    """Neither as text nor in a traceback is a password seen."""
    found = located(url)
    assert isinstance(found, PostgresUrl)
    assert (found.dsn, str(found), repr(found)) == (url, shown, f"PostgresUrl({shown!r})")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "give the path of a SQLite file, or postgresql://"),
        ("mysql://me:secret@db/telwerk", "'mysql' is not a database that Telwerk can use"),
        ("http://me:secret@db/telwerk", "'http' is not a database"),
        ("postgresql+asyncpg://me:secret@db/telwerk", "'postgresql\\+asyncpg' is not a database"),
        ("postgresql://me:secret@db", "names no database"),
        ("postgresql://me:secret@db/", "names no database"),
        ("postgresql://me:se/cret@db/telwerk", "percent-encode"),
        ("postgresql://me:se@cret@db/telwerk", "percent-encode"),
        ("postgresql://me:se#cret@db/telwerk", "percent-encode"),
        ("postgresql://[::1/secret", "cannot be read"),
        ("sqlite://telwerk.db", "sqlite:///relative/path or sqlite:////absolute/path"),
        (5, "give the path"),
    ],
)
def test_what_names_no_database_is_refused_without_being_repeated(name, why):
    """For it may hold a password."""
    with pytest.raises(ValueError, match=why) as caught:
        located(name)
    assert "cret" not in str(caught.value)
