"""Simulated conversations as Chatwoot's API shows them, and a server that does.

The shapes follow the views of Chatwoot's public source: of conversations, messages, surveys and reporting events.
"""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from tests.bridges.days import AGENTS, START, Happening, State, iso

TOKEN: Final = "token-of-an-administrator"  # noqa: S105 - of tests
SURVEY: Final = 5
DELAY: Final = 3
"""Milliseconds from a change to the report and the note of it, which are made by a job of Chatwoot's queue."""

_TYPES: Final = {"contact": 0, "agent": 1, "campaign": 1, "bot": 1}


def past(story: Sequence[Happening], number: int, *, reports: bool = True) -> dict[str, Any]:
    """A conversation after its story: its line in an export."""
    state, told = State(), _Told(number)
    for index, one in enumerate(story):
        told.add(index, one, state)
        if one.what in vars(state):
            setattr(state, one.what, one.value)
        state.updated_at = one.at
    if state.answer:
        told.messages.append(_survey(state.answer, number))
    return json.loads(  # type: ignore[no-any-return]  # as JSON has it
        json.dumps(
            {
                "conversation": _conversation(state, number),
                "messages": told.messages,
                "csat_survey_responses": told.answers[:1] and [told.answers[0] | _last(state)],
                "reporting_events": told.reports if reports else [],
            }
        )
    )


class _Told:
    """What the API keeps beside the state."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.messages: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self.reports: list[dict[str, Any]] = []

    def add(self, index: int, one: Happening, before: State) -> None:
        match one.what:
            case "contact" | "agent" | "bot" | "campaign":
                self._message(1000 + index, one.at, _TYPES[one.what], sender=_sender(one.what))
                if one.what == "agent":
                    self._report("reply_time", one.at, before.assignee_id)
            case "answer":
                agent = before.assignee_id and {"id": before.assignee_id, "name": "PRIVATE"}
                self.answers.append(
                    {
                        "id": self._number,
                        "conversation_id": self._number,
                        "message_id": SURVEY,
                        "created_at": (one.at + DELAY) // 1000,
                        "contact": {"name": "PRIVATE"},
                        **({"assigned_agent": agent} if agent else {}),
                    }
                )
            case "status":
                activity = {"type": "conversation_status_changed", "status": one.value}
                self._note(index, one.at, {"activity": activity})
                if name := {"resolved": "conversation_resolved", "open": "conversation_opened"}.get(one.value):
                    self._report(name, one.at + DELAY, before.assignee_id)
            case _:
                self._note(index, one.at, {})

    def _message(self, number: int, at: int, kind: int, **fields: Any) -> None:
        shown = {"id": number, "conversation_id": self._number, "inbox_id": 1, "content": "PRIVATE", "private": False}
        content = {"content_type": "text", "content_attributes": {}, "message_type": kind, "created_at": at // 1000}
        self.messages.append(shown | content | {name: value for name, value in fields.items() if value is not None})

    def _note(self, index: int, at: int, attributes: dict[str, Any]) -> None:
        self._message(2000 + index, at + DELAY, 2, content="PRIVATE heeft dit gewijzigd", content_attributes=attributes)

    def _report(self, name: str, at: int, agent: int | None) -> None:
        shown = {"id": at, "name": name, "value": 1.0, "conversation_id": self._number + 4000, "inbox_id": 1}
        self.reports.append(shown | {"event_start_time": iso(START), "event_end_time": iso(at), "user_id": agent})


def _sender(what: str) -> dict[str, Any]:
    known = {"contact": {"id": 3, "type": "contact"}, "bot": {"id": 4, "type": "agent_bot"}}
    return {"name": "PRIVATE", **known.get(what, {"id": 7, "type": "user"})}


def _survey(answer: tuple[int, bool], number: int) -> dict[str, Any]:
    given = {"rating": answer[0], "feedback_message": "PRIVATE" if answer[1] else ""}
    shown = {"id": SURVEY, "conversation_id": number, "inbox_id": 1, "message_type": 3, "private": False}
    content = {
        "content_type": "input_csat",
        "content_attributes": {"submitted_values": {"csat_survey_response": given}},
    }
    return shown | content | {"created_at": START // 1000, "content": "PRIVATE"}


def _last(state: State) -> dict[str, Any]:
    assert state.answer
    return {"rating": state.answer[0], "feedback_message": "PRIVATE" if state.answer[1] else None}


def _conversation(state: State, number: int) -> dict[str, Any]:
    agent = state.assignee_id
    meta: dict[str, Any] = {"sender": {"name": "PRIVATE"}, "channel": "Channel::WebWidget", "hmac_verified": False}
    if agent:
        meta["assignee"] = {"id": agent, "name": "PRIVATE", "availability_status": AGENTS[agent]}
    if state.team_id:
        meta["team"] = {"id": state.team_id, "name": "PRIVATE"}
    return {
        "meta": meta,
        "id": number,
        "messages": [{"id": 1, "content": "PRIVATE"}],
        "inbox_id": 1,
        "labels": list(state.label_list),
        "status": state.status,
        "created_at": START // 1000,
        "updated_at": state.updated_at / 1000,
        "timestamp": state.updated_at // 1000,
    }


Answer = tuple[int, dict[str, str], object]
"""Status, headers, and content: bytes as they are, else as JSON."""


class Chatwoot:
    """Serves the API of account 1. `before` may answer in its place, by the path and the number of the request."""

    def __init__(self, pasts: Sequence[dict[str, Any]]) -> None:
        self.pasts = list(pasts)
        self.paths: list[str] = []
        self.before: Callable[[str, int], Answer | None] = lambda *_: None
        self.url = ""

    def answer(self, target: str, token: str | None) -> Answer:
        self.paths.append(target)
        path, asked = urlsplit(target).path, {name: one[0] for name, one in parse_qs(urlsplit(target).query).items()}
        if found := self.before(target, len(self.paths)):
            return found
        if token != TOKEN:
            return 401, {}, {"error": "You need to sign in or sign up before continuing."}
        return 200, {}, self._content(path.removeprefix("/api/v1/accounts/1/"), asked)

    def _content(self, path: str, asked: dict[str, str]) -> object:
        first = 25 * (int(asked.get("page", "1")) - 1)
        if path == "conversations":
            shown = [one["conversation"] for one in self.pasts]
            assert (asked["status"], asked["sort_by"]) == ("all", "created_at_asc")
            return {"data": {"meta": {"all_count": len(shown)}, "payload": shown[first : first + 25]}}
        if path == "csat_survey_responses":
            return [answer for one in self.pasts for answer in one["csat_survey_responses"]][first : first + 25]
        _, number, what = path.split("/")
        [one] = [one for one in self.pasts if one["conversation"]["id"] == int(number)]
        if what == "reporting_events":
            return one["reporting_events"]
        older = [message for message in one["messages"] if message["id"] < int(asked.get("before", 10**9))]
        return {"meta": {}, "payload": sorted(older, key=lambda message: message["id"])[-20:]}


@contextmanager
def serving_chatwoot(pasts: Sequence[dict[str, Any]]) -> Iterator[Chatwoot]:
    """On a free port of loopback."""
    chatwoot = Chatwoot(pasts)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, headers, content = chatwoot.answer(self.path, self.headers.get("api_access_token"))
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        chatwoot.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield chatwoot
        finally:
            server.shutdown()
            thread.join()
