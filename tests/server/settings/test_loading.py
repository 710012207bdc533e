"""Where settings come from, what is told of those that are wrong, and what is never told."""

import os
import re
from pathlib import Path

import pytest

from telwerkd.cli import health
from telwerkd.server.settings.contradictions import contradictions
from telwerkd.server.settings.errors import unknown_variables
from telwerkd.server.settings.loading import ConfigurationError, Loaded, load
from telwerkd.server.settings.settings import Settings

URL = "postgresql://anna:hunter2@db.example/telwerk"


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.upper().startswith("TELWERK"):
            monkeypatch.delenv(name)


def problems(config: Path | None = None, **flags: object) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(config, flags)
    return caught.value.problems


def config(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "telwerkd.toml"
    path.write_text(text)
    return path


def secret(tmp_path: Path, text: str = f"{URL}\n") -> Path:
    path = tmp_path / "secret"
    path.write_text(text)
    path.chmod(0o600)
    return path


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


@pytest.mark.parametrize(
    "text",
    ["names_max = ", "names_max = 1\nnames_max = 2", b"\xff\xfe = 1", "x = " + "[" * 5_000, "x = " + "9" * 5_000],
    ids=["no value", "twice", "no UTF-8", "too deep", "too long"],
)
def test_a_configuration_that_is_no_toml_is_told_with_its_name(tmp_path: Path, text: str | bytes):
    path = tmp_path / "telwerkd.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    [problem] = problems(path)
    assert problem.startswith(f"--config {path}: ")


def test_a_number_that_cannot_be_shown_is_told_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """TOML has numbers in hexadecimal as long as one likes; Python writes none of more than 4,300 digits."""
    path = config(tmp_path, f"names_max = 1\nlisten = 0x{'f' * 5_000}\n")
    assert problems(path) == [f"listen: must be a text, is a number of too many digits ({path})"]
    monkeypatch.setenv("TELWERK_ACCOUNT_LIMITS", "[" * 100_000)
    [_, problem] = problems(path)
    assert problem == "account_limits: is nested too deeply (TELWERK_ACCOUNT_LIMITS)"


def test_a_configuration_that_is_no_file_is_told(tmp_path: Path):
    assert problems(tmp_path / "nope") == [f"--config {tmp_path / 'nope'}: there is no such file"]
    assert problems(tmp_path) == [f"--config {tmp_path}: Is a directory"]


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


def test_a_file_of_a_secret_that_cannot_be_trusted_or_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = secret(tmp_path)
    monkeypatch.setenv("TELWERK_DATABASE_FILE", str(file))
    file.chmod(0o620)
    assert "others than its owner may write" in problems()[0]
    file.chmod(0o600)
    for content, expected in (
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xff", "is not UTF-8"),
        (b"x" * 70_000, "more than"),
    ):
        file.write_bytes(content)
        assert expected in problems()[0]
    file.unlink()
    assert "No such file" in problems()[0]
    file.mkdir()
    assert "is no regular file" in problems()[0]


def test_a_setting_and_a_file_of_it_are_not_both_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TELWERK_DATABASE_FILE", str(secret(tmp_path)))
    monkeypatch.setenv("TELWERK_DATABASE", "telwerk.db")
    assert problems() == ["TELWERK_DATABASE and TELWERK_DATABASE_FILE are both set: leave one of them away"]


def test_a_setting_that_is_a_path_is_not_read_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A private key would be taken for a path, and shown. `TELWERK_KEYS_FILE` is a setting by that name."""
    monkeypatch.setenv("TELWERK_TLS_KEY_FILE", str(secret(tmp_path)))
    monkeypatch.setenv("TELWERK_KEYS_FILE", "keys.toml")
    assert problems() == ["TELWERK_TLS_KEY_FILE: tls_key is a path already: set TELWERK_TLS_KEY to it"]


# --- contradictions, and what nobody reads ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"watches_per_account_max": 2_000}, "watches_per_account_max is 2000, and never met: watches_max is 1000"),
        ({"watches_max": 10}, None),  # the default of the other was not chosen by anybody
        ({"message_bytes_max": 2**40}, "message_bytes_max is 1099511627776, and never met: memory_bytes_max"),
        ({"insecure_plaintext": True, "tls_cert": "x"}, "insecure_plaintext allows plain text, and tls_cert"),
        ({"insecure_no_auth": True, "keys_file": "x"}, "insecure_no_auth allows everyone everything, and keys_file"),
        ({"writer_stall_seconds": 5, "database": URL}, "writer_stall_seconds is for SQLite only"),
        ({"http_page": True, "http_listen": ""}, "http_page is served on the port of HTTP, and http_listen is empty"),
    ],
)
def test_settings_that_make_no_sense_together_are_told(given: dict[str, object], expected: str | None):
    found: Loaded = load(None, given)
    told = list(contradictions(found.settings, found.origins))
    assert len(told) == (expected is not None)
    assert all(str(expected) in sentence for sentence in told)


def test_a_variable_that_nobody_reads_is_told_and_those_of_clients_and_kubernetes_are_not():
    ours = ["TELWERK_XYZZY", "TELWERK_RETENTION"]
    theirs = [
        *("TELWERK_CONFIG", "TELWERK_API_KEY", "TELWERK_BRIDGE_INBOX", "TELWERKD_CONFIG", "PATH"),
        *("TELWERK_SERVICE_HOST", "TELWERK_SERVICE_PORT_GRPC", "TELWERK_PORT", "TELWERK_PORT_50051_TCP_ADDR"),
    ]
    assert unknown_variables([*ours, *theirs], Settings.model_fields, "TELWERK_") == [
        "there is no setting for TELWERK_RETENTION: did you mean TELWERK_RETENTION_DAYS?",
        "there is no setting for TELWERK_XYZZY",
    ]


def test_every_variable_of_the_clients_is_known_to_be_theirs():
    """By their sources: a new one of theirs is told as a mistake of the server's otherwise."""
    package = Path(__file__).parents[3] / "clients" / "python" / "telwerk"
    text = "".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py") if "_pb2" not in path.name)
    named = set(re.findall(r"TELWERK_[A-Z_]*[A-Z]", text))
    assert named
    assert unknown_variables(named, Settings.model_fields, "TELWERK_") == []


def test_the_schema_of_the_file_has_every_setting_and_no_other():
    schema = Settings.model_json_schema()
    assert list(schema["properties"]) == list(Settings.model_fields)
    assert schema["additionalProperties"] is False
    for name, described in schema["properties"].items():
        assert described["description"] == Settings.model_fields[name].description
    assert schema["properties"]["database"]["default"] == "telwerk.db"
    assert schema["properties"]["names_max"]["exclusiveMinimum"] == 0
