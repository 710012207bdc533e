"""The messages between a server and its writer process: commands to it, results or failures back.

They are one program, and nobody else can reach the socket between them, so messages are pickled: what is sent is
values of this program's own classes. Classes of the domain and the application do not know of it; those that pickle
would take apart too slowly are written here as larger pieces.
"""

import copyreg
import pickle
from collections.abc import Callable
from io import BytesIO
from typing import Any, TypeVar

import msgspec

from telwerkd.application.batches import Batch, Submitted
from telwerkd.domain.conversation.events import Event, PostChatSurveyAnswered, PreChatSurveyCompleted, SurveyAnswer
from telwerkd.domain.time.opening_hours import Schedule, schedule_bytes, schedule_from

S = TypeVar("S", PreChatSurveyCompleted, PostChatSurveyAnswered)


def packed(message: object) -> bytes:
    """Returns a message as bytes."""
    pickled = BytesIO()
    _Pickler(pickled, pickle.HIGHEST_PROTOCOL).dump(message)
    return pickled.getvalue()


def unpacked(message: bytes) -> Any:
    """Returns what `packed` was given, in whichever of the two processes."""
    return pickle.loads(message)  # noqa: S301  # of this program


# --- Batches: by columns, which takes 0.5 µs an event both ways instead of 1.1 ----------------------------------------
#
# Without `Event.schedule`, which no submitted event has: the writer looks it up (`Widgets.resolve`). And without
# `Batch.weights`, by which only the server divides batches into transactions (`Pending`).


def _reduced_batch(batch: Batch) -> tuple[Callable[..., Batch], tuple[list[object], ...]]:
    events = [submitted.event for submitted in batch]
    return _batch, (
        [submitted.conversation for submitted in batch],
        [submitted.url for submitted in batch],
        [event.event_id for event in events],
        [event.occur_time for event in events],
        [event.sequence for event in events],
        [event.widget_id for event in events],
        [event.kind for event in events],
    )


def _batch(conversations: list[Any], urls: list[str | None], *columns_of_events: list[Any]) -> Batch:
    return Batch(map(Submitted, conversations, map(Event, *columns_of_events), urls))


# --- Surveys: their answers as one piece of bytes, in a tenth of the time ---------------------------------------------
#
# Each answer by itself takes a microsecond and an object of the garbage collector, and there may be half a million.

_answers_bytes = msgspec.msgpack.Encoder().encode
_answers_of = msgspec.msgpack.Decoder(tuple[SurveyAnswer, ...]).decode


def _reduced_survey(survey: S) -> tuple[Callable[..., S], tuple[type[S], bytes]]:
    return _survey, (type(survey), _answers_bytes(survey.answers))


def _survey(kind: type[S], answers: bytes) -> S:
    return kind(_answers_of(answers))


# --- Opening hours: as one text, for stretch by stretch thousands of them hold the event loop for 15 ms ---------------


def _reduced_schedule(schedule: Schedule) -> tuple[Callable[[bytes], Schedule], tuple[bytes]]:
    return schedule_from, (schedule_bytes(schedule),)


class _Pickler(pickle.Pickler):
    dispatch_table = copyreg.dispatch_table | {
        Batch: _reduced_batch,
        PreChatSurveyCompleted: _reduced_survey,
        PostChatSurveyAnswered: _reduced_survey,
        Schedule: _reduced_schedule,
    }
