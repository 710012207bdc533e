"""A short round of `make histories`: clients of two real servers on one PostgreSQL, while connections break."""

from tests.postgres import fresh_database
from tests.programs.histories import rounds_of

SECONDS = 4.0


def test_what_clients_of_two_servers_saw_is_explained_by_one_order(postgres: str) -> None:
    """Connections of PostgreSQL ended, commits cut off, lines to the servers cut. The laws stand in the checker."""
    with fresh_database(postgres) as url:
        played = rounds_of(url, SECONDS, seed=5)
    assert played.wrong == []
    assert played.reads
    assert played.writes
    assert played.updates
    assert len(played.broken) == 3, "each kind of break has happened"
