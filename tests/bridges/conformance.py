"""What every platform must do, as one class of tests: the module of a platform derives from it.

    class TestConformance(PlatformConformance):
        platform = chatwoot.TYPE
        story = samples("chatwoot", 1_793_610_000_000)
        ...

The story is a list of documented deliveries; what it must count, and how a delivery is signed, is the module's to say.
Everything personal in the story has the word PRIVATE in it.
"""

import copy
import json
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from datetime import date
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple

import pytest

from telwerk import Telwerk
from telwerk.queries import DimensionName
from telwerk.v1.event_pb2 import Event
from telwerk.v1.kpi_service_pb2 import Dimension
from telwerk_bridges.payload import Node, PayloadError
from telwerk_bridges.platform import Platform, PlatformType, SignatureError
from tests.bridges.bridging import BridgeProcess, Translator, bridge, deliver, settled, text_of
from tests.conftest import KPI_IDS, ServerProcess, line_of, serving

SECRETS: Final = ("one-secret", "the-other")
NOW: Final = 1_793_610_000.0
HOUR: Final = 3_600_000
RANGE: Final[dict[str, Any]] = {"start": date(2000, 1, 1), "end": date(2099, 1, 1)}
ID_BYTES_MAX: Final = 128
"""Of Telwerk."""

ODD: Final[Sequence[object]] = (
    None,
    "",
    " ",
    "x" * 300,
    "\0",
    "\ud800",
    "é\n",
    0,
    -1,
    10**25,
    1.5,
    1e300,
    float("nan"),
    float("inf"),
    True,
    [],
    [None],
    [[]],
    ["x"],
    {},
    {"id": None},
    {"id": {}},
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59",
)
"""What may stand anywhere in a body of somebody else's making."""


class Sample(NamedTuple):
    """A delivery, and when it came, in milliseconds."""

    received_at: int
    payload: dict[str, Any]


def samples(platform: str, start: int) -> list[Sample]:
    """The files of `fixtures/<platform>` in order, a minute apart."""
    paths = sorted((Path(__file__).parent / "fixtures" / platform).glob("*.json"))
    assert paths
    return [Sample(start + number * 60_000, json.loads(path.read_text())) for number, path in enumerate(paths)]


class PlatformConformance:
    """See the module. The attributes without a value are the platform's."""

    platform: ClassVar[PlatformType]
    story: ClassVar[Sequence[Sample]]
    """Its deliveries in order: documented ones, of several kinds."""

    counted: ClassVar[Sequence[str]]
    """What the story counts, as `kpi [value] operator/group widget`: see `counted_lines`."""

    unknown: ClassVar[Sequence[dict[str, Any]]]
    """Deliveries that mean nothing: answered with 200."""

    fresh_seconds: ClassVar[float | None] = None
    """How far the signed time may be from now; None where the platform signs no time."""

    signs_body: ClassVar[bool] = True
    """Whether a changed body is noticed."""

    undated: ClassVar[frozenset[str]] = frozenset()
    """The kinds of events that happened when their delivery came: the platform gives no instant."""

    def sign(self, body: bytes, secret: str, now_seconds: float) -> tuple[bytes, dict[str, str]]:
        """The body as it is sent, and the headers beside it, with names in small letters."""
        raise NotImplementedError

    # --- signatures --------------------------------------------------------------------------------------------------

    @property
    def body(self) -> bytes:
        return json.dumps(self.story[0].payload).encode()

    def made(self) -> Platform:
        """With white space around one of the secrets."""
        return self.platform.create(f" {SECRETS[0]}\n", SECRETS[1], prefix="")

    @pytest.mark.parametrize("secret", SECRETS)
    def test_any_of_several_secrets_signs_whatever_space_surrounds_it(self, secret: str) -> None:
        body, headers = self.sign(self.body, secret, NOW)
        self.made().verify(headers, body, NOW)
        self.made().verify({name: f" {value} " for name, value in headers.items()}, body, NOW)

    @pytest.mark.parametrize("secret", ["", " ", "third", SECRETS[0][:-1], SECRETS[0] + "x", SECRETS[0].upper(), "é"])
    def test_no_other_secret_signs(self, secret: str) -> None:
        body, headers = self.sign(self.body, secret, NOW)
        with pytest.raises(SignatureError):
            self.made().verify(headers, body, NOW)

    def test_a_missing_or_spoilt_signature_is_refused(self) -> None:
        body, headers = self.sign(self.body, SECRETS[0], NOW)
        for name in headers:
            for value in (None, "", " ", "é", headers[name][:-1], headers[name] + "0"):
                spoilt = {one: kept for one, kept in headers.items() if one != name or value is not None}
                if value is not None:
                    spoilt[name] = value
                with pytest.raises(SignatureError):
                    self.made().verify(spoilt, body, NOW)
        for unsigned in (self.body, b"", b"{", b"null", b"[]", b'"x"', b"\xff", b"[" * 100_000, b"1" * 5_000):
            with pytest.raises(SignatureError):
                self.made().verify({}, unsigned, NOW)

    def test_a_changed_body_is_noticed_where_the_platform_signs_it(self) -> None:
        body, headers = self.sign(self.body, SECRETS[0], NOW)
        with pytest.raises(SignatureError) if self.signs_body else nullcontext():
            self.made().verify(headers, body + b" ", NOW)

    def test_an_old_or_replayed_delivery_and_one_of_a_clock_hours_ahead_are_refused_where_a_time_is_signed(
        self,
    ) -> None:
        body, headers = self.sign(self.body, SECRETS[0], NOW)
        if self.fresh_seconds is None:
            self.made().verify(headers, body, NOW + 10 * 86_400)
            return
        for late in (-self.fresh_seconds, self.fresh_seconds):
            self.made().verify(headers, body, NOW + late)
        for late in (-10_800, -self.fresh_seconds - 1, self.fresh_seconds + 1, 10_800):
            with pytest.raises(SignatureError):
                self.made().verify(headers, body, NOW + late)

    # --- what deliveries mean together -------------------------------------------------------------------------------

    def told(self, deliveries: Sequence[Sample]) -> list[bytes]:
        return sorted(facts_of(event) for event in standing(self.made(), deliveries))

    def test_any_order_and_any_repetition_tell_the_same(self) -> None:
        """Whatever came before is remembered, whatever comes after explains it."""
        story, wanted = list(self.story), self.told(self.story)
        assert wanted
        chance = random.Random(5)  # noqa: S311 - to be repeatable
        assert self.told(story[::-1]) == wanted
        for _ in range(100):
            shuffled = story + chance.sample(story, len(story) // 2)
            chance.shuffle(shuffled)
            assert self.told(shuffled) == wanted

    def test_a_part_of_the_story_tells_the_same_in_any_order(self) -> None:
        """Some deliveries are lost."""
        chance = random.Random(6)  # noqa: S311 - to be repeatable
        for _ in range(100):
            part = chance.sample(list(self.story), chance.randint(1, len(self.story)))
            wanted = self.told(part)
            chance.shuffle(part)
            assert self.told(part) == wanted

    def test_a_duplicate_tells_nothing(self) -> None:
        translate = Translator(self.made())
        for received_at, payload in self.story:
            translate(payload, received_at)
            assert translate(payload, received_at) == []

    def test_no_text_no_name_and_nothing_of_a_contact_is_passed_on_or_kept(self) -> None:
        translate = Translator(self.made())
        for received_at, payload in self.story:
            assert "PRIVATE" in json.dumps(payload)
            assert not any(b"PRIVATE" in event.SerializeToString() for event in translate(payload, received_at))
        assert "PRIVATE" not in translate.kept()

    def test_only_what_the_platform_does_not_date_happens_when_it_is_received(self) -> None:
        """The bridge's clock may be hours off."""
        late = [Sample(received_at + 5 * HOUR, payload) for received_at, payload in self.story]
        kinds = [
            {kind for kind in dated if kind.partition(" ")[0] not in self.undated}
            for dated in (self.dated(self.story), self.dated(late))
        ]
        assert kinds[0] == kinds[1]

    def dated(self, deliveries: Sequence[Sample]) -> set[str]:
        translate = Translator(self.made())
        told = [event for received_at, payload in deliveries for event in translate(payload, received_at)]
        return {f"{event.WhichOneof('kind')} {event.conversation_id} {event.occur_time}" for event in told}

    def test_a_prefix_keeps_accounts_apart(self) -> None:
        translate = Translator(self.platform.create(SECRETS[0], prefix="shop-"))
        for received_at, payload in self.story:
            for event in translate(payload, received_at):
                said = event.operator_assigned
                named = [event.conversation_id, event.widget_id, said.operator_id, said.operator_group_id]
                assert all(one.startswith("shop-") for one in named if one), named

    # --- hostile bodies ----------------------------------------------------------------------------------------------

    def test_whatever_stands_anywhere_is_read_or_named_as_wrong(self) -> None:
        """Every value of every sample, replaced by some of the odd ones."""
        chance = random.Random(7)  # noqa: S311 - to be repeatable
        for received_at, payload in self.story:
            for path in paths_of(payload):
                for odd in chance.sample(ODD, 5):
                    self.check_odd(replaced(payload, path, odd), received_at)

    def check_odd(self, payload: object, received_at: int) -> None:
        events: list[Event] = []
        with suppress(PayloadError):
            events = Translator(self.made())(payload, received_at)
        for event in events:
            said = event.operator_assigned
            ids = [event.event_id, event.conversation_id, event.widget_id, said.operator_id, said.operator_group_id]
            assert all(ids[:3])
            assert all(len(one.encode()) <= ID_BYTES_MAX and (not one or one.isprintable()) for one in ids)

    @pytest.mark.parametrize("payload", [None, True, 1, "x", [], [[]], {}, {"x": 1}], ids=repr)
    def test_what_is_no_delivery_is_nothing_or_named_as_wrong(self, payload: object) -> None:
        with suppress(PayloadError):
            assert self.made().read(Node(payload), 0) is None

    # --- through the real bridge and a real server -------------------------------------------------------------------

    @pytest.fixture(scope="class")
    @classmethod
    def running(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServerProcess, BridgeProcess]]:
        folder, name = tmp_path_factory.mktemp("conformance"), cls.platform.name
        sections = [
            f'[[{name}]]\nname = "{account}"\nprefix = ""\naccount = "{account}"\nsecrets = {list(SECRETS)}\n'
            for account in ("story", "hostile")
        ]
        (folder / "bridge.toml").write_text("\n".join(sections))
        settings = {"TELWERK_BRIDGE_CONFIG": str(folder / "bridge.toml"), "TELWERK_BRIDGE_CHATWOOT_SECRET": ""}
        with (
            serving(folder / "telwerk.db") as server,
            bridge(server.address, folder / "bridge.db", **settings) as started,
        ):
            yield server, started

    def sent(self, started: BridgeProcess, body: bytes, account: str, secret: str = SECRETS[1]) -> tuple[int, Any]:
        body, headers = self.sign(body, secret, time.time())
        return deliver(started.url, body, headers, path=f"/{self.platform.name}/{account}")

    def test_the_story_is_counted_once_however_often_and_in_whatever_order_it_is_delivered(
        self, running: tuple[ServerProcess, BridgeProcess]
    ) -> None:
        server, started = running
        bodies = [json.dumps(payload).encode() for _, payload in self.story]
        shuffled = bodies * 2
        random.Random(3).shuffle(shuffled)  # noqa: S311 - to be repeatable
        # What happened when it is received comes in order first.
        for body in (*(bodies if self.undated else ()), *shuffled, *bodies):
            assert self.sent(started, body, "story")[0] == 200
        settled(started.url)
        assert counted_lines(server.address, "story") == sorted(self.counted)

    def test_what_means_nothing_is_answered_with_200(self, running: tuple[ServerProcess, BridgeProcess]) -> None:
        for payload in self.unknown:
            assert self.sent(running[1], json.dumps(payload).encode(), "hostile") == (200, {"events": 0})

    def test_hostile_bodies_are_answered_clearly_and_the_bridge_goes_on(
        self, running: tuple[ServerProcess, BridgeProcess]
    ) -> None:
        """Signed, for who has the secret may err too; and unsigned."""
        _, started = running
        hostile = [b"", b"{", b"null", b"[]", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000, b"1" * 5_000]
        hostile += [b"NaN", b'{"event": NaN}', b'{"event": 1e999}', b"\xef\xbb\xbf{}", '{"a": 1}'.encode("utf-16")]
        hostile += [json.dumps(replaced(self.story[0].payload, path, "\ud800")).encode() for path in some_paths(self)]
        for body in hostile:
            assert self.sent(started, body, "hostile")[0] in {200, 400, 401, 422}, body[:80]
            assert deliver(started.url, body, {}, path=f"/{self.platform.name}/hostile")[0] == 401, body[:80]
        assert self.sent(started, self.body, "hostile", "third")[0] == 401
        assert text_of(started.url, "/readyz") == (200, "ready")
        assert "Traceback" not in started.log()
        assert "is refused with 401: " in started.log()


def standing(platform: Platform, deliveries: Sequence[Sample]) -> list[Event]:
    """The events that stand after these deliveries; none is told twice."""
    translate, found, ids = Translator(platform), dict[tuple[str, str], Event](), set[tuple[str, str]]()
    for received_at, payload in deliveries:
        for event in translate(payload, received_at):
            key = (event.conversation_id, event.event_id)
            assert key not in ids
            ids.add(key)
            if event.HasField("event_retracted"):
                del found[event.conversation_id, event.event_retracted.retracted_event_id]
            else:
                found[key] = event
    return list(found.values())


def facts_of(event: Event) -> bytes:
    """All of an event but its id, which says how often it was taken back."""
    told = Event()
    told.CopyFrom(event)
    told.event_id = ""
    return told.SerializeToString(deterministic=True)


def counted_lines(address: str, account: str) -> list[str]:
    """What an account counts: `kpi [value] operator/group widget`, a line for each fact."""
    by: list[DimensionName] = ["operator", "operator_group", "widget"]
    with Telwerk(address) as client:
        rows = []
        for kpi in client.kpis():
            if kpi.kpi_id not in KPI_IDS:
                continue
            group_by: list[DimensionName] = [*by, "value"] if Dimension.DIMENSION_VALUE in kpi.dimensions else by
            rows += client.totals(account, kpi.kpi_id, **RANGE, group_by=group_by).totals
    return sorted(line_of(row) for row in rows for _ in range(row.count))


def paths_of(value: object) -> Iterator[tuple[str | int, ...]]:
    """Where each value below this one stands."""
    entries: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        entries = list(value.items())
    elif isinstance(value, list):
        entries = list(enumerate(value))
    for name, below in entries:
        yield (name,)
        for path in paths_of(below):
            yield (name, *path)


def some_paths(conformance: PlatformConformance) -> list[tuple[str | int, ...]]:
    return list(paths_of(conformance.story[0].payload))[::3]


def replaced(payload: dict[str, Any], path: Sequence[str | int], value: object) -> dict[str, Any]:
    """The payload with another value in one place."""
    changed = copy.deepcopy(payload)
    place: Any = changed
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return changed
