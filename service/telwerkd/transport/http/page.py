"""The web page: serves its files from memory.

Only files found at the start are served, so no path leads out of the folder. The page has no data of its own: it calls
the API with the key of its user.
"""

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

import grpc

from telwerkd.transport.http.compression import weight
from telwerkd.transport.http.exchange import Exchange, Headers
from telwerkd.transport.http.responses import refuse

BUILT: Final = Path(__file__).parents[2] / "page"
"""Where the page's build puts it, and where a wheel has it."""

_INDEX, _ASSETS = "index.html", "assets"
_BYTES_MAX: Final = 8 * 2**20
"""Maximal size of all files together, compressed ones included."""
_PIECE_BYTES: Final = 65_536
_CODINGS: Final = {"br": ".br", "gzip": ".gz"}
"""What a file may lie beside itself compressed by, the smallest first."""
_TYPES: Final = {
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".svg": b"image/svg+xml",
    ".png": b"image/png",
    ".ico": b"image/x-icon",
    ".woff2": b"font/woff2",
    ".txt": b"text/plain; charset=utf-8",
}
_HASHED: Final = re.compile(r".+-[0-9A-Za-z_]{8,}\.\w+")
"""A name that changes with the content."""
_FOR_EVER: Final = b"public, max-age=31536000, immutable"
_ASK_AGAIN: Final = b"no-cache"

_POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    b"font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_NOT_NEEDED: Final = (
    *("accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer"),
    *("microphone", "midi", "payment", "usb"),
)
_STRICT: Final[Headers] = [
    (b"content-security-policy", _POLICY),
    (b"x-frame-options", b"DENY"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", ", ".join(f"{feature}=()" for feature in _NOT_NEEDED).encode()),
]
"""What a browser keeps the page to: its own files, this server, and no frame around it."""

_CALLS: Final = 'Calls: POST /telwerk.v1.KpiService/QueryTotals and the like, as JSON (see the README, "Over HTTP").\n'
NOT_BUILT: Final = (
    "the page was not built: `make page` builds it (needs node with npm), then start the server again; everything else "
    "works without"
)


class PageError(Exception):
    """The files cannot be served as the page; the text says why."""


@dataclass(frozen=True)
class _Version:
    """One representation of a file: plain, or compressed."""

    coding: str | None
    body: bytes
    tag: bytes = field(init=False)
    """Strong, hence of the bytes that are sent."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "tag", b'"' + sha256(self.body).hexdigest()[:32].encode() + b'"')


@dataclass(frozen=True)
class _File:
    content_type: bytes
    cache_control: bytes
    versions: tuple[_Version, ...]
    """The smallest first; the last is the plain one."""

    def version(self, accepted: str | None) -> _Version:
        """Returns the representation that a client prefers, of equal ones the smaller; else the plain one."""
        plain = self.versions[-1]
        best = max(self.versions, key=lambda one: weight(one.coding or "identity", accepted))
        return best if weight(best.coding or "identity", accepted) else plain


class Page:
    """Serves the page's files by their paths; a client that reads nothing is disconnected after `stall_seconds`."""

    def __init__(self, files: Mapping[str, _File], stall_seconds: float) -> None:
        self._files = files
        self._stall_seconds = stall_seconds

    @classmethod
    def read(cls, folder: Path, stall_seconds: float) -> "Page":
        """Returns the page of a folder; without one, a text page that says that the page was not built.

        Raises:
            PageError: the files exceed the limit in bytes.
        """
        if not is_built(folder):
            return cls.of_text(f"Telwerk. {NOT_BUILT[0].upper()}{NOT_BUILT[1:]}.\n{_CALLS}", stall_seconds)
        contents = _contents(folder)
        files = {
            "/" if name == _INDEX else f"/{name}": _file(name, contents)
            for name in contents
            if Path(name).suffix in _TYPES
        }
        return cls(files, stall_seconds)

    @classmethod
    def none(cls, stall_seconds: float) -> "Page":
        """Returns the text page of a server without the web page, which names the calls' address."""
        return cls.of_text(f"Telwerk. {_CALLS}", stall_seconds)

    @classmethod
    def of_text(cls, text: str, stall_seconds: float) -> "Page":
        """Returns a page of one plain text."""
        return cls({"/": _File(_TYPES[".txt"], _ASK_AGAIN, (_Version(None, text.encode()),))}, stall_seconds)

    def has(self, path: str) -> bool:
        """Whether there is a file under the path."""
        return path in self._files

    async def answer(self, exchange: Exchange) -> None:
        """Answers a request for one of the page's files."""
        if exchange.method not in {"GET", "HEAD"}:
            text = f"{exchange.path} is read by GET"
            await refuse(exchange, 405, grpc.StatusCode.UNIMPLEMENTED, text, [(b"allow", b"GET, HEAD")])
            return
        file = self._files[exchange.path]
        version = file.version(exchange.header("accept-encoding"))
        replaced = {b"cache-control", *(name for name, _ in _STRICT)}
        exchange.common = [one for one in exchange.common if one[0] not in replaced] + [
            *_STRICT,
            (b"cache-control", file.cache_control),
            (b"etag", version.tag),
            (b"vary", b"accept-encoding"),
        ]
        if _is_known(version.tag, exchange.header("if-none-match")):
            await exchange.start(304, [])
            await exchange.finish()
            return
        headers = [(b"content-type", file.content_type), (b"content-length", str(len(version.body)).encode())]
        if version.coding is not None:
            headers.append((b"content-encoding", version.coding.encode()))
        await self._send(exchange, headers, version.body)

    async def _send(self, exchange: Exchange, headers: Headers, body: bytes) -> None:
        await exchange.start(200, headers)
        try:
            for piece in _pieces(body):
                async with asyncio.timeout(self._stall_seconds):
                    await exchange.write(piece)
        except TimeoutError:
            # As if the reader had gone: its connection is cut.
            raise asyncio.CancelledError from None
        await exchange.finish()


def is_built(folder: Path) -> bool:
    """Whether the folder has a page."""
    return (folder / _INDEX).is_file()


def _contents(folder: Path) -> dict[str, bytes]:
    """Returns the files of the folder and of its assets, by their names from there."""
    contents: dict[str, bytes] = {}
    room = _BYTES_MAX
    for path in sorted([*folder.iterdir(), *folder.glob(f"{_ASSETS}/*")]):
        if path.is_file():
            room -= path.stat().st_size
            if room < 0:
                raise PageError(f"the page in {folder} has more than {_BYTES_MAX} bytes")
            contents[path.relative_to(folder).as_posix()] = path.read_bytes()
    return contents


def _file(name: str, contents: Mapping[str, bytes]) -> _File:
    versions = [
        _Version(coding, contents[name + ending]) for coding, ending in _CODINGS.items() if name + ending in contents
    ]
    is_hashed = name.startswith(f"{_ASSETS}/") and _HASHED.fullmatch(name) is not None
    kept = _FOR_EVER if is_hashed else _ASK_AGAIN
    return _File(_TYPES[Path(name).suffix], kept, (*versions, _Version(None, contents[name])))


def _is_known(tag: bytes, known: str | None) -> bool:
    """Whether a client has the version already, by its `If-None-Match`."""
    if known is None:
        return False
    tags = {one.strip().removeprefix("W/") for one in known.split(",")}
    return "*" in tags or tag.decode() in tags


def _pieces(body: bytes) -> Iterator[memoryview]:
    for start in range(0, len(body), _PIECE_BYTES):
        yield memoryview(body)[start : start + _PIECE_BYTES]
