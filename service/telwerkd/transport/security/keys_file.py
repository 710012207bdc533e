"""The file of API keys: who may do what. The service reads it; `telwerkd keys` writes it; a person may edit it.

    [[keys]]
    id = "crm"
    hash = "sha256$<salt>$<digest>"
    accounts = ["acme"]            # or ["*"], every account
    roles = ["ingest", "query"]    # any of ingest, query, admin; none implies another

A key reads `tw_<id>_<secret>`. The id finds the entry; the secret is 160 random bits, and only its hash is kept. One
salted SHA-256 is enough, and right: slow hashes are for passwords, whose few likely values can be tried out. Nobody can
try 2^160 values however cheap each is, while a slow hash would cost every RPC its milliseconds and let anyone who
sends junk keys occupy the server.
"""

import enum
import hashlib
import hmac
import logging
import os
import re
import secrets
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Final

import msgspec

from telwerkd.application import audit_log
from telwerkd.process import toml
from telwerkd.process.file_status import mode_others_may_write

if sys.platform != "win32":
    import fcntl

EVERY_ACCOUNT: Final = "*"
"""Stands in `accounts` for all of them, those to come included."""

_HEAD = """\
# API keys of Telwerk. `telwerkd keys create` and `telwerkd keys revoke` edit this file; the service reads it again when
# it changes. It holds hashes only: a lost key cannot be read from here, only revoked.
"""
PREFIX: Final = "tw_"
_SCHEME = "sha256"
_SECRET_BYTES = 20
_SALT_BYTES = 16
_DIGEST_BYTES = hashlib.sha256().digest_size
_TABLE = re.compile(r"^\s*\[\[\s*keys\s*\]\]\s*(#.*)?$")
_ID = re.compile(r"^[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?$")
_COMMENT = re.compile(r"^\s*#")
_ACCOUNT_BYTES_MAX = 128
_FIRST_PRINTABLE = " "
_DELETE = "\x7f"


_log = logging.getLogger(__name__)


class KeysFileError(Exception):
    """The file cannot be read, or not changed as requested. The text is for people, and names the file."""


class Role(enum.Enum):
    """A right of a key. No role implies another."""

    INGEST = "ingest"
    QUERY = "query"
    ADMIN = "admin"


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry of the file: a key without its secret."""

    id: Annotated[str, msgspec.Meta(pattern=_ID.pattern)]
    hash: str
    """`sha256$<salt>$<digest>`, both in hexadecimal; the digest is that of the salt's bytes and the secret's."""
    accounts: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    roles: Annotated[tuple[Role, ...], msgspec.Meta(min_length=1)]

    def __post_init__(self) -> None:
        _parse_hash(self.hash)

    @property
    def called(self) -> str:
        """The key's name within a sentence."""
        return f"the API key {self.id}"

    def grants_account(self, account_id: str) -> bool:
        """Whether the holder may name this account."""
        return EVERY_ACCOUNT in self.accounts or account_id in self.accounts

    def is_opened_by(self, secret: str) -> bool:
        """Whether this is the key's secret. Takes the same time whichever secret is tried."""
        salt, digest = _parse_hash(self.hash)
        return hmac.compare_digest(digest, _digest(salt, secret))


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    keys: list[Key] = []


def split(token: str) -> tuple[str, str] | None:
    """Returns id and secret of `tw_<id>_<secret>`; None for a text of another form. An id may itself contain `_`."""
    if not token.startswith(PREFIX):
        return None
    key_id, _, secret = token.removeprefix(PREFIX).rpartition("_")
    return (key_id, secret) if key_id and secret else None


def load(path: Path) -> Mapping[str, Key]:
    """Returns the keys in the file, by id, in its order.

    Raises:
        KeysFileError: the file is missing, unreadable or invalid, or others than its owner may write it.
    """
    _check_mode(path)
    return parse(_read(path), path)


def _check_mode(path: Path) -> None:
    """Raises KeysFileError if others than the owner may write the file; warns if everyone may read it."""
    with suppress(OSError):  # `_read` says what is wrong
        status = path.stat()
        if mode := mode_others_may_write(status):
            raise KeysFileError(
                f"{path}: others than its owner may write it (mode {mode}), and so make keys: chmod go-w it"
            )
        if sys.platform != "win32" and status.st_mode & 0o004:
            _log.warning("API keys: everyone may read %s (mode %04o): chmod o-r it", path, status.st_mode & 0o777)


def parse(text: str, path: Path) -> Mapping[str, Key]:
    """Returns the keys in the file's text. `path` is for the error's text."""
    try:
        keys = msgspec.convert(toml.loads(text), _Document).keys
    except (ValueError, msgspec.ValidationError) as error:
        raise KeysFileError(f"{path}: {error}") from error
    by_id = {key.id: key for key in keys}
    if len(by_id) < len(keys):
        repeated = next(key.id for key in keys if sum(key.id == other.id for other in keys) > 1)
        raise KeysFileError(f"{path}: the id {repeated} stands in it more than once")
    return by_id


def create(path: Path, accounts: Sequence[str], roles: Sequence[Role], key_id: str | None = None) -> str:
    """Adds a key to the file, which is made if it is not there, and returns it. It is nowhere else: show it, once.

    Raises:
        KeysFileError: the id is taken or malformed, no account or no role is given, or the file cannot be changed.
    """
    secret = secrets.token_hex(_SECRET_BYTES)
    salt = secrets.token_bytes(_SALT_BYTES)
    key_id = secrets.token_hex(4) if key_id is None else key_id
    if not _ID.match(key_id):
        raise KeysFileError(
            f"{key_id!r} is no id for a key: 1 to 64 of a-z, 0-9, - and _, the last two not at its ends"
        )
    if not accounts or not roles:
        raise KeysFileError("a key grants at least one account and at least one role")
    for account in accounts:
        _check_account(account)
    # Built by hand, for these are plain strings; what comes out is read back before it is kept.
    entry = "\n".join(
        (
            "[[keys]]",
            f"id = {_toml(key_id)}",
            f"hash = {_toml(_format_hash(salt, _digest(salt, secret)))}",
            f"accounts = [{', '.join(_toml(account) for account in dict.fromkeys(accounts))}]",
            f"roles = [{', '.join(_toml(role.value) for role in dict.fromkeys(roles))}]",
            "",
        )
    )
    with _locked(path):
        text = _read(path) if path.exists() else _HEAD
        before = parse(text, path)
        if key_id in before:
            raise KeysFileError(f"{path}: there is a key {key_id} already; revoke it first, or choose another id")
        changed = f"{text.rstrip()}\n\n{entry}" if text.strip() else entry
        if list(parse(changed, path)) != [*before, key_id]:
            raise KeysFileError(f"{path}: is not laid out as [[keys]] tables; add the key by hand")
        _replace(path, changed)
        granted = f"roles={','.join(role.value for role in dict.fromkeys(roles))}"
        audit_log.record("key created", " ".join(accounts), granted, key_id)
    return f"{PREFIX}{key_id}_{secret}"


def revoke(path: Path, key_id: str) -> None:
    """Removes a key from the file, with the comment right above it. Everything else stays unchanged.

    Raises:
        KeysFileError: there is no such key, or the file cannot be changed.
    """
    with _locked(path):
        text = _read(path)
        before = parse(text, path)
        if key_id not in before:
            raise KeysFileError(f"{path}: there is no key {key_id}")
        changed = _without_table(text, list(before).index(key_id))
        kept = {other: key for other, key in before.items() if other != key_id}
        # The text is cut by lines, not as TOML: prove that exactly this key has gone.
        if not _parses_to(changed, kept, path):
            raise KeysFileError(f"{path}: is not laid out as [[keys]] tables; take the key out by hand")
        _replace(path, changed)
        audit_log.record("key revoked", " ".join(before[key_id].accounts), key_id=key_id)


def _check_account(account: str) -> None:
    """Checks that an account is an id of the contract, or `*`: of characters to escape in TOML it has only quotes."""
    # An argument that was not UTF-8 reaches Python as lone surrogates, which cannot be written.
    unwritable = any(char < _FIRST_PRINTABLE or char == _DELETE or "\ud800" <= char <= "\udfff" for char in account)
    if unwritable or not 1 <= len(account.encode()) <= _ACCOUNT_BYTES_MAX:
        raise KeysFileError(f"{account!r} is no account id: 1 to {_ACCOUNT_BYTES_MAX} bytes without control characters")


def _parses_to(text: str, keys: Mapping[str, Key], path: Path) -> bool:
    try:
        return parse(text, path) == keys
    except KeysFileError:
        return False


def _without_table(text: str, index: int) -> str:
    """Returns the text without its `index`-th `[[keys]]` table and the comment lines right above it."""
    lines = text.splitlines(keepends=True)
    starts = [_with_comment(lines, at) for at, line in enumerate(lines) if _TABLE.match(line)]
    if index >= len(starts):
        return text
    end = starts[index + 1] if index + 1 < len(starts) else len(lines)
    return "".join([*lines[: starts[index]], *lines[end:]]).rstrip() + "\n"


def _with_comment(lines: Sequence[str], at: int) -> int:
    while at > 0 and _COMMENT.match(lines[at - 1]):
        at -= 1
    return at


def _toml(text: str) -> str:
    """Returns a TOML basic string. Ids and accounts are checked before: they have no control characters."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _digest(salt: bytes, secret: str) -> bytes:
    return hashlib.sha256(salt + secret.encode(errors="replace")).digest()


def _format_hash(salt: bytes, digest: bytes) -> str:
    return f"{_SCHEME}${salt.hex()}${digest.hex()}"


def _parse_hash(text: str) -> tuple[bytes, bytes]:
    """Returns salt and digest of a hash. Raises ValueError, with a text that does not quote the hash."""
    scheme, *parts = text.split("$")
    if scheme != _SCHEME or len(parts) != 2:  # noqa: PLR2004 - salt and digest
        raise ValueError(f"hash must read {_SCHEME}$<salt>$<digest>")
    try:
        salt, digest = (bytes.fromhex(part) for part in parts)
    except ValueError:
        raise ValueError("salt and digest of a hash must be hexadecimal") from None
    if len(salt) < _SALT_BYTES or len(digest) != _DIGEST_BYTES:
        raise ValueError(f"a hash has a salt of at least {_SALT_BYTES} bytes and a digest of {_DIGEST_BYTES}")
    return salt, digest


def unreadable(path: Path, error: OSError) -> KeysFileError:
    """Returns the error of a file that cannot be read."""
    return KeysFileError(f"{path}: cannot be read: {error.strerror}")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise KeysFileError(f"{path}: is not UTF-8 text") from error
    except OSError as error:
        raise unreadable(path, error) from error


def _replace(path: Path, text: str) -> None:
    """Replaces the file's content atomically: readers, and a crash, leave either the old or the new one.

    A new file has mode 0600; an existing one keeps its owner and its group's permissions, so that a file changed by
    root stays readable for the service.
    """
    target = path.resolve()  # A link stays a link.
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise KeysFileError(f"{path}: cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:  # mkstemp made it 0600.
            with suppress(FileNotFoundError):
                _keep_owner(file.fileno(), target.stat())
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(target)
        _sync_directory(target.parent)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise KeysFileError(f"{path}: cannot be written: {error.strerror}") from error


def _keep_owner(file: int, was: os.stat_result) -> None:
    if sys.platform != "win32":
        now = os.fstat(file)
        if (now.st_uid, now.st_gid) != (was.st_uid, was.st_gid):
            os.fchown(file, was.st_uid, was.st_gid)
        os.fchmod(file, was.st_mode & 0o640 | 0o600)


def _sync_directory(directory: Path) -> None:
    if sys.platform != "win32":
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Locks the file's directory for the block: a lock on the file itself would be lost when it is replaced."""
    if sys.platform == "win32":
        yield
        return
    try:
        handle = os.open(path.resolve().parent, os.O_RDONLY)
    except OSError as error:
        raise KeysFileError(f"{path}: cannot be written: {error.strerror}: {path.resolve().parent}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
