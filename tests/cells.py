"""What the tables of counters hold, read past the code that writes them, and what they should by the oracle's facts."""

import struct
from collections import Counter
from collections.abc import Iterator
from itertools import product
from typing import Any, Protocol, TypeAlias

import msgspec

from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.counting.duration_cells import decoded, words_of
from telwerkd.domain.counting.duration_entries import cells_of
from telwerkd.domain.counting.measures import SERVICE_TIME
from telwerkd.domain.ids import SECOND, AccountId
from tests.oracle_words import Counted

CHUNK = 32 * 96
QUARTER_MICROS = 15 * 60 * SECOND
HELD = 100
MEASURES = [*Kpi, HELD + Kpi.CONVERSATION_TOPICS, HELD + Kpi.PRE_CHAT_SURVEY_RESULTS]
PACKED = {
    *(Kpi.SATISFACTION_SCORE, Kpi.INACTIVITY_ACTIONS, Kpi.OFFLINE_ASSIGNMENTS),
    *(Kpi.CONVERSATIONS_STARTED, Kpi.CONVERSATIONS_ENDED, Kpi.MESSAGES),
}
DURATIONS = {*range(Kpi.FIRST_RESPONSE_TIME, Kpi.CONVERSATION_DURATION + 1), *SERVICE_TIME.values()}
OPEN = {*range(Kpi.GOALS_REACHED, Kpi.POST_CHAT_SURVEY_RESULTS + 1)}

Cells: TypeAlias = Counter[tuple[Any, ...]]
"""How often, by `(measure, grouping, operator, group, widget, value, quarter, packed value)`."""


class Tables(Protocol):
    """A database whose tables can be asked."""

    def rows(self, query: str, *parameters: object) -> list[Any]:
        """The rows of a query."""


def stored_cells(tables: Tables, account: AccountId) -> Cells:
    """Chunks and deltas together, in every grouping; on the way, that no chunk is empty and each has its one form."""
    found: Cells = Counter()
    for *key, chunk, cells in tables.rows(
        "SELECT measure, grouping, operator_id, group_id, widget_id, value, chunk, cells FROM counters "
        "WHERE account_id = ?",
        account,
    ):
        pairs = pairs_in(key[0], cells)
        assert pairs, f"an empty chunk: {key}"
        assert all(n > 0 for _, n in pairs), f"a cell of zero: {key}"
        if key[0] not in DURATIONS:  # whose sum may take several words
            assert [slot for slot, _ in pairs] == sorted({slot for slot, _ in pairs}), f"not in order: {key}"
        for slot, n in pairs:
            found[*key, chunk * CHUNK + slot % CHUNK, slot // CHUNK] += n
    for measure, size, blob in tables.rows("SELECT measure, size, leaves FROM deltas WHERE account_id = ?", account):
        entries = plain(msgspec.msgpack.decode(blob))
        assert 0 < size == len(entries), "a delta that says nothing, or not how much"
        for value, operator, group, widget, quarter_hour, n in entries:
            for key, times in keys(measure, value, operator, group, widget, quarter_hour):
                found[key] += n * times
    return Counter({key: n for key, n in found.items() if n})


def plain(filed: Any) -> list[tuple[Any, ...]]:
    """The delta entries of a row: few are there as they are, many by columns."""
    if isinstance(filed, list):
        return [tuple(entry) for entry in filed]
    numbers = list(struct.iter_unpack("<i", filed["columns"]))
    size = len(numbers) // 6
    columns = [[n for (n,) in numbers[start : start + size]] for start in range(0, 6 * size, size)]
    ids = [[filed["ids"][place] for place in column] for column in columns[:4]]
    return list(zip(*ids, *columns[4:], strict=True))


def wanted_cells(facts: Counter[Counted], held: Counter[Counted]) -> Cells:
    """The same from facts."""
    wanted: Cells = Counter()
    for offset, counter in ((0, facts), (HELD, held)):
        for (kpi, value, operator, group, widget, instant), n in counter.items():
            for key, times in keys(kpi + offset, value, operator, group, widget, instant // QUARTER_MICROS):
                wanted[key] += n * times
    return wanted


def pairs_in(measure: int, cells: bytes) -> list[tuple[int, int]]:
    """Slots and numbers of a chunk; that of durations is read by the code, which has laws of its own."""
    if measure not in DURATIONS:
        return list(struct.iter_unpack("<HH", cells))
    slots, numbers = decoded(words_of([cells])[0])
    return list(zip(slots.tolist(), numbers.tolist(), strict=True))


def keys(
    measure: int, value: str, operator: str, group: str, widget: str, quarter_hour: int
) -> Iterator[tuple[tuple[Any, ...], int]]:
    """The cells in which something counts, and how often: in eight groupings, where values are open in sixteen."""
    codes = [(int(value) if measure in PACKED else 0, 1)] if measure not in DURATIONS else cells_of(value)
    for (code, times), grouping in product(codes, range(16 if measure % HELD in OPEN else 8)):
        cut = (part if grouping >> i & 1 else "" for i, part in enumerate([operator, group, widget, value]))
        yield (measure, grouping, *cut, quarter_hour, code), times
