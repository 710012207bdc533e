"""A bridge as its users run it, and deliveries as Chatwoot sends them."""

import hashlib
import hmac
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from telwerk.v1.event_pb2 import Event
from telwerk_bridges.chatwoot import Chatwoot
from telwerk_bridges.memory import take
from telwerk_bridges.payload import Node
from telwerk_bridges.platform import Platform
from telwerk_bridges.story import Story

FIXTURES = sorted((Path(__file__).parent / "fixtures" / "chatwoot").glob("*.json"))
SECRET = "secret"  # noqa: S105 - of tests
WAIT_SECONDS = 60.0
"""Nothing takes as long, however busy the machine is."""


class BridgeProcess:
    """A `telwerk-bridge serve` of its own."""

    def __init__(self, url: str, process: "subprocess.Popen[str]", log: Path) -> None:
        self.url = url
        self.process = process
        self._log = log

    def log(self) -> str:
        return self._log.read_text()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=30)


def environment_of(address: str, inbox: Path, **settings: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TELWERK_")}
    given = {
        "TELWERK_ADDRESS": address,
        "TELWERK_ACCOUNT": "acme",
        "TELWERK_BRIDGE_CHATWOOT_SECRET": SECRET,
        "TELWERK_BRIDGE_INBOX": str(inbox),
    }
    return inherited | given | settings


def command(
    *arguments: str, address: str = "127.0.0.1:1", inbox: Path, **settings: str
) -> "subprocess.CompletedProcess[str]":
    """`telwerk-bridge`, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "telwerk_bridges.cli", *arguments],
        env=environment_of(address, inbox, **settings),
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
    )


@contextmanager
def bridge(address: str, inbox: Path, **settings: str) -> Iterator[BridgeProcess]:
    """`telwerk-bridge serve` on a free port."""
    log = inbox.with_suffix(f".{time.monotonic_ns()}.log")
    with log.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "telwerk_bridges.cli", "serve", "--port", "0"],
            stderr=stream,
            text=True,
            env=environment_of(address, inbox, **settings),
        )
    try:
        deadline = time.monotonic() + WAIT_SECONDS
        while not (found := re.search(r"running on (http://[\d.:]+)", log.read_text())):
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"the bridge did not start: {log.read_text()}")
            time.sleep(0.02)
        yield BridgeProcess(found[1], process, log)
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(timeout=30)


def signed(body: bytes, timestamp: str, secret: str = SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"x-chatwoot-signature": f"sha256={digest}", "x-chatwoot-timestamp": timestamp}


def deliver(
    url: str, body: bytes, headers: dict[str, str] | None = None, *, path: str = "/chatwoot", secret: str = SECRET
) -> tuple[int, dict[str, Any]]:
    """Sends as Chatwoot does; the status and the answer."""
    proof = signed(body, f"{time.time():.0f}", secret) if headers is None else headers
    request = urllib.request.Request(f"{url}{path}", body, {"content-type": "application/json", **proof})  # noqa: S310 - of loopback
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - of loopback
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def text_of(url: str, path: str) -> tuple[int, str]:
    """What a GET is answered with."""
    try:
        with urllib.request.urlopen(f"{url}{path}", timeout=30) as answer:  # noqa: S310 - of loopback
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def settled(url: str) -> None:
    """Returns once Telwerk has answered everything."""
    eventually_true(lambda: not json.loads(text_of(url, "/health")[1])["waiting_events"])


def eventually_true(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail("it never came to hold")
        time.sleep(0.02)


class Translator:
    """What deliveries mean, one after the other, without a bridge around it; of Chatwoot unless told otherwise."""

    def __init__(self, platform: Platform | None = None, **options: Any) -> None:
        self._platform = platform or Chatwoot(SECRET, **options)
        self._kept: dict[str, str] = {}

    def __call__(self, payload: object, received_at: int = 0) -> list[Event]:
        told = self._platform.read(Node(payload), received_at)
        if told is None:
            return []
        try:
            take(self, told).send(None)
        except StopIteration as stopped:
            events: list[Event] = stopped.value
            return events
        raise AssertionError("this shelf waits for nothing")

    async def read(self, name: str) -> str | None:
        return self._kept.get(name)

    async def write(self, name: str, text: str) -> None:
        self._kept[name] = text

    def kept(self) -> str:
        """All that is remembered of the conversations."""
        return json.dumps(self._kept)

    def standing(self) -> dict[str, list[str]]:
        """By conversation, the events that stand, without how often they were taken back."""
        stories = {name: Story.from_json(name, text) for name, text in self._kept.items()}
        return {
            name: sorted(event for event, (standing, _, _) in story.said.items() if standing == "stands")
            for name, story in stories.items()
        }


def expanded(value: Any) -> Any:
    """`{"$repeat": [text, n]}` stands for that text n times."""
    if isinstance(value, dict):
        if set(value) == {"$repeat"}:
            text, count = value["$repeat"]
            return text * count
        return {name: expanded(one) for name, one in value.items()}
    return [expanded(one) for one in value] if isinstance(value, list) else value
