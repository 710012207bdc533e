"""Settings of a running server that follow their files."""

import asyncio
import signal
from pathlib import Path

import pytest

from telwerkd.server import reloading
from telwerkd.server.background import BackgroundTaskError
from telwerkd.server.settings.loading import load
from telwerkd.server.settings.settings import Settings
from telwerkd.server.wiring import RELOADED, running
from tests.conftest import CALL_SECONDS, SureClock, connected, eventually, serving, wired

ANNA = "09:00:00 anna assigned"
BRAM = "09:00:00 bram assigned"


class Told:
    """What the log said, in a process or in this one."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture
        self.text = ""

    async def eventually(self, sentence: str) -> None:
        async def told() -> bool:
            self.text += self._capture.readouterr().err
            return sentence in self.text

        await eventually(told)


async def test_a_hangup_reads_the_files_again_and_says_what_needs_a_restart_and_wrong_ones_change_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    told, config = Told(capfd), tmp_path / "telwerkd.toml"
    config.write_text("names_max = 1\n")
    with serving(tmp_path / "telwerk.db", "--config", str(config)) as server:

        def hang_up(text: str) -> None:
            config.write_text(text)
            server.process.send_signal(signal.SIGHUP)

        async with connected(server.address) as client:
            hang_up("names_max = 1\nnames_mx = 2\n")
            await told.eventually("not reloaded, all stay as they are: there is no setting 'names_mx'")
            assert (await client.ingest("acme", wired(ANNA, "c1"))).accepted_count == 1
            [refused] = (await client.ingest("acme", wired(BRAM, "c2"))).rejections
            assert "names_max" in refused.message
            hang_up("names_max = 2\nbatch_events_max = 7\n")
            await told.eventually("settings: names_max is 2 from now on, and was 1")
            await told.eventually(
                "settings: batch_events_max is 7 in the files, and 5000 until this server is restarted"
            )
            assert (await client.ingest("acme", wired(BRAM, "c2"))).accepted_count == 1
        server.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(server.process.wait, 30) == 0


OWN_LIMITS = "[account_limits.acme]\naccount_events_per_second_max = 7\n"


async def test_a_file_that_has_changed_is_followed_and_every_setting_that_is_said_to_be_reloaded_is(
    tmp_path: Path,
):
    config = tmp_path / "telwerkd.toml"
    config.write_text("")
    flags = {"database": str(tmp_path / "telwerk.db"), "listen": "127.0.0.1:0"}
    settings = load(config, flags).settings
    wanted = {name: 3 + n for n, name in enumerate(sorted(RELOADED - {"account_limits"}))}
    used: list[Settings] = []
    async with running(settings, clock=SureClock()) as server:
        follower = reloading.Reloading(reloading.Source(config, flags), settings, look_seconds=0.02)
        async with follower.followed(lambda new: (server.use(new), used.append(new))[1]):
            config.write_text("".join(f"{name} = {value}\n" for name, value in wanted.items()) + OWN_LIMITS)

            async def taken() -> bool:
                return bool(used)

            await eventually(taken)
        parts = server.use.__self__  # type: ignore[attr-defined]  # it is a method of them
    assert {name: getattr(used[-1], name) for name in wanted} == wanted
    assert used[-1].rate_limits.limit_of("account_events_per_second_max", "acme") == 7
    assert parts.rates._limits == used[-1].rate_limits
    assert parts.ingest._limits == parts.ingest._waiting._limits == used[-1].ingest_limits
    assert parts.queries._limits == used[-1].query_limits
    assert parts.readers._turns.waiting_max == used[-1].waiting_queries_per_account_max
    assert (parts.watches._watches_max, parts.watches._per_account_max) == (
        used[-1].watches_max,
        used[-1].watches_per_account_max,
    )
    assert parts.budget.bytes_max == used[-1].memory_bytes_max
    assert parts.slow_queries.threshold_seconds == used[-1].slow_query_seconds
    gate, limits = parts.gate, used[-1].gate_limits
    assert (gate._limits, gate._first_messages._seconds) == (limits, limits.first_message_seconds)
    delayed = gate._refusals._calls_max, gate._refusals._delay_seconds
    assert delayed == (limits.refused_calls_max, limits.refused_delay_seconds)


def test_a_server_whose_settings_come_from_no_file_stops_on_hangup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """As one that was started on a terminal does. A file that a variable names is one to read again."""
    monkeypatch.delenv("TELWERKD_CONFIG", raising=False)
    assert reloading.Reloading(reloading.Source(None, {}), Settings()).on_hangup is None
    monkeypatch.setenv("TELWERK_NAMES_MAX_FILE", str(tmp_path / "names"))
    assert reloading.Reloading(reloading.Source(None, {}), Settings()).on_hangup is not None


async def test_where_the_following_dies_what_runs_inside_is_told_and_it_says_so(tmp_path: Path):
    """A server that goes on would keep settings that its files do not have any more."""
    config = tmp_path / "telwerkd.toml"
    config.write_text("")
    loaded = load(config, {}).settings
    follower = reloading.Reloading(reloading.Source(config, {}), loaded, look_seconds="never")  # type: ignore[arg-type]
    with pytest.raises(BackgroundTaskError, match="its task for settings died"):
        async with asyncio.timeout(CALL_SECONDS), follower.followed(lambda _: None) as died:
            await died.wait()
