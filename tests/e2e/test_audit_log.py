"""The audit log: who erased, purged or configured what, by key and account; and nobody's id, and no secret."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc.aio
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from telwerk.v1 import (
    admin_service_pb2 as admin,
    admin_service_pb2_grpc as admin_grpc,
    kpi_service_pb2 as kpi,
    settings_service_pb2 as settings,
    settings_service_pb2_grpc as settings_grpc,
)
from telwerk.v1.display_name_pb2 import DisplayName, NameKind
from telwerkd.storage.sqlite import schema as sqlite_schema
from telwerkd.transport.security import keys_file
from telwerkd.transport.security.auth import Keyring
from telwerkd.transport.security.keys_file import KeysFileError, Role
from telwerkd.transport.security.tls import StartupError
from tests.audited import audited
from tests.conftest import CALL_SECONDS, Server, started, wired


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """The audit log as it grows."""
    with audited(caplog) as found:
        yield found


async def change_things(server: Server, token: str | None) -> None:
    """An erasure, a purge and two settings; then a purge that is refused."""
    metadata = [("authorization", f"Bearer {token}")] if token else []
    kept = {"timeout": CALL_SECONDS, "metadata": metadata}
    admins, setters = admin_grpc.AdminServiceStub(server.channel), settings_grpc.SettingsServiceStub(server.channel)
    await admins.EraseConversation(
        admin.EraseConversationRequest(account_id="acme", conversation_id="secret-chat"), **kept
    )
    before = Timestamp(seconds=1_767_225_600)
    await admins.PurgeEvents(admin.PurgeEventsRequest(account_id="acme", before_time=before), **kept)
    widget = settings.WidgetSettings(widget_id="web")
    await setters.SetWidgetSettings(settings.SetWidgetSettingsRequest(account_id="acme", settings=widget), **kept)
    zone = settings.AccountSettings(time_zone="Europe/Amsterdam")
    await setters.SetAccountSettings(settings.SetAccountSettingsRequest(account_id="acme", settings=zone), **kept)
    wrong = settings.AccountSettings(time_zone="Mars/Olympus")
    with pytest.raises(grpc.aio.AioRpcError):
        await setters.SetAccountSettings(settings.SetAccountSettingsRequest(account_id="acme", settings=wrong), **kept)
    names = [DisplayName(kind=NameKind.NAME_KIND_OPERATOR, id=f"secret-chat{n}", name="secret-chat") for n in range(3)]
    await setters.SetDisplayNames(settings.SetDisplayNamesRequest(account_id="acme", names=names[:2]), **kept)
    await setters.SetDisplayNames(settings.SetDisplayNamesRequest(account_id="acme", replace_all=True), **kept)
    with pytest.raises(grpc.aio.AioRpcError):
        await setters.SetDisplayNames(settings.SetDisplayNamesRequest(account_id="acme", names=names), **kept)


def written(key: str) -> list[str]:
    return [
        f"erase key={key} account='acme' events=0 counts=removed",
        f"purge key={key} account='acme' before=2026-01-01T00:00:00Z events=0",
        f"widget settings key={key} account='acme' widget='web'",
        f"account settings key={key} account='acme' time_zone='Europe/Amsterdam'",
        f"account settings key={key} account='acme' failed: UNKNOWN_TIME_ZONE",
        f"display names key={key} account='acme' set=2 removed=0",
        f"display names key={key} account='acme' set=0 removed=2",
        f"display names key={key} account='acme' failed: LIMIT_EXCEEDED",
    ]


async def test_what_is_erased_purged_and_configured_is_recorded_with_the_key(tmp_path, lines):
    """One line each, with the id of the key of that very call; also of one that failed."""
    keys = tmp_path / "keys.toml"
    tokens = [keys_file.create(keys, ["acme"], [Role.ADMIN], key_id) for key_id in ("one", "two")]
    lines.clear()
    async with started(tmp_path / "telwerk.db", keys_file=keys, display_names_max=2) as server:
        for token, key_id in zip(tokens, ("one", "two"), strict=True):
            await change_things(server, token)
            assert lines == written(key_id)
            lines.clear()
    assert not any("secret-chat" in line for line in lines)


async def test_without_keys_the_key_is_a_dash(tmp_path, lines):
    """Events and questions are no lines of it."""
    async with started(tmp_path / "telwerk.db", display_names_max=2) as server:
        await server.ingest("acme", wired("09:00:00 contact: message"))
        await change_things(server, None)
        assert lines == written("-")


async def test_a_refused_key_is_recorded_and_never_what_was_sent(tmp_path, lines):
    """An unknown key, a wrong secret, and a key without the role or the account: each once in a minute."""
    keys = tmp_path / "keys.toml"
    good = keys_file.create(keys, ["acme"], [Role.QUERY], "crm")
    lines.clear()
    async with started(tmp_path / "telwerk.db", keys_file=keys) as server:
        for token, account in (("tw_crm_00", "acme"), ("tw_pass_word", "acme"), ("junk", "acme"), (good, "other")):
            for _ in range(3):
                with pytest.raises(grpc.aio.AioRpcError):
                    await settings_grpc.SettingsServiceStub(server.channel).GetAccountSettings(
                        settings.GetAccountSettingsRequest(account_id=account),
                        metadata=[("authorization", f"Bearer {token}")],
                        timeout=CALL_SECONDS,
                    )
        with pytest.raises(grpc.aio.AioRpcError):
            await change_things(server, good)
    assert lines == [
        "refused key=crm account='' KEY_UNKNOWN",
        "refused key=- account='' KEY_UNKNOWN",
        "refused key=crm account='other' ACCOUNT_NOT_GRANTED",
        "refused key=crm account='' ROLE_NOT_GRANTED",
    ]


async def test_a_large_request_for_an_account_that_is_not_granted_is_recorded(tmp_path, lines):
    """It is refused before it is decoded, and that is no less a refusal."""
    keys = tmp_path / "keys.toml"
    good = keys_file.create(keys, ["acme"], [Role.QUERY], "crm")
    lines.clear()
    async with started(tmp_path / "telwerk.db", keys_file=keys) as server:
        many = kpi.Filter(operators=kpi.IdFilter(any_of=[f"{n:0>100}" for n in range(300)]))
        with pytest.raises(grpc.aio.AioRpcError):
            await server.kpis.QueryTotals(
                kpi.QueryTotalsRequest(account_id="other", filter=many),
                metadata=[("authorization", f"Bearer {good}")],
                timeout=CALL_SECONDS,
            )
    assert lines == ["refused key=crm account='other' ACCOUNT_NOT_GRANTED"]


# --- keys and files --------------------------------------------------------------------------------------------------


def test_changes_of_the_keys_file_are_recorded(tmp_path, lines):
    """By the command that makes them, and by the server that takes them up, whoever wrote them."""
    path, now = tmp_path / "keys.toml", 0.0
    keys_file.create(path, ["acme"], [Role.QUERY], "one")
    keyring = Keyring(path, clock=lambda: now)
    token = keys_file.create(path, ["acme", "other"], [Role.QUERY, Role.INGEST], "two")
    keys_file.revoke(path, "one")
    now = 10.0
    assert keyring.key(token).id == "two"
    assert lines == [
        "key created key=one account='acme' roles=query",
        "key created key=two account='acme other' roles=query,ingest",
        "key revoked key=one account='acme'",
        "key removed key=one account=''",
        "key added key=two account='acme other' roles=query,ingest",
    ]
    assert not any(token.rpartition("_")[2] in line for line in lines)


def test_what_a_command_does_to_a_database_is_recorded_at_every_level(tmp_path):
    """On standard error, in the format of the server's log."""
    database = tmp_path / "telwerk.db"
    sqlite_schema.migrate(database)
    command = [sys.executable, "-m", "telwerkd.cli", "limits", "--account", "acme", "--names-max", "7"]
    environment = {**os.environ, "TELWERK_LOG_FORMAT": "json", "TELWERK_LOG_LEVEL": "error"}
    done = subprocess.run(
        [*command, "--database", str(database)], capture_output=True, text=True, check=True, env=environment
    )
    line = json.loads(done.stderr)
    assert (line["message"], line["account"], line["what"]) == ("names_max", "acme", "set to 7")


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666, 0o660])
def test_a_keys_file_that_others_may_write_is_refused(tmp_path, mode):
    """At the start; and when it becomes one, the keys read before stay in force."""
    path, now = tmp_path / "keys.toml", 0.0
    token = keys_file.create(path, ["acme"], [Role.QUERY], "one")
    keyring = Keyring(path, clock=lambda: now)
    path.chmod(mode)
    with pytest.raises(StartupError, match=r"others than its owner may write it \(mode 06"):
        Keyring(path)
    with pytest.raises(KeysFileError):
        keys_file.load(path)
    path.write_text(path.read_text() + "\n# changed, as by a stranger\n")
    now = 10.0
    assert keyring.key(token).id == "one"


def test_a_keys_file_that_everyone_may_read_is_complained_of(tmp_path, caplog):
    """It works: a secret that is mounted is often so."""
    path = tmp_path / "keys.toml"
    token = keys_file.create(path, ["acme"], [Role.QUERY], "one")
    path.chmod(0o644)
    assert Keyring(path).key(token).id == "one"
    assert "everyone may read" in caplog.text


def modes_in(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}


async def test_a_new_database_is_its_owners_alone(tmp_path: Path, caplog):
    """The files beside it too; one that is there keeps its mode, and the log says what is wrong with it."""
    path = tmp_path / "telwerk.db"
    umask = os.umask(0)
    try:
        async with started(path) as server:
            await server.ingest("acme", wired("09:00:00 contact: message"))
            modes = modes_in(tmp_path)
            assert {*modes} >= {"telwerk.db", "telwerk.db-wal"}
            assert {*modes.values()} == {0o600}
    finally:
        os.umask(umask)
    assert "may use" not in caplog.text
    path.chmod(0o644)
    async with started(path):
        assert path.stat().st_mode & 0o777 == 0o644
    assert "others than owner and group may use" in caplog.text
