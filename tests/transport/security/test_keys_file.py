"""The file of keys: what is written is what is read, and nothing else in it is touched."""

import hashlib
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from telwerkd.cli.keys import keys_app
from telwerkd.domain.errors import UnauthenticatedError
from telwerkd.transport.security import keys_file
from telwerkd.transport.security.auth import Keyring
from telwerkd.transport.security.keys_file import Key, KeysFileError, Role


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.toml"


def opened_by(path: Path, token: str) -> Key | None:
    key_id, secret = keys_file.split(token)
    key = keys_file.load(path)[key_id]
    return key if key.is_opened_by(secret) else None


def test_a_new_key_opens_its_entry(path):
    token = keys_file.create(path, ["acme", 'o"dd\\', "żółć"], [Role.INGEST, Role.QUERY], "crm")
    key = opened_by(path, token)
    assert key is not None
    assert (key.id, key.accounts, key.roles) == ("crm", ("acme", 'o"dd\\', "żółć"), (Role.INGEST, Role.QUERY))
    assert key.grants_account("acme")
    assert not key.grants_account("blue")


def test_the_secret_is_160_random_bits_and_stands_nowhere(path):
    tokens = [keys_file.create(path, ["acme"], [Role.INGEST]) for _ in range(20)]
    assert all(re.fullmatch(r"tw_[0-9a-f]{8}_[0-9a-f]{40}", token) for token in tokens)
    secrets = [token.rpartition("_")[2] for token in tokens]
    assert len(set(secrets)) == len(secrets)
    assert not [secret for secret in secrets if secret in path.read_text()]


def test_a_hash_is_that_of_salt_and_secret_and_no_two_salts_are_equal(path):
    tokens = [keys_file.create(path, ["acme"], [Role.INGEST]) for _ in range(5)]
    hashes = [key.hash.split("$") for key in keys_file.load(path).values()]
    assert len({salt for _, salt, _ in hashes}) == 5
    for token, (scheme, salt, digest) in zip(tokens, hashes, strict=True):
        secret = token.rpartition("_")[2]
        assert scheme == "sha256"
        assert len(bytes.fromhex(salt)) == 16
        assert hashlib.sha256(bytes.fromhex(salt) + secret.encode()).hexdigest() == digest


@pytest.mark.parametrize(
    ("token", "parts"),
    [
        ("tw_crm_secret", ("crm", "secret")),
        ("tw_my_crm_secret", ("my_crm", "secret")),
        ("tw_crm_", None),
        ("tw__secret", None),
        ("tw_secret", None),
        ("TW_crm_secret", None),
        ("crm_secret", None),
        ("", None),
    ],
)
def test_a_token_is_split_at_its_last_underscore(token, parts):
    assert keys_file.split(token) == parts


def test_a_wrong_secret_opens_nothing_whatever_its_characters(path):
    token = keys_file.create(path, ["acme"], [Role.INGEST])
    assert opened_by(path, token + "0") is None
    assert opened_by(path, token[:-1] + "é") is None


HAND_WRITTEN = """\
# Keys of the sales team.

# Billing, until May.
[[keys]]
id = "billing"  # not the other one
hash = "sha256$00112233445566778899aabbccddeeff${digest}"
accounts = [
    "acme",
]
roles = ["query"]

# The CRM. Ask Mia.
[[keys]]
id = "crm"
hash = "sha256$00112233445566778899aabbccddeeff${digest}"
accounts = ["*"]
roles = ["ingest", "admin"]
""".replace("{digest}", "0" * 64)


def test_what_people_wrote_stays(path):
    path.write_text(HAND_WRITTEN)
    keys_file.create(path, ["acme"], [Role.QUERY], "new")
    assert path.read_text().startswith(HAND_WRITTEN)
    assert list(keys_file.load(path)) == ["billing", "crm", "new"]
    keys_file.revoke(path, "new")
    assert path.read_text() == HAND_WRITTEN


def test_a_key_goes_with_its_comment_and_no_other(path):
    path.write_text(HAND_WRITTEN)
    keys_file.revoke(path, "billing")
    assert list(keys_file.load(path)) == ["crm"]
    text = path.read_text()
    assert "Billing" not in text
    assert "# Keys of the sales team." in text
    assert "# The CRM. Ask Mia.\n[[keys]]" in text
    keys_file.revoke(path, "crm")
    assert path.read_text() == "# Keys of the sales team.\n"
    assert keys_file.load(path) == {}


@pytest.mark.parametrize(
    "text",
    [
        'keys = [{id = "crm", hash = "H", accounts = ["acme"], roles = ["query"]}]',
        '[["keys"]]\nid = "crm"\nhash = "H"\naccounts = ["acme"]\nroles = ["query"]',
        (
            '[[keys]]\nid = "a"\nhash = "H"\nroles = ["query"]\naccounts = ["""\n[[keys]]\n"""]\n'
            '[[keys]]\nid = "crm"\nhash = "H"\naccounts = ["acme"]\nroles = ["query"]'
        ),
    ],
    ids=["inline", "quoted", "string"],
)
def test_a_layout_that_cannot_be_edited_is_left_alone(path, text):
    text = text.replace('"H"', f'"sha256${"0" * 32}${"0" * 64}"')
    path.write_text(text)
    assert "crm" in keys_file.load(path)
    with pytest.raises(KeysFileError):
        keys_file.revoke(path, "crm")
    assert path.read_text() == text


def test_an_id_is_taken_once(path):
    keys_file.create(path, ["acme"], [Role.QUERY], "crm")
    before = path.read_bytes()
    with pytest.raises(KeysFileError, match="already"):
        keys_file.create(path, ["acme"], [Role.QUERY], "crm")
    assert path.read_bytes() == before


@pytest.mark.parametrize("key_id", ["", "CRM", "-crm", "crm_", "c rm", 'c"', "c\n", "x" * 65, "é"])
def test_a_wrong_id_is_refused(path, key_id):
    with pytest.raises(KeysFileError):
        keys_file.create(path, ["acme"], [Role.QUERY], key_id)
    assert not path.exists()


@pytest.mark.parametrize(
    ("accounts", "roles"),
    [([], [Role.QUERY]), (["acme"], []), ([""], [Role.QUERY]), (["a\nb"], [Role.QUERY]), (["\udcff"], [Role.QUERY])],
)
def test_a_key_for_nothing_is_refused(path, accounts, roles):
    with pytest.raises(KeysFileError):
        keys_file.create(path, accounts, roles)
    assert not path.exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('"sha256$', '"md5$'), "hash must read"),
        (("$00112233445566778899aabbccddeeff$", "$0011$"), "salt"),
        (("$00112233445566778899aabbccddeeff$", "$xx$"), "hexadecimal"),
        (('["query"]', '["root"]'), "roles"),
        (('["query"]', "[]"), "roles"),
        (('id = "crm"', 'id = "billing"'), "more than once"),
        (('id = "crm"', 'name = "crm"'), "name"),
        (('id = "crm"', "id = 3"), "id"),
        (('id = "crm"', 'id = "crm"\nexpires = 2026-01-01'), "expires"),
        (("[[keys]]", "[[key]]"), "key"),
        (('id = "crm"', 'id = "crm'), "line"),
    ],
)
def test_a_file_that_is_wrong_says_where(path, change, says):
    path.write_text(HAND_WRITTEN.replace(*change))
    with pytest.raises(KeysFileError) as caught:
        keys_file.load(path)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)
    assert "0" * 64 not in str(caught.value)


@pytest.mark.parametrize(
    "value", ["[" * 5_000, "{a=" * 2_000, "9" * 5_000, "0x" + "f" * 5_000], ids=lambda text: text[:2]
)
def test_a_file_that_no_parser_bears_is_a_wrong_file_too(path, value):
    """Nested beyond measure, or with a number of thousands of digits: at a start, and for a server that follows it."""
    path.write_text(HAND_WRITTEN)
    followed = Keyring(path, check_interval_seconds=0.0)
    path.write_text(HAND_WRITTEN.replace('id = "crm"', f"id = {value}"))
    with pytest.raises(KeysFileError) as caught:
        keys_file.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    with pytest.raises(UnauthenticatedError):
        followed.key("tw_none_x")


def test_a_file_that_cannot_be_read_says_why(path):
    with pytest.raises(KeysFileError, match="No such file"):
        keys_file.load(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(KeysFileError, match="UTF-8"):
        keys_file.load(path)
    with pytest.raises(KeysFileError, match="No such file"):
        keys_file.create(path.parent / "nowhere" / "keys.toml", ["acme"], [Role.QUERY])


def test_a_new_file_is_its_owners_alone_even_with_an_open_umask(path):
    before = os.umask(0)
    try:
        keys_file.create(path, ["acme"], [Role.QUERY], "crm")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["keys.toml"]


@pytest.mark.parametrize(("was", "then"), [(0o600, 0o600), (0o640, 0o640), (0o644, 0o640), (0o400, 0o600)])
def test_a_file_keeps_what_its_group_may_and_loses_what_others_may(path, was, then):
    path.write_text(HAND_WRITTEN)
    path.chmod(was)
    keys_file.revoke(path, "crm")
    assert stat.S_IMODE(path.stat().st_mode) == then


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_a_file_that_root_changes_stays_the_services(path):
    path.write_text(HAND_WRITTEN)
    os.chown(path, 65532, 65532)
    keys_file.create(path, ["acme"], [Role.QUERY])
    assert (path.stat().st_uid, path.stat().st_gid) == (65532, 65532)


def test_a_link_stays_a_link(path):
    target = path.parent / "target.toml"
    target.write_text(HAND_WRITTEN)
    path.symlink_to(target)
    keys_file.revoke(path, "crm")
    assert path.is_symlink()
    assert list(keys_file.load(target)) == ["billing"]


def test_a_failed_change_leaves_the_file_and_no_other(path, monkeypatch):
    path.write_text(HAND_WRITTEN)

    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(KeysFileError, match="No space left"):
        keys_file.revoke(path, "crm")
    assert path.read_text() == HAND_WRITTEN
    assert [file.name for file in path.parent.iterdir()] == ["keys.toml"]


def test_many_writers_at_once_lose_nothing(path):
    code = (
        "import pathlib, sys; from telwerkd.transport.security import keys_file as k\n"
        "for _ in range(10): k.create(pathlib.Path(sys.argv[1]), ['acme'], [k.Role.QUERY])"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, path]) for _ in range(4)]
    assert [writer.wait(60) for writer in writers] == [0] * 4
    assert len(keys_file.load(path)) == 40


def test_the_command_prints_the_key_alone_so_that_it_can_be_piped(path):
    run = CliRunner().invoke
    made = run(keys_app, ["create", "-f", str(path), "--account", "acme", "--role", "ingest", "--id", "crm"])
    assert made.exit_code == 0, made.output
    assert re.fullmatch(r"tw_crm_[0-9a-f]{40}\n", made.stdout)
    assert opened_by(path, made.stdout.strip()) is not None
    listed = run(keys_app, ["list"], env={"TELWERK_KEYS_FILE": str(path)})
    assert listed.stdout == "crm  ingest  acme\n"
    revoked = run(keys_app, ["revoke", "crm", "-f", str(path)])
    assert (revoked.exit_code, revoked.stdout) == (0, "")
    assert run(keys_app, ["list", "-f", str(path)]).stdout == ""


def test_the_command_says_what_is_wrong_and_fails(path):
    run = CliRunner().invoke
    for arguments in (["list"], ["revoke", "crm"], ["create", "--account", "", "--role", "query"]):
        failed = run(keys_app, [*arguments, "-f", str(path)])
        assert failed.exit_code == 1
        assert failed.stderr.startswith("telwerkd keys: ")
