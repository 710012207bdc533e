"""The PostgreSQL of the tests: the one that the environment names, or else the wheel's."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from support.postgres import BARRED, PostgresServer, apart, execute, fresh_database
from telwerkd.storage.location import PostgresUrl, located
from telwerkd.storage.postgres.schema import migrate

__all__ = ["BARRED", "PostgresServer", "apart", "execute", "fresh_database", "some_postgres", "template_database"]

ENVIRONMENT = "TELWERK_TEST_POSTGRES_URL"


@contextmanager
def some_postgres() -> Iterator[str]:
    """The URL of a PostgreSQL on which databases may be made."""
    given = os.environ.get(ENVIRONMENT)
    if given:
        yield given
        return
    # What is lost when the machine loses power is no matter here, and every commit is quicker.
    server = PostgresServer("fsync=off", "full_page_writes=off", "max_connections=200")
    try:
        server.start()
        yield server.url
    finally:
        server.remove()


@contextmanager
def template_database(server: str) -> Iterator[str]:
    """The name of a database that has the tables; to copy it is quicker than to make them."""
    with fresh_database(server) as url:
        database = located(url)
        assert isinstance(database, PostgresUrl)
        apart(migrate(database))
        yield urlsplit(url).path[1:]
