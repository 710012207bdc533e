"""The tree of errors, from real ones."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from telwerk import Telwerk, errors, events
from telwerk._status import FieldViolation, StatusDetails, decode_details
from tests.conftest import ALL_KPI_IDS, ServerProcess, serving

DAY = {"start": date(2026, 11, 1), "end": date(2026, 11, 2)}
NOW = datetime(2026, 11, 1, 9, tzinfo=UTC)


@pytest.fixture
def client(server: ServerProcess) -> Iterator[Telwerk]:
    with Telwerk(server.address) as telwerk:
        yield telwerk


def test_an_unknown_kpi_is_an_invalid_argument_that_names_the_field(client: Telwerk) -> None:
    with pytest.raises(errors.InvalidArgumentError, match="no KPI has the id 'nope'") as caught:
        client.totals("acme", "nope", **DAY)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.reason == "UNKNOWN_KPI"
    assert caught.value.violations[0].field.startswith("kpi_ids")
    assert isinstance(caught.value.__cause__, grpc.RpcError)


def test_a_batch_beyond_the_servers_limit_is_a_limit_exceeded(client: Telwerk) -> None:
    event = events.left_live("chat-1", widget="web", at=NOW)
    with pytest.raises(errors.LimitExceededError, match="5000") as caught:
        client.ingest("acme", [event] * 5_001)
    assert caught.value.reason == "LIMIT_EXCEEDED"


def test_a_widget_without_settings_is_not_found(client: Telwerk) -> None:
    with pytest.raises(errors.NotFoundError, match="web") as caught:
        client.widget_settings("acme", "web")
    assert caught.value.reason == "WIDGET_SETTINGS_NOT_FOUND"


def test_no_answer_in_time_is_a_deadline_exceeded(server: ServerProcess) -> None:
    # A stopped process answers nothing, however quick the machine is.
    server.process.send_signal(signal.SIGSTOP)
    try:
        with Telwerk(server.address, timeout_seconds=0.2) as client, pytest.raises(errors.DeadlineExceededError):
            client.kpis()
    finally:
        server.process.send_signal(signal.SIGCONT)


def test_where_no_server_listens_the_error_says_what_to_look_at() -> None:
    with Telwerk("127.0.0.1:1") as client, pytest.raises(errors.UnreachableError, match="telwerkd serve") as caught:
        client.kpis()
    assert isinstance(caught.value, errors.UnavailableError)


def test_a_host_that_is_not_known_is_unreachable() -> None:
    with Telwerk("no-such-host.invalid:1") as client, pytest.raises(errors.UnreachableError, match="no-such-host"):
        client.kpis()


def test_a_server_of_another_kind_is_told_apart() -> None:
    other = grpc.server(ThreadPoolExecutor(1))
    port = other.add_insecure_port("127.0.0.1:0")
    other.start()
    try:
        with Telwerk(f"127.0.0.1:{port}") as client, pytest.raises(errors.TelwerkError, match="no Telwerk server"):
            client.kpis()
    finally:
        other.stop(None).wait()


def test_keys_are_asked_for_and_hold_to_what_they_grant(tmp_path: Path) -> None:
    keys = tmp_path / "keys.toml"
    made = subprocess.run(
        [sys.executable, "-m", "telwerkd.cli", "keys", "create", "-f", keys, "--account", "acme", "--role", "query"],
        capture_output=True,
        text=True,
        check=True,
    )
    key = next(word for word in made.stdout.split() if word.startswith("tw_"))
    with serving(tmp_path / "telwerk.db", "--keys-file", str(keys)) as server:
        with Telwerk(server.address) as client, pytest.raises(errors.UnauthenticatedError) as without:
            client.kpis()
        assert without.value.reason == "KEY_MISSING"
        with Telwerk(server.address, api_key=key) as client:
            assert len(client.kpis()) == len(ALL_KPI_IDS)
            with pytest.raises(errors.PermissionDeniedError) as other_account:
                client.totals("other", "feedback_count", **DAY)
            assert other_account.value.reason == "ACCOUNT_NOT_GRANTED"
            with pytest.raises(errors.PermissionDeniedError) as other_role:
                client.ingest("acme", [events.left_live("chat-1", widget="web", at=NOW)])
            assert other_role.value.reason == "ROLE_NOT_GRANTED"


def test_details_are_read_as_googleapis_writes_them() -> None:
    """In a process where googleapis-common-protos has registered the same messages: there is no clash."""
    status = status_pb2.Status(code=14, message="later")
    details = (
        error_details_pb2.ErrorInfo(reason="OVERLOADED", domain="telwerk", metadata={"queue": "full"}),
        error_details_pb2.BadRequest(
            field_violations=[error_details_pb2.BadRequest.FieldViolation(field="events", description="too many")]
        ),
        error_details_pb2.RetryInfo(retry_delay={"seconds": 2, "nanos": 500_000_000}),
        error_details_pb2.Help(),
    )
    for detail in details:
        status.details.add().Pack(detail)
    assert decode_details(status.SerializeToString()) == StatusDetails(
        "OVERLOADED", {"queue": "full"}, (FieldViolation("events", "too many"),), 2.5
    )


def test_bytes_that_are_no_status_say_nothing() -> None:
    assert decode_details(b"\xff\xff") == StatusDetails()
