"""Where settings come from, what is told of those that are wrong, and what is never told."""

from pathlib import Path

import pytest

from telwerkd.cli import health
from telwerkd.server.settings.loading import load
from telwerkd.server.settings.settings import Settings
from tests.server.settings.giving import URL, config, problems, secret


def test_a_flag_comes_before_the_environment_before_a_file_of_it_before_the_configuration_before_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = config(tmp_path, "names_max = 1\nbuckets_max = 1\npoints_max = 1\ngroups_max = 1\n")
    monkeypatch.setenv("TELWERK_NAMES_MAX_FILE", str(secret(tmp_path, "2\r\n")))
    monkeypatch.setenv("TELWERK_BUCKETS_MAX", "3")
    monkeypatch.setenv("telwerk_points_max", "3")
    found = load(file, {"points_max": 4, "rows_max": None})
    assert [(getattr(found.settings, name), found.origin(name)) for name in ASKED] == [
        (4, "--points-max"),
        (3, "TELWERK_BUCKETS_MAX"),
        (2, f"TELWERK_NAMES_MAX_FILE ({tmp_path / 'secret'})"),
        (1, str(file)),
        (Settings().rows_max, "default"),
    ]


ASKED = ("points_max", "buckets_max", "names_max", "groups_max", "rows_max")


def test_the_environment_names_the_configuration_file_where_no_flag_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The health check reads the same."""
    monkeypatch.setenv("TELWERKD_CONFIG", str(config(tmp_path, 'listen = "127.0.0.1:7"\n')))
    assert load(None, {}).settings.listen == "127.0.0.1:7"
    assert health._settings(None) == {"listen": "127.0.0.1:7"}


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TELWERK_LISTNE", "x")
    monkeypatch.setenv("TELWERKD_WORKERS", "2")
    assert problems(config(tmp_path, 'names_maxx = 1\ngrace_seconds = inf\nworkers = true\nbuckets_max = "x"\n')) == [
        "there is no setting for TELWERKD_WORKERS: did you mean TELWERK_WORKERS?",
        "there is no setting for TELWERK_LISTNE: did you mean TELWERK_LISTEN?",
        f"workers: must not be true or false, is true ({tmp_path / 'telwerkd.toml'})",
        f"grace_seconds: must be a finite number, is inf ({tmp_path / 'telwerkd.toml'})",
        f"buckets_max: must be a whole number, is 'x' ({tmp_path / 'telwerkd.toml'})",
        f"there is no setting 'names_maxx': did you mean 'names_max'? ({tmp_path / 'telwerkd.toml'})",
    ]


def test_a_number_that_cannot_be_shown_is_told_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """TOML has numbers in hexadecimal as long as one likes; Python writes none of more than 4,300 digits."""
    path = config(tmp_path, f"names_max = 1\nlisten = 0x{'f' * 5_000}\n")
    assert problems(path) == [f"listen: must be a text, is a number of too many digits ({path})"]
    monkeypatch.setenv("TELWERK_ACCOUNT_LIMITS", "[" * 100_000)
    [_, problem] = problems(path)
    assert problem == "account_limits: is nested too deeply (TELWERK_ACCOUNT_LIMITS)"


# --- secrets ---------------------------------------------------------------------------------------------------------


def test_a_secret_from_a_file_is_used_and_shown_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The end of its line does not belong to it."""
    monkeypatch.setenv("TELWERK_DATABASE_FILE", str(secret(tmp_path)))
    found = load(None, {})
    assert getattr(found.settings.database, "dsn", None) == URL
    assert str(found.settings.database) == "postgresql://anna@db.example/telwerk"
    assert "hunter2" not in f"{found}{found.settings!r}"


@pytest.mark.parametrize("name", ["LISTEN", "NAMES_MAX", "INSECURE_NO_AUTH", "WATCH_STALL_SECONDS"])
def test_a_secret_in_the_wrong_place_is_not_repeated_by_the_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.setenv(f"TELWERK_{name}_FILE", str(secret(tmp_path, "hunter2:x y")))
    [problem] = problems()
    assert "hunter2" not in problem
    assert "what its file holds" in problem
