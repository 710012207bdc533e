"""TLS with real certificates: who gets in, what is said when files are wrong, and renewal without a restart."""

import logging
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import grpc.aio
import pytest
import trustme

from telwerk.v1 import kpi_service_pb2 as kpi, kpi_service_pb2_grpc as kpi_grpc
from telwerkd.transport.security.tls import StartupError, TlsFiles, server_credentials


class Kpis(kpi_grpc.KpiServiceServicer):
    async def ListKpis(self, _request, _context):  # noqa: N802 - the contract's name
        return kpi.ListKpisResponse(language_code="nl")

    async def QueryTimeSeries(self, _request, _context):  # noqa: N802
        return kpi.QueryTimeSeriesResponse()

    async def QueryTotals(self, _request, _context):  # noqa: N802
        return kpi.QueryTotalsResponse()


def issue(ca: trustme.CA, files: TlsFiles) -> None:
    leaf = ca.issue_cert("localhost")
    files.key.write_bytes(leaf.private_key_pem.bytes())
    files.certificate.write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))


@pytest.fixture
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(tmp_path: Path, ca: trustme.CA) -> TlsFiles:
    files = TlsFiles(tmp_path / "tls.crt", tmp_path / "tls.key")
    issue(ca, files)
    return files


@asynccontextmanager
async def serving(files: TlsFiles) -> AsyncIterator[int]:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    kpi_grpc.add_KpiServiceServicer_to_server(Kpis(), server)
    port = server.add_secure_port("localhost:0", server_credentials(files))
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


@asynccontextmanager
async def connecting(port: int, ca: trustme.CA, client: trustme.LeafCert | None = None):
    credentials = grpc.ssl_channel_credentials(
        ca.cert_pem.bytes(),
        None if client is None else client.private_key_pem.bytes(),
        None if client is None else client.cert_chain_pems[0].bytes(),
    )
    # Connections of its own: grpc would otherwise share one between channels.
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.secure_channel(f"localhost:{port}", credentials, options=options) as channel:
        yield channel


async def greet(channel: grpc.aio.Channel) -> str:
    return (await kpi_grpc.KpiServiceStub(channel).ListKpis(kpi.ListKpisRequest(), timeout=20)).language_code


async def gets_in(port: int, ca: trustme.CA, client: trustme.LeafCert | None = None) -> bool:
    async with connecting(port, ca, client) as channel:
        try:
            return await greet(channel) == "nl"
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            return False


async def test_a_client_that_trusts_the_authority_gets_in_and_others_do_not(files, ca):
    async with serving(files) as port:
        assert await gets_in(port, ca)
        assert not await gets_in(port, trustme.CA())
        async with grpc.aio.insecure_channel(f"localhost:{port}") as channel:
            with pytest.raises(grpc.aio.AioRpcError):
                await greet(channel)


async def test_with_a_client_authority_only_its_clients_get_in(files, ca, tmp_path):
    clients = trustme.CA()
    path = tmp_path / "clients.crt"
    path.write_bytes(clients.cert_pem.bytes())
    async with serving(TlsFiles(files.certificate, files.key, path)) as port:
        assert await gets_in(port, ca, clients.issue_cert("crm.example"))
        assert not await gets_in(port, ca)
        assert not await gets_in(port, ca, trustme.CA().issue_cert("crm.example"))
        others = trustme.CA()
        path.write_bytes(others.cert_pem.bytes())
        assert await gets_in(port, ca, others.issue_cert("crm.example"))
        assert not await gets_in(port, ca, clients.issue_cert("crm.example"))


async def test_a_renewed_certificate_is_served_without_a_restart_and_breaks_no_connection(files, ca):
    async with serving(files) as port, connecting(port, ca) as before:
        assert await greet(before) == "nl"
        renewed = trustme.CA()
        issue(renewed, files)
        assert await gets_in(port, renewed)
        assert not await gets_in(port, ca)
        assert await greet(before) == "nl"


async def test_files_that_do_not_fit_together_change_nothing_until_they_do(files, ca, caplog):
    caplog.set_level(logging.INFO)
    renewed = trustme.CA()
    leaf = renewed.issue_cert("localhost")
    async with serving(files) as port:
        files.certificate.write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
        assert await gets_in(port, ca)
        assert await gets_in(port, ca)
        files.key.write_bytes(leaf.private_key_pem.bytes())
        assert await gets_in(port, renewed)
    records = [(record.levelname, record.message) for record in caplog.records if record.name.startswith("telwerkd")]
    assert [level for level, _ in records] == ["ERROR", "INFO"]
    assert "does not belong to" in records[0][1]


@pytest.mark.parametrize("gone", ["certificate", "key"])
async def test_files_that_vanish_change_nothing(files, ca, gone):
    async with serving(files) as port:
        getattr(files, gone).unlink()
        assert await gets_in(port, ca)


def refusal(files: TlsFiles) -> str:
    with pytest.raises(StartupError) as caught:
        server_credentials(files)
    return str(caught.value)


@pytest.mark.parametrize("which", ["certificate", "key", "client_ca"])
def test_a_missing_file_is_named(files, which):
    missing = Path("/nowhere/it.pem")
    text = refusal(TlsFiles(**{"certificate": files.certificate, "key": files.key, which: missing}))
    assert "/nowhere/it.pem" in text
    assert "No such file" in text


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_named(files):
    files.key.chmod(0)
    assert "Permission denied" in refusal(files)


def test_a_directory_is_no_file(files, tmp_path):
    text = refusal(TlsFiles(files.certificate, tmp_path))
    assert str(tmp_path) in text
    assert "directory" in text


@pytest.mark.parametrize("junk", [b"", b"junk", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
@pytest.mark.parametrize("which", ["certificate", "key", "client_ca"])
def test_junk_is_named_for_what_it_should_have_been(files, tmp_path, which, junk):
    path = tmp_path / "junk.pem"
    path.write_bytes(junk)
    text = refusal(TlsFiles(**{"certificate": files.certificate, "key": files.key, which: path}))
    assert str(path) in text
    assert ("no private key in PEM" if which == "key" else "no certificate in PEM") in text


def test_a_key_of_another_certificate_is_refused(files):
    files.key.write_bytes(trustme.CA().issue_cert("localhost").private_key_pem.bytes())
    text = refusal(files)
    assert "does not belong to" in text
    assert str(files.key) in text
    assert str(files.certificate) in text


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_its_password(files):
    encrypted = files.key.with_suffix(".enc")
    subprocess.run(
        ["openssl", "pkey", "-aes256", "-passout", "pass:x", "-in", files.key, "-out", encrypted], check=True
    )
    assert "is encrypted" in refusal(TlsFiles(files.certificate, encrypted))
