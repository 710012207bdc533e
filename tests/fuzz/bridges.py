"""What chat platforms send to a bridge, changed: refused in a sentence, or it tells what Telwerk takes, or nothing."""

import json
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, Final

from telwerk_bridges.payload import PayloadError
from telwerk_bridges.platform import Platform, SignatureError
from telwerk_bridges.platforms import PLATFORMS
from telwerkd.transport.codec.fields import FieldReader
from telwerkd.transport.codec.ingest.events import EventDecoder, EventLimits
from tests.bridges.bridging import Translator
from tests.bridges.conformance import samples
from tests.fuzz.decoders import NOW
from tests.fuzz.finding import Run, ViolationError
from tests.fuzz.messages import JANUARY_5
from tests.fuzz.mutating import bent_json_bytes, bent_text

ALIKE: Final = 12
SECRET: Final = "secret"  # noqa: S105  # of tests
HEADERS: Final = (
    *(
        "x-hub-signature",
        "x-chatwoot-signature",
        "x-chatwoot-timestamp",
        "authorization",
        "x-rocketchat-livechat-token",
    ),
)
OF_PLATFORMS: Final = ("occur_time", "topics_set.topic_ids")
"""Times and tags are what the platform says. Some Telwerk refuses for good: the bridge keeps such an event."""

_LIMITS = EventLimits()
_EVENTS = EventDecoder(_LIMITS, FieldReader(_LIMITS.id_bytes_max, _LIMITS.url_bytes_max))


def bridges(run: Run, cases: int) -> None:
    """Bodies of all platforms; what is remembered of one is met by the next of its block."""
    made: Mapping[str, Platform] = {name: kind.create(SECRET, prefix="") for name, kind in PLATFORMS.items()}
    sent = {name: samples(name, JANUARY_5 * 1_000) for name in PLATFORMS}

    def make(chance: Random) -> Iterator[tuple[str, Translator, bytes, int, str]]:
        name = chance.choice(list(made))
        translator = Translator(made[name])
        for _ in range(ALIKE):
            sample = chance.choice(sent[name])
            header = bent_text(
                chance, chance.choice(("sha256=00", "sha1=00", "Bearer secret", "Basic c2VjcmV0", "1767571200", SECRET))
            )
            yield name, translator, bent_json_bytes(chance, sample.payload), sample.received_at, header

    def attempt(case: Any) -> str:
        name, translator, body, received_at, header = case
        _verified(made[name], body, header)
        try:
            payload = json.loads(body)
        except (ValueError, RecursionError):
            return f"{name}: no JSON"
        try:
            events = translator(payload, received_at)
        except PayloadError as error:
            if not str(error).strip():
                raise ViolationError("a refusal without a word") from error
            return f"{name}: refused"
        for refusal in _EVENTS.decode(events, NOW).refused.values():
            if not str(refusal.field).startswith(OF_PLATFORMS):
                raise ViolationError(f"Telwerk does not take what is told: {refusal}")
        json.loads(translator.kept())
        return f"{name}: {'events' if events else 'nothing'}"

    run.each(cases, make, attempt)


def _verified(platform: Platform, body: bytes, header: str) -> None:
    headers = {name: header.encode("utf-8", "surrogatepass").decode("latin-1") for name in HEADERS}
    try:
        platform.verify(headers, body, float(JANUARY_5))
    except SignatureError as error:
        if not str(error):
            raise ViolationError("a refusal without a word") from error
