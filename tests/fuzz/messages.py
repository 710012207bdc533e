"""Messages of the contract by chance, made from its descriptors.

Most are nearly right, so that they are looked at deeply.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

import telwerk.v1
from telwerkd.domain.catalogue.kpis import CATALOGUE
from telwerkd.domain.catalogue.rates import RATES
from tests.fuzz.mutating import ODD_NUMBERS, bent, bent_text

DEPTH_MAX: Final = 6
DAY: Final = 86_400
JANUARY_5: Final = 1_767_571_200
"""2026-01-05, a Monday, in UTC."""


def methods() -> list[MethodDescriptor]:
    """Every method of every service of telwerk.v1."""
    names = sorted(one.name for one in pkgutil.iter_modules(telwerk.v1.__path__) if one.name.endswith("_pb2"))
    files = [importlib.import_module(f"telwerk.v1.{name}").DESCRIPTOR for name in names]
    return [method for file in files for service in file.services_by_name.values() for method in service.methods]


def path_of(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


_KPIS: Final = [info.id for info in CATALOGUE.values()] + list(RATES)
_ZONES: Final = (
    *("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/Sao_Paulo", "Australia/Lord_Howe") * 4,
    "Mars/Olympus",
)
_URLS: Final = (
    *("https://shop.example/thanks", "http://[::1]:8/é?q#f", "https://shop.example/") * 4,
    "ftp://x/",
    "https://",
)
_HOUR: Final = (900, 3_600, 43_200, DAY, 30 * DAY)

TEXTS: Final[Mapping[str, Sequence[str]]] = {
    "account_id": tuple(f"a{n}" for n in range(8)),
    "conversation_id": tuple(f"c{n}" for n in range(12)),
    "widget_id": ("w1", "w2", "w3"),
    "operator_id": ("anna", "ben", "cem"),
    "operator_group_id": ("sales", "help"),
    "goal_id": ("g1", "g2"),
    "topic_ids": ("t1", "t2", "t3"),
    "topic_id": ("t1", "t2", "t3"),
    "question_id": ("q1", "q2"),
    "option_id": ("o1", "o2"),
    "kpi_ids": _KPIS,
    "kpi_id": _KPIS,
    "time_zone": _ZONES,
    "url": _URLS,
    "language_code": ("en", "de", "nl-BE", "xx", "en-US-x-twain"),
    "any_of": ("anna", "w1", "sales", "t1", "q1", ""),
    "none_of": ("ben", "w2", "help", "t2", "q2", ""),
    "all_of": ("t1", "t3"),
    "prefix": ("", "a", "t", "é"),
    "name": ("Anna", "Sales of the north", "Ünal"),
    "id": ("anna", "sales", "w1", "t1", "q1"),
}
"""What texts of a field are like, by its name."""

NUMBERS: Final[Mapping[str, Sequence[int]]] = {
    "stars": (1, 2, 3, 4, 5),
    "page_size": (1, 2, 3, 50, 1_000),
    "weekday": (1, 2, 3, 4, 5, 6, 7),
    "open_minute": (0, 300, 540),
    "close_minute": (720, 1_020, 1_440),
    "min_below": (0, 0, 5),
}

_COUNTS: Final[Mapping[str, Sequence[int]]] = {
    "events": (1, 1, 2, 5, 12),
    "kpi_ids": (1, 1, 1, 1, 2),
    "group_by": (1, 1, 1, 1, 2),
    "exceptions": (1,),
}
"""How many there are in a list."""

ALWAYS: Final = frozenset(
    {
        *(
            "account_id",
            "kpi_ids",
            "kpi_id",
            "range",
            "granularity",
            "settings",
            "widget_id",
            "dimension",
            "before_time",
        ),
        *("query", "queries", "events", "event_id", "conversation_id", "occur_time", "start_time", "end_time", "names"),
        *(
            "start_date",
            "end_date",
            "year",
            "month",
            "day",
            "kind",
            "id",
            "effective_time",
            "sender",
            "stars",
            "action",
        ),
        *(
            "goal_id",
            "url",
            "answers",
            "topic_ids",
            "question_id",
            "option_id",
            "retracted_event_id",
            "measure",
            "count",
        ),
        *("open_minute", "close_minute", "date", "stretch", "weekday", "time_zone", "name"),
    }
)
"""Fields that nearly always are there, because without them nothing else is looked at."""


class Messages:
    """Makes messages, and keeps page tokens that a server gave, to give them back."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.tokens: list[str] = []
        self._events = 0

    def made(self, descriptor: Descriptor) -> Any:
        """A message that is nearly right."""
        message = GetMessageClass(descriptor)()
        self._fill(message, 0)
        for _ in range(self.chance.choice((0, 0, 0, 0, 0, 0, 1, 1, 2, 4))):
            self.change(message)
        return message

    def raw(self, descriptor: Descriptor) -> bytes:
        """The bytes of one; of some, they are no such message any more."""
        raw: bytes = self.made(descriptor).SerializeToString()
        match self.chance.randrange(16):
            case 0:
                return bent(self.chance, raw)
            case 1:
                return raw + self.strange_field()
            case 2:
                return raw + bytes(self.made(descriptor).SerializeToString())
        return raw

    def strange_field(self) -> bytes:
        """A field on the wire that is unknown, of another type, in a group, or has no end."""
        chance = self.chance
        tag = chance.choice((1, 2, 3, 5, 15, 16, 99, 2**29 - 1)) << 3 | chance.randrange(8)
        raw = bytearray()
        while tag > 127:
            raw.append(tag & 127 | 128)
            tag >>= 7
        raw.append(tag)
        return bytes(raw) + chance.choice((b"", b"\0", b"\x05abcde", b"\xff" * 10, b"\x80\x00", chance.randbytes(9)))

    # --- what is nearly right ---

    def _fill(self, message: Any, depth: int) -> None:
        if self._is_known(message):
            return
        chance = self.chance
        chosen = {oneof.name: chance.choice(oneof.fields).name for oneof in message.DESCRIPTOR.oneofs}
        for field in message.DESCRIPTOR.fields:
            oneof = field.containing_oneof
            if oneof is not None and len(oneof.fields) > 1:
                wanted = chosen[oneof.name] == field.name
            else:
                wanted = chance.random() < (0.97 if field.name in ALWAYS else 0.07)
            if wanted and depth < DEPTH_MAX:
                self._set(message, field, depth)

    def _set(self, message: Any, field: FieldDescriptor, depth: int) -> None:
        chance = self.chance
        if field.is_repeated:
            held = getattr(message, field.name)
            for _ in range(chance.choice(_COUNTS.get(field.name, (1, 1, 1, 2, 3)))):
                if field.message_type is None:
                    held.append(self._scalar(field))
                else:
                    self._fill(held.add(), depth + 1)
        elif field.message_type is None:
            setattr(message, field.name, self._scalar(field))
        else:
            inner = getattr(message, field.name)
            inner.SetInParent()
            self._fill(inner, depth + 1)

    def _is_known(self, message: Any) -> bool:
        """Fills what has a form of its own: instants, lengths of time, dates."""
        chance = self.chance
        match message.DESCRIPTOR.name:
            case "Timestamp":
                message.seconds = JANUARY_5 + 900 * chance.randrange(400)
            case "Duration":
                message.seconds = chance.choice(_HOUR)
            case "CalendarDate":
                day = chance.choice((1, 5, 6, 12, 29, 31))
                message.year, message.month, message.day = (
                    chance.choice((2026, 2026, 2025, 2027)),
                    chance.choice((1, 2, 3)),
                    day,
                )
            case "TimeRange" if chance.randrange(10):
                days = message.dates
                days.start_date.year, days.start_date.month, days.start_date.day = 2026, 1, chance.randint(1, 6)
                days.end_date.year, days.end_date.month, days.end_date.day = (
                    2026,
                    chance.choice((1, 2)),
                    chance.randint(7, 28),
                )
            case _:
                return False
        return True

    def _scalar(self, field: FieldDescriptor) -> Any:
        chance = self.chance
        if field.enum_type is not None:
            return chance.choice(field.enum_type.values[chance.randrange(12) > 0 :]).number
        match field.cpp_type:
            case FieldDescriptor.CPPTYPE_STRING:
                return self._text(field.name)
            case FieldDescriptor.CPPTYPE_BOOL:
                return bool(chance.randrange(2))
            case FieldDescriptor.CPPTYPE_DOUBLE | FieldDescriptor.CPPTYPE_FLOAT:
                return chance.choice((0.5, 0.9, 0.0, 1.0))
        return chance.choice(NUMBERS.get(field.name, (1, 2, 3, 5, 7)))

    def _text(self, name: str) -> str:
        chance = self.chance
        if name == "page_token":
            token = chance.choice(self.tokens) if self.tokens else "AAAA"
            return bent_text(chance, token).replace("\udc80", "") if not chance.randrange(3) else token
        if name in {"event_id", "retracted_event_id"}:
            self._events += name == "event_id"
            return (
                f"e{self._events if chance.randrange(6) and name == 'event_id' else chance.randrange(self._events + 1)}"
            )
        return chance.choice(TEXTS.get(name, ("x", "y")))

    # --- and what is not ---

    def change(self, message: Any) -> None:
        """Changes one thing somewhere in the message."""
        chance = self.chance
        fields = message.DESCRIPTOR.fields
        if not fields:
            return
        present = [field for field, _ in message.ListFields()]
        field = chance.choice(present) if present and chance.randrange(5) else chance.choice(fields)
        held = getattr(message, field.name)
        if field.is_repeated:
            self._change_list(message, field, held)
        elif field.message_type is None:
            _set_anyhow(message, field, self._odd(field))
        elif chance.randrange(10):
            held.SetInParent()
            self.change(held)
        else:
            message.ClearField(field.name)

    def _change_list(self, message: Any, field: FieldDescriptor, held: Any) -> None:
        chance = self.chance
        match chance.randrange(6):
            case 0:
                message.ClearField(field.name)
            case 1 if held:
                held.extend(list(held) * chance.choice((1, 1, 5)))
            case 2 if held:
                del held[chance.randrange(len(held))]
            case _ if field.message_type is None:
                held.extend(_fitting(field, self._odd(field)))
            case _:
                self.change(chance.choice(held) if held else held.add())

    def _odd(self, field: FieldDescriptor) -> Any:
        chance = self.chance
        match field.cpp_type:
            case FieldDescriptor.CPPTYPE_STRING:
                return bent_text(chance, self._text(field.name))
            case FieldDescriptor.CPPTYPE_BOOL:
                return bool(chance.randrange(2))
            case FieldDescriptor.CPPTYPE_DOUBLE | FieldDescriptor.CPPTYPE_FLOAT:
                return chance.choice((float("nan"), float("inf"), -1.0, 1e-320, 2.0, -0.0))
        return chance.choice(ODD_NUMBERS) if chance.randrange(4) else chance.randrange(-20, 2_000)


def _fitting(field: FieldDescriptor, value: Any) -> list[Any]:
    """The value, if the field can hold it at all."""
    assert field.containing_type is not None
    probe = GetMessageClass(field.containing_type)()
    return [value] if _put(lambda: getattr(probe, field.name).append(value)) else []


def _set_anyhow(message: Message, field: FieldDescriptor, value: Any) -> None:
    _put(lambda: setattr(message, field.name, value))


def _put(put: Callable[[], Any]) -> bool:
    try:
        put()
    except (ValueError, TypeError):  # half a pair, a number too large: the wire cannot have it
        return False
    return True
