"""Chatwoot's API, read only: pages of conversations, messages, satisfaction surveys and reporting events.

Follows Chatwoot's API reference (https://developers.chatwoot.com/api-reference/introduction). Chatwoot bounds requests
per minute and answers 429 beyond: the request waits as long as the answer says, or a minute, and is made again. So it
is, with growing pauses, while Chatwoot cannot be reached or fails.
"""

import asyncio
import email.utils
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final, NamedTuple, Self

import httpx2

from telwerk_bridges.payload import Node
from telwerk_bridges.progress import HistoryError

MESSAGES_PER_PAGE: Final = 20
"""As the API reference says; fewer are the oldest."""

BODY_BYTES_MAX: Final = 2**26
"""Of an answer."""

TRIES_MAX: Final = 10
"""Of a request, until Chatwoot is said to be out of reach."""

_TIMEOUT_SECONDS: Final = 30.0
_PAUSE_SECONDS: Final = 1.0
_PAUSE_SECONDS_MAX: Final = 60.0
_ASKED_SECONDS_MAX: Final = 600.0
_OK, _ABSENT, _TOO_MANY, _SERVER_ERROR = 200, 404, 429, 500
_REFUSED: Final = frozenset({401, 403})
_DIRECT: Final = ("all://localhost", "all://127.0.0.1", "all://[::1]")


class RefusedError(HistoryError):
    """The token may not read this."""


class AbsentError(HistoryError):
    """Chatwoot has no such thing."""


class ConversationPage(NamedTuple):
    """A page of conversations; `all_count` is how many there are on all pages."""

    number: int
    conversations: list[Node]
    all_count: int


class ChatwootApi:
    """One account of a Chatwoot, as its administrator sees it. `notice` is told of pauses."""

    def __init__(self, client: httpx2.AsyncClient, account: int, notice: Callable[[str], None]) -> None:
        self._client = client
        self._account = account
        self._notice = notice
        self._has_reports = True

    @classmethod
    @asynccontextmanager
    async def opened(cls, url: str, token: str, account: int, notice: Callable[[str], None]) -> AsyncIterator[Self]:
        """The API of the Chatwoot at that address.

        Raises:
            HistoryError: the address is none.
        """
        if not _is_address(url):
            raise HistoryError(f"{url} is no address of a Chatwoot, such as https://chatwoot.example")
        # Loopback is never reached through a proxy.
        client = httpx2.AsyncClient(
            base_url=url,
            headers={"api_access_token": token, "accept": "application/json"},
            timeout=_TIMEOUT_SECONDS,
            mounts=dict.fromkeys(_DIRECT),
        )
        async with client:
            yield cls(client, account, notice)

    async def conversations(self, first_page: int) -> AsyncIterator[ConversationPage]:
        """All of them, the oldest first, so that new ones move no page."""
        parameters = {"status": "all", "assignee_type": "all", "sort_by": "created_at_asc"}
        before: list[object] = []
        number = first_page
        while True:
            found = (await self._get("conversations", page=number, **parameters))["data"]
            page = list(found["payload"].items())
            ids = [one["id"].value for one in page]
            if not page or ids == before:
                return
            yield ConversationPage(number, page, found["meta"]["all_count"].number())
            before, number = ids, number + 1

    async def answers(self, first_page: int) -> AsyncIterator[tuple[int, list[Node]]]:
        """The answers of all satisfaction surveys, in pages, the oldest first."""
        before: list[object] = []
        number = first_page
        while True:
            page = list((await self._get("csat_survey_responses", page=number, sort="created_at")).items())
            ids = [one["id"].value for one in page]
            if not page or ids == before:
                return
            yield number, page
            before, number = ids, number + 1

    async def messages(self, conversation: int) -> list[Node]:
        """All messages of a conversation; pages go backwards."""
        found: dict[int, Node] = {}
        cursor: dict[str, int] = {}
        while True:
            answer = await self._get(f"conversations/{conversation}/messages", **cursor)
            page = {one["id"].number(): one for one in answer["payload"].items()}
            is_new = not page.keys() <= found.keys()
            found |= page
            if len(page) < MESSAGES_PER_PAGE or not is_new:
                return list(found.values())
            cursor = {"before": min(page)}

    async def reports(self, conversation: int) -> list[Node]:
        """The reporting events of a conversation; none where this Chatwoot does not show them."""
        if not self._has_reports:
            return []
        try:
            return list((await self._get(f"conversations/{conversation}/reporting_events")).items())
        except (AbsentError, RefusedError):
            self._notice("this Chatwoot shows no reporting events: fewer instants are known")
            self._has_reports = False
            return []

    async def _get(self, path: str, **parameters: str | int) -> Node:
        path = f"/api/v1/accounts/{self._account}/{path}"
        for tried in range(1, TRIES_MAX + 1):
            pause = min(_PAUSE_SECONDS * 2 ** (tried - 1), _PAUSE_SECONDS_MAX)
            try:
                status, headers, body = await self._request(path, parameters)
            except httpx2.RequestError as error:
                reason = f"cannot be reached: {error or type(error).__name__}"
            else:
                if status == _OK:
                    return _json(path, body)
                if status != _TOO_MANY and status < _SERVER_ERROR:
                    raise _refusal(status, path)
                reason = f"answers {status}"
                asked = _asked_seconds(headers)
                pause = asked if asked is not None else _PAUSE_SECONDS_MAX if status == _TOO_MANY else pause
            if tried < TRIES_MAX:
                self._notice(f"Chatwoot {reason}; the next try is in {pause:.0f} s")
                await asyncio.sleep(pause)
        raise HistoryError(f"Chatwoot {reason} ({TRIES_MAX} tries, TRIES_MAX): the same command goes on from here")

    async def _request(self, path: str, parameters: Mapping[str, str | int]) -> tuple[int, Mapping[str, str], bytes]:
        async with self._client.stream("GET", path, params=dict(parameters)) as answer:
            body = bytearray()
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > BODY_BYTES_MAX:
                    raise HistoryError(f"{path} answers with more than {BODY_BYTES_MAX} bytes (BODY_BYTES_MAX)")
            return answer.status_code, answer.headers, bytes(body)


def _is_address(url: str) -> bool:
    try:
        address = httpx2.URL(url)
    except httpx2.InvalidURL:
        return False
    return address.scheme in {"http", "https"} and bool(address.host)


def _json(path: str, body: bytes) -> Node:
    try:
        return Node(json.loads(body), path)
    except (ValueError, RecursionError) as error:
        raise HistoryError(f"{path} answers with no JSON: is this the address of a Chatwoot?") from error


def _refusal(status: int, path: str) -> HistoryError:
    if status in _REFUSED:
        return RefusedError(f"Chatwoot answers {status} for {path}: the token of an administrator is needed")
    if status == _ABSENT:
        return AbsentError(f"Chatwoot answers {status} for {path}: is there such an account at this address?")
    return HistoryError(f"Chatwoot answers {status} for {path}")


def _asked_seconds(headers: Mapping[str, str]) -> float | None:
    """How long the answer asks to wait: seconds, or until a date."""
    asked = headers.get("retry-after", "").strip()
    if asked.isdecimal():
        return min(float(asked), _ASKED_SECONDS_MAX)
    try:
        until = email.utils.parsedate_to_datetime(asked).timestamp()
    except ValueError:
        return None
    return min(max(until - time.time(), 0.0), _ASKED_SECONDS_MAX)
