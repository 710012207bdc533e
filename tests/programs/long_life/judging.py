"""What must be counted at the end of a life."""

import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.workload import GOAL_URL
from telwerk.v1.event_pb2 import Event as Sent
from telwerkd.domain.conversation.events import Event, PageVisited, WentLive
from telwerkd.domain.ids import AccountId, GoalId, Micros
from telwerkd.transport.codec.fields import FieldReader
from telwerkd.transport.codec.ingest.events import EventDecoder, EventLimits
from tests.cells import stored_cells, wanted_cells
from tests.oracle import Counted, oracle_facts, oracle_held

_LIMITS = EventLimits()
_DECODER = EventDecoder(_LIMITS, FieldReader(_LIMITS.id_bytes_max, _LIMITS.url_bytes_max))


class _File:
    """A database file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def rows(self, query: str, *parameters: object) -> list[Any]:
        """See `tests.cells.Tables`."""
        with closing(sqlite3.connect(self._path)) as connection:
            return connection.execute(query, parameters).fetchall()


def judged(path: Path, account: str, sent: Iterable[Sent]) -> list[str]:
    """Holds an account's counters against the oracle, which gets all events that were sent, purged or not."""
    file = _File(path)
    [[now]] = file.rows("SELECT high_water FROM accounts WHERE account_id = ?", account)
    logs: dict[str, list[Event]] = {}
    pages = {event.event_id for event in sent if event.page_visited.url == GOAL_URL}
    for one in _DECODER.decode(list(sent), Micros(now)).valid:
        logs.setdefault(one.conversation, []).append(_as_it_counts(one.event, pages))
    facts, held = Counter[Counted](), Counter[Counted]()
    for log in logs.values():
        facts.update(oracle_facts(log, now))
        held.update(oracle_held(log, now))
    wanted, actual = wanted_cells(facts, held), stored_cells(file, AccountId(account))
    missing, extra = wanted - actual, actual - wanted
    return (
        [f"{account}: {len(missing)} cells of counters are missing, {len(extra)} are too many"]
        if missing or extra
        else []
    )


def _as_it_counts(event: Event, pages: set[str]) -> Event:
    """With what the server adds by the widget's settings."""
    match event.kind:
        case WentLive(sent_limit=limit):
            return msgspec.structs.replace(event, kind=WentLive(limit, limit))
        case PageVisited(url_digest=digest) if event.event_id in pages:
            return msgspec.structs.replace(event, kind=PageVisited(digest, (GoalId("order"),)))
        case _:
            return event
