"""A source of settings is used whole or refused by name: the environment, files that it names, the configuration."""

from pathlib import Path

import pytest

from tests.server.settings.giving import problems, secret


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


def test_a_configuration_that_is_no_file_is_told(tmp_path: Path):
    assert problems(tmp_path / "nope") == [f"--config {tmp_path / 'nope'}: there is no such file"]
    assert problems(tmp_path) == [f"--config {tmp_path}: Is a directory"]


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
