"""The whole table: R1 to R11, fairness, HTTP, backups, the page, sizes, and the peers."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench, bench
from benchmarks.machine import described
from benchmarks.measures import accounts, backup, fairness, http, ingest, page, peers, queries, watches
from benchmarks.postgres import postgres
from benchmarks.results import Line, table
from benchmarks.scale import Scale
from support.postgres import fresh_database

RESULTS = Path("build")
"""Where results are put, for `document`."""


def _r8(bench: Bench) -> Iterator[Line]:
    with postgres() as server, fresh_database(server) as database:
        yield from peers.queries(bench, database)


def _r9(bench: Bench) -> Iterator[Line]:
    with postgres() as server:
        yield from ingest.on_postgres(bench, server)


_PARTS: list[tuple[tuple[str, ...], Callable[[Bench], Iterator[Line]]]] = [
    (("R1", "R1s", "R2", "R2b"), ingest.on_sqlite),
    (("R1d", "R1sd"), ingest.beside_ten_kpis),
    (("R3", "R4", "R6"), queries.of_one_account),
    (("R3d",), queries.of_durations),
    (("R5",), queries.with_ten_times_more),
    (("R7", "S1", "S2"), ingest.after_many),
    (("U1",), ingest.of_an_upgrade),
    (("R8", "R8m", "R8x"), _r8),
    (("R9s", "R9"), _r9),
    (("R10",), accounts.of_many_accounts),
    (("R11",), watches.of_one_account),
    (("F1",), fairness.of_two_accounts),
    (("H1",), http.in_json),
    (("B1",), backup.under_load),
    (("W1", "W2", "W3", "W4"), page.in_a_browser),
    (("P1",), peers.row_by_row),
]
LINES = tuple(name for names, _ in _PARTS for name in names)


def run(scale: Scale, only: Sequence[str]) -> str:
    """Measures, writes the results as JSON, and gives the table."""
    begun = time.monotonic()
    machine = described()
    with bench(scale, only) as running:
        calibration = running.calibration
        measured = [
            (line, calibration.of_line())
            for names, measure in _PARTS
            if running.wants(*names)
            for line in measure(running)
        ]
    measured.sort(key=lambda of_line: LINES.index(of_line[0].id))
    found: dict[str, Any] = {
        "scale": scale.name,
        "pairs": scale.pairs,
        "measured": time.strftime("%Y-%m-%d"),
        "minutes": round((time.monotonic() - begun) / 60, 1),
        "machine": machine,
        "lines": [line.as_json() | {"busy": calibration.busy(samples)} for line, samples in measured],
    }
    return f"{table(found['lines'])}\n\n{save('bench' if scale.name == 'full' else 'bench-quick', found)}"


def save(name: str, found: dict[str, Any]) -> str:
    """Writes results down; says where."""
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{name}.json"
    file.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return f"Written to {file}"
