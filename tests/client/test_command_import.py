"""`telwerk import`, the real command against the real server."""

import gzip
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest

from telwerk import Telwerk, events
from telwerk.cli.lines import BATCH_BYTES_MAX, BrokenLineError, batches, opened, parsed
from telwerk.v1 import ingestion_service_pb2 as ingestion, ingestion_service_pb2_grpc as ingestion_grpc
from tests.client.command import ACCOUNT, figures, line, program, telwerk, written
from tests.conftest import ServerProcess

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)


def feedback(count: int) -> list[str]:
    """Lines of feedback, each in a chat of its own, a second apart."""
    return [
        line(events.feedback_left(f"chat-{n}", widget="web", at=AT + timedelta(seconds=n), event_id="f"))
        for n in range(count)
    ]


def test_a_repeated_import_gives_duplicates_only(server: ServerProcess, tmp_path: Path) -> None:
    file = written(tmp_path / "events.jsonl", feedback(2_500))
    first = telwerk("import", file, address=server.address)
    assert (first.returncode, first.stderr) == (0, "")
    assert figures(first.stdout) == {"accepted": 2_500, "duplicate": 0, "rejected": 0, "broken lines": 0}
    again = telwerk("import", file, "--batch", "100", address=server.address)
    assert again.returncode == 0
    assert figures(again.stdout) == {"accepted": 0, "duplicate": 2_500, "rejected": 0, "broken lines": 0}


def test_a_refused_line_is_named_with_its_number_and_the_rest_goes_on(server: ServerProcess, tmp_path: Path) -> None:
    six_stars = line(events.rated("chat-r", widget="web", at=AT, stars=6))
    good = feedback(4)
    lines = [good[0], "{broken", good[1], "", '{"nope": 1}', good[2], "[]", six_stars, good[3]]
    done = telwerk("import", written(tmp_path / "e.jsonl", lines), address=server.address)
    assert done.returncode == 1
    assert figures(done.stdout) == {"accepted": 4, "duplicate": 0, "rejected": 1, "broken lines": 3}
    reports = [report.removeprefix(str(tmp_path / "e.jsonl:")) for report in done.stderr.splitlines()]
    assert [report.partition(":")[0] for report in reports] == ["2", "5", "7", "8"]
    assert 'has no field named "nope"' in reports[1]
    assert reports[2] == "7: not a JSON object"
    assert reports[3].startswith("8: INVALID_EVENT conversation_rated.stars: ")
    assert reports[3].count("conversation_rated.stars") == 1


def test_gzip_is_unpacked_whatever_its_name_and_also_from_a_pipe(server: ServerProcess, tmp_path: Path) -> None:
    file = tmp_path / "events.data"
    file.write_bytes(gzip.compress("\n".join(feedback(10)).encode()))
    assert figures(telwerk("import", file, address=server.address).stdout)["accepted"] == 10
    piped = program("import", "-", address=server.address, stdin="\n".join(feedback(11)))
    assert figures(piped.stdout) == {"accepted": 1, "duplicate": 10, "rejected": 0, "broken lines": 0}


def test_a_file_that_ends_early_is_imported_up_to_there(server: ServerProcess, tmp_path: Path) -> None:
    file = tmp_path / "cut.gz"
    # Stored, not compressed: so it is known what is left.
    file.write_bytes(gzip.compress("\n".join(feedback(200)).encode(), compresslevel=0)[:-5_000])
    done = telwerk("import", file, address=server.address)
    assert done.returncode == 1
    assert "cannot be read on from here" in done.stderr
    assert figures(done.stdout)["accepted"] > 100


def test_what_was_imported_is_counted(server: ServerProcess, tmp_path: Path) -> None:
    assigned = line(events.operator_assigned("c", widget="web", at=AT, operator="anna"))
    rated = line(events.rated("c", widget="web", at=AT, stars=4))
    telwerk("import", written(tmp_path / "e.jsonl", [assigned, rated]), address=server.address)
    with Telwerk(server.address) as client:
        (total,) = client.totals(ACCOUNT, "satisfaction_score", start=AT.date(), end=(AT + timedelta(1)).date()).totals
    assert total.count == 0, "a rating at the instant of the assignment belongs to the one before: nobody"


def test_without_a_server_it_says_so_at_once(tmp_path: Path) -> None:
    file = written(tmp_path / "events.jsonl", feedback(1))
    done = telwerk("import", file, address="127.0.0.1:1")
    assert done.returncode == 3
    assert done.stderr == "no server listens at 127.0.0.1:1: is `telwerkd serve` running, and is the address right?\n"


def test_a_file_that_is_not_there_is_a_matter_of_usage(server: ServerProcess) -> None:
    done = telwerk("import", "nowhere.jsonl", address=server.address)
    assert done.returncode == 2
    assert "nowhere.jsonl: No such file" in done.stderr


def test_the_account_must_be_given() -> None:
    done = telwerk("import", "-", address="127.0.0.1:1", TELWERK_ACCOUNT="")
    assert done.returncode == 2
    assert "--account" in done.stderr


class Away(ingestion_grpc.IngestionServiceServicer):
    """Answers the first call, and is then away for as long as the client's own retries last, and longer."""

    def __init__(self) -> None:
        self.calls = 0

    def IngestEvents(self, request, context):  # noqa: N802
        self.calls += 1
        if 2 <= self.calls <= 8:
            context.abort(grpc.StatusCode.UNAVAILABLE, "away")
        return ingestion.IngestEventsResponse(accepted_count=len(request.events))


def test_a_server_that_did_answer_is_waited_for(tmp_path: Path) -> None:
    server = grpc.server(ThreadPoolExecutor(2))
    ingestion_grpc.add_IngestionServiceServicer_to_server(Away(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    file = written(tmp_path / "events.jsonl", feedback(20))
    try:
        done = telwerk("import", file, "--batch", "10", "--calls", "1", address=f"127.0.0.1:{port}")
        assert (done.returncode, done.stderr) == (0, "")
        assert figures(done.stdout)["accepted"] == 20
        hasty = telwerk("import", file, "--batch", "5", "--calls", "1", "--patience", "0", address=f"127.0.0.1:{port}")
        assert hasty.returncode == 0
    finally:
        server.stop(None).wait()


def read(path: Path, events_max: int) -> list[tuple[Sequence[int], Sequence[int]]]:
    with opened(path) as source:
        return [
            (batch.lines, [refusal.line for refusal in batch.broken]) for batch in batches(source.stream, events_max)
        ]


def test_lines_are_batched_in_order_and_memory_is_bounded(tmp_path: Path) -> None:
    """Whatever the lines hold: what is too long or too deep is one broken line, and the next is read."""
    lines = [*feedback(2), "x" * (BATCH_BYTES_MAX + 5), "[" * 100_000, '{"a":' * 100_000, *feedback(3)]
    with pytest.raises(BrokenLineError, match="nested too deeply"):
        parsed(b'{"a":' * 100_000)
    assert read(written(tmp_path / "e.jsonl", lines), 3) == [([1, 2], [3]), ([6], [4, 5]), ([7, 8], [])]


def test_a_byte_order_mark_and_windows_line_ends_are_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(feedback(2)).encode() + b"\r\n\xff\n")
    assert read(path, 10) == [([1, 2], [3])]


def test_field_names_may_be_those_of_the_contract(tmp_path: Path) -> None:
    text = json.dumps({"event_id": "e", "conversation_id": "c", "left_live": {}})
    assert read(written(tmp_path / "e.jsonl", [text]), 10) == [([1], [])]
