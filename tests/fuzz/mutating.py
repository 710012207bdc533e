"""What chance does to bytes, texts and JSON: the same for the same seed."""

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final

ODD_TEXTS: Final = (
    *(
        "",
        " ",
        "\0",
        "a\0b",
        "\n",
        "\x7f",
        "\x1f",
        "é",
        "\u2028",
        "\U0001f600",
        "\ufeff",
        "\udc80",
        "x" * 129,
        "é" * 65,
    ),
    *(
        "0",
        "-1",
        "NaN",
        "Infinity",
        "1e400",
        "null",
        "true",
        "[]",
        "{}",
        "%00",
        "../..",
        "'\"\\",
        "${x}",
        "[bold]",
        "\x1b[2J",
    ),
    *(
        "2026-01-05T10:00:00Z",
        "9999-12-31T23:59:59.999999999Z",
        "0001-01-01T00:00:00Z",
        "1e9s",
        "-1s",
        "²",
        "٣",
        "🇩🇪" * 20,
    ),
)
ODD_NUMBERS: Final = (
    *(0, 1, -1, 2, 5, 7, 8, 20, 127, 128, 255, 256, 1_000, 1_001, 65_535, 65_536, 86_400),
    *(2**31 - 1, -(2**31), 2**31, 2**32, 2**53, 2**63 - 1, -(2**63), 2**63, 2**64, 10**18, 10**30),
)
ODD_VALUES: Final[tuple[Any, ...]] = (
    *ODD_TEXTS,
    *ODD_NUMBERS,
    *(None, True, False, 0.5, -0.0, 1e308, float("inf"), float("nan"), [], {}, [[]], [None], {"": ""}, {"a": {}}),
)
_INTERESTING: Final = (
    b"\x00",
    b"\xff",
    b"\x80",
    b"\x7f",
    b"\xff" * 9 + b"\x01",
    b"\x0a",
    b"{",
    b"[",
    b'"',
    b",",
    b"\\u",
    b"\xc3",
)

Bend = Callable[[Random, bytearray], None]


def _flip(chance: Random, raw: bytearray) -> None:
    raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)


def _set(chance: Random, raw: bytearray) -> None:
    raw[chance.randrange(len(raw))] = chance.randrange(256)


def _cut(chance: Random, raw: bytearray) -> None:
    del raw[chance.randrange(len(raw)) :]


def _remove(chance: Random, raw: bytearray) -> None:
    start = chance.randrange(len(raw))
    del raw[start : start + chance.randint(1, 8)]


def _repeat(chance: Random, raw: bytearray) -> None:
    start = chance.randrange(len(raw))
    piece = raw[start : start + chance.randint(1, 64)]
    at = chance.randrange(len(raw) + 1)
    raw[at:at] = bytes(piece) * chance.choice((1, 1, 2, 20))


def _insert(chance: Random, raw: bytearray) -> None:
    at = chance.randrange(len(raw) + 1)
    raw[at:at] = chance.choice(_INTERESTING)


_BENDS: Final[Sequence[Bend]] = (_flip, _flip, _set, _cut, _remove, _repeat, _insert, _insert)


def bent(chance: Random, raw: bytes, times: int = 3) -> bytes:
    """The bytes, changed one to so many times."""
    changed = bytearray(raw or b"\0")
    for _ in range(chance.randint(1, times)):
        if changed:
            chance.choice(_BENDS)(chance, changed)
    return bytes(changed)


def bent_text(chance: Random, text: str) -> str:
    """The text, changed in its characters."""
    at = chance.randrange(len(text) + 1)
    match chance.randrange(5):
        case 0:
            return chance.choice(ODD_TEXTS)
        case 1:
            return text[:at] + chance.choice(ODD_TEXTS) + text[at:]
        case 2:
            return text[:at]
        case 3:
            return text[:at] + text[at + 1 :]
        case _:
            return text[:at] + text[max(0, at - 9) :]


def bent_json(chance: Random, value: Any) -> Any:
    """A copy of a value of JSON with one thing in it changed: somewhere a value, a name, a list."""
    if isinstance(value, dict) and value and chance.randrange(8):
        return _bent_object(chance, value)
    if isinstance(value, list) and value and chance.randrange(8):
        return _bent_list(chance, value)
    return _bent_leaf(chance, value)


def _bent_object(chance: Random, value: dict[str, Any]) -> dict[str, Any]:
    name = chance.choice(list(value))
    match chance.randrange(12):
        case 0:
            return {key: one for key, one in value.items() if key != name}
        case 1:
            return {bent_text(chance, key) if key == name else key: one for key, one in value.items()}
        case 2:
            return {**value, chance.choice(ODD_TEXTS): chance.choice(ODD_VALUES)}
        case 3:
            return {**value, name: value[chance.choice(list(value))]}
    return {**value, name: bent_json(chance, value[name])}


def _bent_list(chance: Random, value: list[Any]) -> list[Any]:
    at = chance.randrange(len(value))
    match chance.randrange(8):
        case 0:
            return value[:at] + value[at + 1 :]
        case 1:
            return value + value[at:]
    return [*value[:at], bent_json(chance, value[at]), *value[at + 1 :]]


def _bent_leaf(chance: Random, value: Any) -> Any:
    if isinstance(value, str) and chance.randrange(2):
        return bent_text(chance, value)
    if isinstance(value, int | float) and chance.randrange(2):
        return value + chance.choice((1, -1, 0.5, 10**6, -(10**12)))
    return [value] if not chance.randrange(10) else chance.choice(ODD_VALUES)


def json_bytes(value: Any) -> bytes:
    """JSON as others write it: half pairs and NaN included."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def bent_json_bytes(chance: Random, value: Any) -> bytes:
    """JSON of a value that was changed; of one in ten, its bytes as well."""
    for _ in range(chance.randint(1, 4)):
        value = bent_json(chance, value)
    raw = json_bytes(value)
    if not chance.randrange(10):
        return bent(chance, raw)
    return raw if chance.randrange(40) else _nested(chance, raw)


def _nested(chance: Random, raw: bytes) -> bytes:
    depth = chance.choice((50, 101, 1_000, 5_000))
    return chance.choice((b'{"a":' * depth, b"[" * depth, raw[:-1] + b',"x":' + b"[" * depth + b"]" * depth + b"}"))
