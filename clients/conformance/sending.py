"""The steps of a scenario that are about an `EventSender`."""

from contextlib import suppress
from typing import Any

from building import event_of

from telwerk import EventSender, Telwerk
from telwerk.errors import TelwerkError
from telwerk.outbox import Limits
from telwerk.sending import BufferFullError, NotSentError, SenderClosedError
from telwerk.v1.event_pb2 import Event
from telwerk.v1.ingestion_service_pb2 import Rejection

FLUSH_SECONDS = 60.0
WHEN_FULL: dict[str, Any] = {"block": "block", "fail": "raise"}


class Sending:
    """The one sender of a run."""

    def __init__(self) -> None:
        self._sender: EventSender | None = None
        self._told: list[dict[str, str]] = []

    def play(self, telwerk: Telwerk, step: Any) -> dict[str, Any]:
        """Does what the step says; what came of it, under the names of what the step may expect."""
        if step["sender"] == "open":
            self._open(telwerk, step)
            return {}
        sender = self._sender
        if sender is None:
            raise LookupError("no sender is open")
        came: dict[str, Any] = {"unsent": [], "timeout": False}
        try:
            match step["sender"]:
                case "add":
                    for told in step["build"]:
                        sender.add(event_of(told))
                case "flush":
                    came["timeout"] = not sender.flush(FLUSH_SECONDS)
                case "close":
                    sender.close(step.get("timeoutMs", 60_000) / 1_000)
        except BufferFullError:
            came["error"] = {"code": "BUFFER_FULL", "reason": "", "fields": []}
        except SenderClosedError:
            came["error"] = {"code": "CLOSED", "reason": "", "fields": []}
        except NotSentError as left:
            came["unsent"] = sorted(event.event_id for event in left.events)
        tally = sender.tally
        came["tally"] = {"taken": tally.accepted_count + tally.duplicate_count, "rejected": tally.rejected_count}
        came["rejected"] = sorted(self._told, key=lambda told: told["eventId"])
        return came

    def end(self) -> None:
        """Ends it, whatever is left in it."""
        if self._sender is not None:
            with suppress(NotSentError, TelwerkError):
                self._sender.close(0)

    def _open(self, telwerk: Telwerk, step: Any) -> None:
        given = dict(step.get("options", {}))
        options: dict[str, Any] = {"when_full": WHEN_FULL[given.pop("whenFull", "block")]}
        if "calls" in given:
            options["calls"] = given.pop("calls")
        names = {
            "batchEvents": "batch_events",
            "batchBytes": "batch_bytes",
            "bufferEvents": "buffer_events",
            "bufferBytes": "buffer_bytes",
        }
        limits: dict[str, Any] = {names[name]: value for name, value in given.items() if name != "lingerMs"}
        if "lingerMs" in given:
            limits["linger_seconds"] = given["lingerMs"] / 1_000
        self._told = []
        self._sender = EventSender(
            telwerk, step["accountId"], limits=Limits(**limits), on_rejected=self._tell, **options
        )

    def _tell(self, event: Event, rejection: Rejection) -> None:
        self._told.append({"eventId": event.event_id, "reason": rejection.reason, "field": rejection.field})
