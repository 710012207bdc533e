"""Plays a conformance scenario (README.md beside this) through the Python client.

    python player.py SCENARIO ADDRESS [CA_FILE]

An API key is taken from TELWERK_API_KEY. Prints a line per step; ends with 1 if one went otherwise than told.
"""

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from building import UUID, event_of
from calls import CALLS, Call
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import Message
from sending import Sending

from telwerk import Telwerk
from telwerk.errors import TelwerkError

Json = Any
"""What `json` reads and writes."""

EVENTUALLY_SECONDS: Final = 60.0
EVENTUALLY_PAUSE_SECONDS: Final = 0.1


class WrongError(Exception):
    """A step went otherwise than told."""


class Player:
    """Plays steps, one after the other."""

    def __init__(self, connecting: Mapping[str, Any], scenario: Json) -> None:
        self._connecting = connecting
        self._telwerk = Telwerk(**connecting)
        self._volatile = frozenset(scenario["volatile"])
        self._sending = Sending()
        self._named: dict[str, Json] = dict(scenario.get("let", {}))

    def play_all(self, steps: Iterable[Json]) -> bool:
        """Whether all went as told."""
        ok = True
        for step in steps:
            try:
                self._play_until_right(step)
            except (WrongError, TelwerkError, ParseError) as wrong:
                print(f"FAILED {step['name']}\n{wrong}", flush=True)
                ok = False
            else:
                print(f"ok {step['name']}", flush=True)
        return ok

    def end(self) -> None:
        """Leaves nothing behind."""
        self._sending.end()

    def _play_until_right(self, step: Json) -> None:
        """Plays a step once, or again and again where it says that it holds eventually."""
        end = time.monotonic() + EVENTUALLY_SECONDS
        while step.get("eventually") and time.monotonic() < end:
            with suppress(WrongError):
                return self._play(step)
            time.sleep(EVENTUALLY_PAUSE_SECONDS)
        return self._play(step)

    def _play(self, step: Json) -> None:
        if "pause" in step:
            self._pause(step["pause"])
        elif "sender" in step:
            self._play_sender(step)
        elif "build" in step:
            self._play_build(step)
        else:
            self._play_call(step)

    @staticmethod
    def _pause(what: str) -> None:
        """Asks the one who plays to do something, and waits for a line that says that it is done."""
        print(f"pause {what}", flush=True)
        sys.stdin.readline()

    def _play_sender(self, step: Json) -> None:
        try:
            came = self._sending.play(self._telwerk, step)
        except TelwerkError as error:
            came = {"error": told(error)}
        if came.get("timeout"):
            raise WrongError("the flush took too long")
        for name in ("error", "tally", "rejected", "unsent"):
            if name in step or (name == "error" and name in came):
                self._equal(step.get(name), came.get(name))

    def _play_build(self, step: Json) -> None:
        """What has no id must have got one by chance."""
        for one, expected in zip(step["build"], step["events"], strict=True):
            got = MessageToDict(event_of(one))
            if "eventId" not in one and not UUID.fullmatch(got.pop("eventId")):
                raise WrongError("the event's id is no UUID by chance")
            self._equal(expected, got)

    def _play_call(self, step: Json) -> None:
        call = CALLS.get(step["call"])
        if call is None:
            raise WrongError(f"there is no call {step['call']}")
        try:
            self._compare_answers(step, call)
        except TelwerkError as error:
            if "error" not in step:
                raise
            expected = dict(step["error"])
            for said in expected.pop("says", []):
                if said not in str(error):
                    raise WrongError(f"expected {said!r} in {str(error)!r}") from error
            self._equal(expected, told(error))
        else:
            if "error" in step:
                raise WrongError(f"expected {step['error']}, got answers")

    def _compare_answers(self, step: Json, call: Call) -> None:
        expected = listed(step, "response", "responses")
        seen = 0
        for answer in self._answers(step, call):
            if seen == len(expected):
                raise WrongError(f"one answer too many: {answer}")
            self._compare(call.expected(expected[seen]), MessageToDict(answer), step.get("save", {}))
            seen += 1
            if "between" not in step:
                continue
            if seen == len(expected):
                return
            if not self.play_all(step["between"]):
                raise WrongError("what happens between the answers went wrong")
        if seen != len(expected):
            raise WrongError(f"{seen} answers came of {len(expected)}")

    def _answers(self, step: Json, call: Call) -> Iterator[Message]:
        requests = [ParseDict(self._filled(one), call.request()) for one in listed(step, "request", "requests")]
        if "timeoutMs" not in step:
            yield from call.run(self._telwerk, requests)
            return
        with Telwerk(**self._connecting, timeout_seconds=step["timeoutMs"] / 1_000) as hasty:
            yield from call.run(hasty, requests)

    def _filled(self, value: Json) -> Json:
        """The request with what has a name in the place of it."""
        if isinstance(value, dict):
            return {name: self._filled(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._filled(inner) for inner in value]
        return self._named[value[1:]] if isinstance(value, str) and value.startswith("$") else value

    def _compare(self, expected: Json, got: Json, save: Mapping[str, str]) -> None:
        for name, field in save.items():
            if field not in got:
                raise WrongError(f"there is no {field} to save")
            self._named[name] = got.pop(field)
        self._equal(self._lasting(expected), self._lasting(got))

    def _lasting(self, value: Json) -> Json:
        """The JSON without what differs from run to run."""
        if isinstance(value, dict):
            return {name: self._lasting(inner) for name, inner in value.items() if name not in self._volatile}
        return [self._lasting(inner) for inner in value] if isinstance(value, list) else value

    @staticmethod
    def _equal(expected: Json, got: Json) -> None:
        if expected != got:
            raise WrongError(f"  expected {json.dumps(expected)}\n  got      {json.dumps(got)}")


def listed(step: Json, one: str, several: str) -> list[Json]:
    """Of a step's field for one message and its field for several, whichever it has."""
    return [step[one]] if one in step else step.get(several, [])


def told(error: TelwerkError) -> Json:
    """The error as a scenario tells of it."""
    violations = getattr(error, "violations", ())
    return {"code": error.code.name, "reason": error.reason, "fields": [one.field for one in violations]}


def main(scenario: str, address: str, ca_file: str | None = None) -> int:
    """Plays all."""
    read = json.loads(Path(scenario).read_text(encoding="utf-8"))
    connecting = {"address": address, "tls": ca_file or False, "api_key": os.environ.get("TELWERK_API_KEY")}
    player = Player(connecting, read)
    try:
        return 0 if player.play_all(read["steps"]) else 1
    finally:
        player.end()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
