"""Fields of messages as bytes, in any form that protobuf reads."""


def varint(number: int, longer: int = 0) -> bytes:
    """A number, by so many bytes longer than it need be."""
    out = bytearray()
    while number >= 0x80 or longer:
        out.append(number & 0x7F | 0x80)
        longer -= number < 0x80
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number: int, content: bytes, longer: int = 0) -> bytes:
    return varint(number << 3 | 2, longer) + varint(len(content), longer) + content
