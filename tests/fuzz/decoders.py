"""What reads requests, without a server around it: thousands of cases a second.

Nothing but a refusal that names a field may be raised; and two ways to read the same bytes must read the same.
"""

import base64
import contextlib
import gzip
from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any, Final

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.unknown_fields import UnknownFieldSet

from telwerkd.application.sharing.memory_budget import MemoryBudget
from telwerkd.domain.errors import InvalidArgumentError, LimitExceededError, TelwerkError
from telwerkd.domain.ids import SECOND, Micros
from telwerkd.transport.codec import page_tokens
from telwerkd.transport.codec.account.display_names import NameLimits, NameReader
from telwerkd.transport.codec.account.settings import decode_default_hours, decode_version, page_bounds
from telwerkd.transport.codec.errors import described, to_rpc_status
from telwerkd.transport.codec.fields import FieldReader
from telwerkd.transport.codec.ingest.event_batch import EventBatches
from telwerkd.transport.codec.ingest.events import EventDecoder, EventLimits
from telwerkd.transport.codec.query.dimension_values import decode_asked
from telwerkd.transport.codec.query.explanations import decode_explain
from telwerkd.transport.codec.query.queries import decode_query
from telwerkd.transport.codec.query.query_batch import split_queries
from telwerkd.transport.codec.wire.gradual import decoding
from telwerkd.transport.codec.wire.splitting import FIELDS_MAX, account_of, parts
from telwerkd.transport.endpoint.address import parse
from telwerkd.transport.http.compression import Unpacking, weight
from telwerkd.transport.http.connect import STREAM_CODECS, UNARY_CODECS, codec_of, opened_envelope, timeout_of
from telwerkd.transport.http.json_requests import JsonRequests
from telwerkd.transport.http.origins import Origins
from tests.fuzz.finding import Run, ViolationError
from tests.fuzz.messages import JANUARY_5, Messages, methods, path_of
from tests.fuzz.mutating import ODD_TEXTS, bent, bent_json_bytes, bent_text, json_bytes

NOW: Final = Micros((JANUARY_5 + 30 * 86_400) * SECOND)
STATUS_BYTES_MAX: Final = 8_192
"""More trailers no client takes."""

ALIKE: Final = 12
"""Cases that are made of one message."""

_GROUP: Final = 3
"""The type on the wire."""

_LIMITS = EventLimits()
_FIELDS = FieldReader(_LIMITS.id_bytes_max, _LIMITS.url_bytes_max)
_NAMES = NameReader(NameLimits(), _FIELDS)
_BATCHES = EventBatches(_LIMITS, MemoryBudget(2**30))
_EVENTS = EventDecoder(_LIMITS, _FIELDS)
_JSON = JsonRequests(_LIMITS, 2**19)
_ORIGINS = Origins(parse("127.0.0.1:50080"), ["kpi.example"], ["https://app.example"])


def _of_events(raw: bytes) -> None:
    batch = _BATCHES.split(raw)
    if batch.refusal is not None:
        raise batch.refusal
    pieces = (
        [(0, batch.whole)] if batch.whole is not None else [(piece.first, piece.events()) for piece in batch.pieces]
    )
    for first, events in pieces:
        for place, rejected in _EVENTS.decode(events, NOW, first).refused.items():
            if not rejected.field or not rejected.message or place >= batch.count:
                raise ViolationError(f"a rejection without a field: {rejected}")
    for large in batch.too_large.values():
        large.name()


def _of_queries(raw: bytes) -> None:
    for part in split_queries(raw, 2**19).queries:
        query = part.decoded()
        chosen: Any = query.totals if query.HasField("totals") else query.time_series
        try:
            decode_query(chosen, _FIELDS, NOW)
        except TelwerkError as error:
            _check(error)


def _page(request: Any) -> None:
    _FIELDS.id("account_id", request.account_id)
    page_bounds(request)


_DECODERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "QueryTimeSeries": lambda request: decode_query(request, _FIELDS, NOW),
    "QueryTotals": lambda request: decode_query(request, _FIELDS, NOW),
    "WatchTimeSeries": lambda request: decode_query(request.query, _FIELDS, NOW),
    "ExplainCount": lambda request: decode_explain(request, _FIELDS),
    "ListDimensionValues": lambda request: decode_asked(request, _FIELDS, _NAMES),
    "SetWidgetSettings": lambda request: decode_version(request.settings, _FIELDS, NOW),
    "SetAccountSettings": lambda request: decode_default_hours(request.settings, NOW),
    "SetDisplayNames": _NAMES.decode,
    "ListDisplayNames": _NAMES.listing,
    "GetWidgetSettings": _page,
    "ListWidgetSettings": _page,
}
"""What a method does with a message before anything else; of the others nothing is decoded but ids."""
_RAW: Final = {"IngestEvents": _of_events, "StreamEvents": _of_events, "BatchQuery": _of_queries}


def _check(error: TelwerkError) -> str:
    """Holds a refusal against what every refusal must say; its reason."""
    about = described(error)
    if not isinstance(error, InvalidArgumentError) or not about.field or not about.message:
        raise ViolationError(f"a refusal names no field: {error!r}")
    if to_rpc_status(error).ByteSize() > STATUS_BYTES_MAX:
        raise ViolationError(f"a refusal is larger than clients take: {error!r}")
    return error.reason.name


def _ended(attempt: Callable[[], object]) -> str:
    """How it ended: with a reason, or well."""
    try:
        attempt()
    except TelwerkError as error:
        return _check(error)
    return "read"


def requests(run: Run, cases: int) -> None:
    """The bytes of a request of any method."""
    made = Messages(run.chance(-1))
    all_methods = methods()

    def make(chance: Random) -> Iterator[tuple[str, bytes]]:
        made.chance = chance
        method = chance.choice(all_methods)
        message = made.made(method.input_type)
        raw = message.SerializeToString()
        yield method.name, raw
        for _ in range(ALIKE):
            yield method.name, bent(chance, raw)
        yield method.name, raw + made.strange_field()
        yield method.name, bent(chance, raw + made.strange_field() + raw)
        for _ in range(ALIKE):
            made.change(message)
            yield method.name, message.SerializeToString()

    kinds = {method.name: GetMessageClass(method.input_type) for method in all_methods}

    def attempt(case: Any) -> str:
        name, raw = case
        kind = kinds[name]
        try:
            whole = kind.FromString(raw)
        except DecodeError:
            whole = None
        _same_in_pieces(kind, raw, whole)
        if name in _RAW:
            return f"{name}: {_ended(lambda: _RAW[name](raw))}"
        if whole is None:
            return "no message"
        decode = _DECODERS.get(name)
        return f"{name}: {_ended(lambda: decode(whole)) if decode is not None else 'has no decoder'}"

    run.each(cases, make, attempt)


def _same_in_pieces(kind: Any, raw: bytes, whole: Any) -> None:
    """What is read a piece at a time, as large requests are, is what is read in one go."""
    gradual = kind()
    try:
        for _ in decoding(gradual, raw):
            pass
        account = account_of(raw)
    except TelwerkError as error:
        _check(error)
        if whole is not None and not _has_group(whole) and not _has_too_many_fields(memoryview(raw)):
            raise ViolationError(f"protobuf reads it, and a piece at a time it is refused: {error}") from None
        return
    if whole is None:
        raise ViolationError("it is read a piece at a time, and is no message")
    if gradual.SerializeToString(deterministic=True) != whole.SerializeToString(deterministic=True):
        raise ViolationError("a piece at a time it is another message")
    if hasattr(whole, "account_id") and account != whole.account_id:
        raise ViolationError(f"its account is {account!r} by its bytes, {whole.account_id!r} by protobuf")


def _has_too_many_fields(raw: memoryview) -> bool:
    """Whether a message, or one within it, has more fields than may be read a piece at a time; protobuf reads any."""
    with contextlib.suppress(InvalidArgumentError):  # a text is no message
        found = list(parts(raw))
        within = (raw[part.content : part.end] for part in found if part.has_length)
        return len(found) > FIELDS_MAX or any(len(one) > FIELDS_MAX and _has_too_many_fields(one) for one in within)
    return False


def _has_group(message: Any) -> bool:
    """Protobuf passes over groups; of large requests they are refused, for no contract of today has them."""
    unknown: Any = UnknownFieldSet(message)
    return any(field.wire_type == _GROUP for field in unknown)


def json_requests(run: Run, cases: int) -> None:
    """The same in JSON: nothing is raised but refusals; what is right means the same as the binary message."""
    made = Messages(run.chance(-1))
    all_methods = methods()

    def make(chance: Random) -> Iterator[tuple[str, Any, bytes, bool]]:
        made.chance = chance
        method = chance.choice(all_methods)
        message = made.made(method.input_type)
        path = path_of(method)
        try:
            fields = json_format.MessageToDict(message)
            yield path, message, json_bytes(fields), True
        except (ValueError, json_format.Error):  # an instant that JSON cannot say
            fields = {}
        for _ in range(ALIKE):
            yield path, message, bent_json_bytes(chance, fields), False
        raw = json_bytes(fields)
        for _ in range(ALIKE):
            yield path, message, bent(chance, raw), False

    def attempt(case: Any) -> str:
        path, message, raw, as_it_is = case
        kind = type(message)
        read = _JSON.reader(path, kind)
        try:
            encoded = read(raw)
        except TelwerkError as error:
            # What is within protobuf's limits may be beyond ours, which are the same for bytes.
            if as_it_is and not isinstance(error, LimitExceededError) and "such an instant" not in str(error):
                raise ViolationError(f"JSON that protobuf wrote is refused: {error}") from None
            return _check(error)
        again = kind.FromString(encoded)
        if as_it_is and again != message and not _has_nan(message):
            raise ViolationError(f"by JSON it is another message: {again}")
        return "read"

    run.each(cases, make, attempt)


def _has_nan(message: Any) -> bool:
    return "nan" in str(message) or any(field is None for field in message.ListFields())


def tokens(run: Run, cases: int) -> None:
    """Page tokens: those of this server and others, bent, by hand, and of another request."""
    made = Messages(run.chance(-1))
    paged = [method for method in methods() if "page_token" in method.input_type.fields_by_name]
    places: list[Any] = [
        (5, ["anna", "sales"], 3),
        7,
        -1,
        2**64 - 1,
        "anna",
        "a\0",
        (NOW, "c1"),
        [],
        {},
        None,
        (0, 0, 0.5, b"x"),
    ]

    def make(chance: Random) -> Iterator[tuple[str, Any]]:
        made.chance = chance
        method = chance.choice(paged)
        request = made.made(method.input_type)
        request.page_token = ""
        packed = page_tokens.encode(request, chance.choice(places))
        for token in _bent_tokens(chance, packed):
            request.page_token = token.encode("utf-8", "replace").decode()
            yield method.name, request

    def attempt(case: Any) -> str:
        name, request = case
        return f"{name}: {_ended(lambda: _DECODERS[name](request))}"

    run.each(cases, make, attempt)


def _bent_tokens(chance: Random, token: str) -> Iterator[str]:
    yield token
    yield chance.choice(ODD_TEXTS)
    inner = base64.urlsafe_b64decode(token)
    for _ in range(ALIKE // 2):
        yield bent_text(chance, token)
        yield base64.urlsafe_b64encode(bent(chance, inner)).decode()
        yield bent(chance, token.encode()).decode("latin-1")


_HEADERS: Final = (
    *(
        "application/json",
        "application/proto",
        "application/connect+json",
        "application/json; charset=utf-8",
        "gzip;q=0.5",
    ),
    *(
        "identity;q=0, *;q=1",
        "gzip, br;q=1.0",
        "5000",
        "127.0.0.1:50080",
        "[::1]:50080",
        "kpi.example",
        "http://[::1",
        "null",
    ),
    *("https://app.example", "localhost:99999", "xn--nxasmq6b", "http://127.0.0.1:50080", "[", "]", "%", "a" * 300),
)


def headers(run: Run, cases: int) -> None:
    """What HTTP has beside messages: types, codings, times, hosts, envelopes, gzip."""

    def make(chance: Random) -> Iterator[tuple[str, bytes]]:
        body = gzip.compress(chance.randbytes(9) * chance.choice((0, 1, 9_000)), mtime=0)
        for _ in range(ALIKE):
            text = chance.choice(_HEADERS)
            text = bent_text(chance, text) if chance.randrange(5) else text
            # As a server reads them: each byte a character.
            written = text.encode("latin-1", "ignore") if chance.randrange(2) else text.encode("utf-8", "surrogatepass")
            as_read = written.decode("latin-1")
            yield as_read, bent(chance, body) if chance.randrange(4) else body

    def attempt(case: Any) -> str:
        text, body = case
        codec_of(text, UNARY_CODECS), codec_of(text, STREAM_CODECS)
        if not 0 <= weight("gzip", text) <= 1:
            raise ValueError("a weight is from 0 to 1")
        _ORIGINS.refusal(text, None, "127.0.0.1"), _ORIGINS.refusal("127.0.0.1:50080", text, text)
        timed, opened = _ended(lambda: timeout_of(text)), _ended(lambda: opened_envelope(body))
        return f"timeout {timed}, envelope {opened}, gzip {_ended(lambda: _unpacked(body))}"

    run.each(cases, make, attempt)


def _unpacked(body: bytes) -> None:
    unpacking = Unpacking(body, 50_000, "message_bytes_max")
    while unpacking.piece():
        pass
