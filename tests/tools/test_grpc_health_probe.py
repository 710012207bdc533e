"""grpc-health-probe, as Kubernetes and load balancers run it: its exit code is all they see."""

import signal
import socket
import time
from pathlib import Path

import grpc
import pytest

from telwerk.v1 import (
    ingestion_service_pb2 as ingestion,
    ingestion_service_pb2_grpc as ingestion_grpc,
    kpi_service_pb2 as kpi,
    kpi_service_pb2_grpc as kpi_grpc,
)
from tests.conftest import locked, serving, wired
from tests.tools.conftest import Endpoint, run

HEALTHY, BAD_ARGUMENTS, NOT_CONNECTED, NOT_ANSWERED, UNHEALTHY = range(5)
"""The probe's exit codes."""

SERVICES = [
    "",
    "liveness",
    "readiness",
    "telwerk.v1.IngestionService",
    "telwerk.v1.KpiService",
    "telwerk.v1.SettingsService",
    "telwerk.v1.AdminService",
]
SECONDS = 30.0
BATCH = ingestion.IngestEventsRequest(account_id="acme", events=wired("09:00:00 contact: message"))


@pytest.fixture
def probe(tools):
    """Runs the probe, and gives its exit code."""

    def probing(endpoint: Endpoint, *flags: str | Path) -> int:
        trust = () if endpoint.ca is None else ("-tls", "-tls-ca-cert", endpoint.ca)
        # What a test says of time-outs comes last, and wins.
        patient = ("-connect-timeout", "20s", "-rpc-timeout", "20s")
        return run(tools / "grpc-health-probe", "-addr", endpoint.address, *trust, *patient, *flags).returncode

    return probing


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_is_healthy_and_needs_no_key(probe, endpoint, service):
    assert probe(endpoint, "-service", service) == HEALTHY


def test_a_service_that_is_not_there_is_no_healthy_one(probe, plain):
    assert probe(plain, "-service", "telwerk.v1.Nothing") == NOT_ANSWERED


def test_a_probe_in_plain_text_does_not_pass_for_one_with_tls(probe, tls):
    assert probe(tls._replace(ca=None), "-connect-timeout", "2s") in {NOT_CONNECTED, NOT_ANSWERED}


def test_a_server_that_hangs_is_noticed_in_time_and_so_is_its_waking_up(probe, plain):
    """Stopped in its tracks: the kernel still takes connections, but nobody answers."""
    plain.process.send_signal(signal.SIGSTOP)
    try:
        begun = time.monotonic()
        assert probe(plain, "-connect-timeout", "500ms", "-rpc-timeout", "500ms") in {NOT_CONNECTED, NOT_ANSWERED}
        assert time.monotonic() - begun < SECONDS
    finally:
        plain.process.send_signal(signal.SIGCONT)
    assert probe(plain) == HEALTHY


def test_an_answer_that_does_not_come_in_time_is_told_from_no_connection(probe, plain):
    assert probe(plain, "-rpc-timeout", "1ns") == NOT_ANSWERED


def test_where_nothing_listens_there_is_no_connection(probe, tmp_path):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        nobody = Endpoint(f"127.0.0.1:{bound.getsockname()[1]}", tmp_path)
        assert probe(nobody, "-connect-timeout", "1s") == NOT_CONNECTED


def test_a_draining_server_is_not_healthy_while_it_still_finishes_its_calls(probe, tmp_path):
    """From SIGTERM on nothing new is sent there, and what runs is answered."""
    database, config = tmp_path / "telwerk.db", tmp_path / "telwerk.toml"
    config.write_text(f"grace_seconds = {SECONDS}\n")
    with serving(database, "--config", str(config)) as server, grpc.insecure_channel(server.address) as channel:
        endpoint = Endpoint(server.address, database)
        assert probe(endpoint) == HEALTHY
        with locked(database):
            running = ingestion_grpc.IngestionServiceStub(channel).IngestEvents.future(BATCH, timeout=SECONDS)
            # On the same connection, so that the server has the call before this one.
            kpi_grpc.KpiServiceStub(channel).ListKpis(kpi.ListKpisRequest(), timeout=SECONDS)
            server.process.send_signal(signal.SIGTERM)
            # Its connection may be taken just before the server stops listening, and be closed while it asks.
            assert not_healthy(probe, endpoint) in {NOT_CONNECTED, NOT_ANSWERED, UNHEALTHY}
            assert server.process.poll() is None, "it is gone: nothing was seen of its draining"
            assert not running.done()
        assert running.result().accepted_count == 1
        assert server.process.wait(SECONDS) == 0


def not_healthy(probe, endpoint: Endpoint) -> int:
    """The first answer but "healthy"; SIGTERM takes a moment to arrive."""
    end = time.monotonic() + SECONDS
    while (code := probe(endpoint, "-connect-timeout", "1s")) == HEALTHY:
        assert time.monotonic() < end, "still healthy"
    return code
