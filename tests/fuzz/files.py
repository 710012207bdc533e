"""Files and texts that people write: each is read, or refused in a sentence by the error that its caller expects."""

import gzip
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

import typer
from google.protobuf import json_format

from telwerk.cli import configuring, lines, naming_file
from telwerk.cli.app import app
from telwerk.cli.opening_hours import parse_hours
from telwerk.cli.times import Clock, parse_duration, parse_instant, parse_period
from telwerk.cli.values import parse_value
from telwerk.v1 import event_pb2 as pb, kpi_service_pb2 as kpi
from telwerk_bridges import config as bridge_config
from telwerkd.server.settings import loading
from telwerkd.transport.endpoint.address import AddressError, parse as parse_address
from telwerkd.transport.security import keys_file
from telwerkd.transport.security.tls import StartupError
from tests.fuzz.finding import Run, ViolationError
from tests.fuzz.messages import Messages
from tests.fuzz.mutating import ODD_TEXTS, bent, bent_json_bytes, bent_text, json_bytes

ALIKE: Final = 12
EXPECTED: Final = (
    keys_file.KeysFileError,
    loading.ConfigurationError,
    bridge_config.ConfigurationError,
    naming_file.NamesFileError,
    StartupError,
    AddressError,
    typer.BadParameter,
)
"""What a caller shows as a sentence. OSError is another: of what the disk says."""

KEYS: Final = """
# keys
[[keys]]
id = "shop"
hash = "sha256$00112233445566778899aabbccddeeff$%s"
accounts = ["acme", "*"]
roles = ["ingest", "query", "admin"]
""" % ("ab" * 32)
SERVER: Final = """
listen = "127.0.0.1:50051"
http_listen = "127.0.0.1:0"
names_max = 5000
reply_stall_seconds = 2.5
http_origins = ["https://app.example"]
insecure_no_auth = true
log_format = "json"
[account_limits.acme]
account_calls_per_second_max = 5
"""
CLIENT: Final = 'address = "kpi.example:443"\ntls = true\naccount = "acme"\noutput = "json"\ntimeout = 5.0\n'
BRIDGE: Final = """
[[chatwoot]]
secrets = ["s1"]
account = "acme"
[[chatwoot]]
name = "shop"
secrets = ["s2", "s3"]
api_key = "tw_a_b"
bot_agents = [7]
inboxes = [1, 2]
prefix = ""
"""
NAMES: Final = 'kind,id,name,question\noperator,u-17,Anna Smith,\noption,9,"Very, likely",nps\ngroup,g1,Sales,\n'
NAMES_JSON: Final = '[{"kind": "operator", "id": "u-17", "name": "Anna"},\n {"kind": "topic", "id": "t", "name": ""}]'
_DEEP: Final = (
    "[" * 5_000,
    "{a=" * 2_000,
    "9" * 5_000,
    "1979-05-27T07:32:00Z",
    "inf",
    "nan",
    "0x" + "f" * 5_000,
    "'''",
    '"""',
)
_TOML: Final = (
    "\n[a.b]\n",
    "\n[[keys]]\n",
    "\n[keys]\n",
    "\nkeys = 5\n",
    "\nx = ",
    " = 1\n",
    "'",
    '"',
    "# ",
    "\\ud800",
    "\ufeff",
    "\0",
)


def bent_file(chance: Random, text: str) -> bytes:
    """A text file with something else in it: other values, other sections, other bytes."""
    at = chance.randrange(len(text) + 1)
    match chance.randrange(8):
        case 0:
            return bent(chance, text.encode())
        case 1:
            changed = text[:at] + chance.choice(_TOML) + text[at:]
        case 2 if "=" in text:
            changed = _with_another_value(chance, text)
        case 3:
            changed = text + text[at:]
        case 4:
            packed = gzip.compress(text.encode(), mtime=0)
            return packed if chance.randrange(2) else bent(chance, packed)
        case 5:
            return text.encode(chance.choice(("utf-16", "utf-8-sig", "utf-32")))
        case _:
            changed = bent_text(chance, text)
    return changed.encode("utf-8", "surrogatepass")


def _with_another_value(chance: Random, text: str) -> str:
    parts = text.split("\n")
    number = chance.choice([number for number, part in enumerate(parts) if "=" in part])
    value = chance.choice((*_DEEP, *ODD_TEXTS, "5", "-1", "true", "[1, 2]", '"x"', '["x"]', "{a = 1}", "1.5", '""'))
    parts[number] = f"{parts[number].partition('=')[0]}= {value}"
    return "\n".join(parts)


def _read(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except EXPECTED as error:
        said = error.format_message() if isinstance(error, typer.BadParameter) else str(error)
        if not said.strip():
            raise ViolationError("a refusal without a word") from error
        return type(error).__name__
    except OSError:
        return "OSError"
    return "read"


def _each(run: Run, cases: int, kinds: list[tuple[str, str, Callable[[Path], object]]]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.touch(0o600)

        def make(chance: Random) -> Iterator[tuple[str, bytes, Callable[[Path], object]]]:
            name, text, read = chance.choice(kinds)
            yield name, text.encode(), read
            for _ in range(ALIKE):
                yield name, bent_file(chance, text), read

        def attempt(case: Any) -> str:
            name, raw, read = case
            path.write_bytes(raw)
            return f"{name}: {_read(lambda: read(path))}"

        run.each(cases, make, attempt)


def files(run: Run, cases: int) -> None:
    """Keys, settings of the server, of the commands and of the bridge, and files of display names."""
    command = typer.main.get_command(app)

    def use(path: Path) -> None:
        configuring.use_file(typer.Context(command), path)

    kinds: list[tuple[str, str, Callable[[Path], object]]] = [
        ("keys", KEYS, keys_file.load),
        ("server", SERVER, lambda path: loading.load(path, {})),
        ("client", CLIENT, use),
        ("bridge", BRIDGE, lambda path: bridge_config.configured({"TELWERK_BRIDGE_CONFIG": str(path)})),
        ("names", NAMES, naming_file.read),
        ("names in JSON", NAMES_JSON, naming_file.read),
    ]
    _each(run, cases, kinds)


_CLOCK: Final = Clock(lambda: "Europe/Berlin", datetime(2026, 1, 5, 12, 7, tzinfo=UTC))
_TEXTS: Final[list[tuple[str, str, Callable[[str], object]]]] = [
    ("hours", "mon-fri 09:00-12:00,13:00-17:30", lambda text: parse_hours([text], "UTC")),
    ("hours of a date", "2026-12-25 closed", lambda text: parse_hours([text], "UTC")),
    ("period", "2026-01-05/2026-01-09", lambda text: parse_period(text, _CLOCK, "--range")),
    ("period in words", "7d/today", lambda text: parse_period(text, _CLOCK, "--range")),
    ("instant", "2026-01-05T10:15:00+01:00", lambda text: parse_instant(text, _CLOCK, "--as-of")),
    ("length", "5m", parse_duration),
    ("value of stars", "5", lambda text: parse_value(text, kpi.VALUE_KIND_STARS)),
    ("value of topics", "a+b", lambda text: parse_value(text, kpi.VALUE_KIND_TOPIC_SET)),
    ("value of an answer", "nps=9", lambda text: parse_value(text, kpi.VALUE_KIND_SURVEY_ANSWER)),
    ("value of an action", "inactivity_message_sent", lambda text: parse_value(text, kpi.VALUE_KIND_INACTIVITY_ACTION)),
    ("key", "tw_shop_abc", keys_file.split),
    ("address", "[::1]:50051", parse_address),
    ("address of a socket", "unix:/run/telwerk.sock", parse_address),
]


def texts(run: Run, cases: int) -> None:
    """Options of commands, addresses, keys."""

    def make(chance: Random) -> Iterator[tuple[str, str, Callable[[str], object]]]:
        for _ in range(ALIKE):
            name, text, read = chance.choice(_TEXTS)
            for _ in range(chance.randint(0, 3)):
                text = bent_text(chance, text)
            yield name, text, read

    def attempt(case: Any) -> str:
        name, text, read = case
        return f"{name}: {_read(lambda: read(text))}"

    run.each(cases, make, attempt)


def imports(run: Run, cases: int) -> None:
    """`telwerk import`: each line is an event, blank, or broken and says why; none stops those behind it."""
    made = Messages(run.chance(-1))

    def make(chance: Random) -> Iterator[bytes]:
        made.chance = chance
        rows = [_row(chance, made) for _ in range(chance.randint(1, 5))]
        ends = chance.choice((b"\n", b"\n", b"\r\n", b"\n\n", b"\r"))
        raw = chance.choice((b"", b"", b"", b"\xef\xbb\xbf")) + ends.join(rows) + chance.choice((ends, b""))
        yield raw
        for _ in range(ALIKE // 3):
            yield bent(chance, raw)
        packed = gzip.compress(raw, mtime=0)
        yield packed
        for _ in range(ALIKE // 3):
            yield bent(chance, packed)

    def attempt(raw: Any) -> str:
        stream: Any = io.BytesIO(raw)
        if raw.startswith(b"\x1f\x8b"):
            stream = gzip.GzipFile(fileobj=stream)
        seen: list[int] = []
        broken = 0
        for batch in lines.batches(stream, 2):
            seen += [*batch.lines, *(refusal.line for refusal in batch.broken)]
            broken += len(batch.broken)
            if any(not refusal.message.strip() for refusal in batch.broken):
                raise ViolationError(f"a broken line says nothing: {batch.broken}")
            for event in batch.events:
                event.SerializeToString()
        if sorted(set(seen)) != sorted(seen):
            raise ViolationError(f"a line is there twice: {seen}")
        return f"{'events' if len(seen) > broken else 'no event'}, {'and broken lines' if broken else 'nothing broken'}"

    run.each(cases, make, attempt)


def _row(chance: Random, made: Messages) -> bytes:
    event = made.made(pb.Event.DESCRIPTOR)
    try:
        fields = json_format.MessageToDict(event)
    except (ValueError, json_format.Error):
        fields = {"eventId": "e"}
    return bent_json_bytes(chance, fields) if chance.randrange(3) else json_bytes(fields)
