"""`telwerk import`: sends a file of events, and says of every line that was refused why.

Batches are sent several at a time and judged in the file's order. Event ids make it safe to repeat: after a break the
same command again counts nothing twice.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TimeRemainingColumn, TransferSpeedColumn

from telwerk.cli.answers import print_record
from telwerk.cli.lines import Batch, Refusal, Source, batches, opened
from telwerk.cli.options import EXIT_INPUT_REFUSED, Account, Output, OutputOption, connect, err, say
from telwerk.client import Telwerk
from telwerk.errors import DeadlineExceededError, TelwerkError, UnavailableError, UnreachableError
from telwerk.v1.ingestion_service_pb2 import IngestEventsResponse, Rejection

_BACKOFF_SECONDS_FIRST = 0.5
_BACKOFF_SECONDS_MAX = 10.0


def import_events(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines, plain or gzip; `-` is standard input.")],
    *,
    account: Account,
    batch: Annotated[int, typer.Option(help="The number of events in one call.", min=1)] = 1_000,
    calls: Annotated[int, typer.Option(help="The number of concurrent calls.", min=1, max=64)] = 4,
    patience: Annotated[
        float, typer.Option(help="How long to retry, in seconds, if a server that answered before is down.", min=0)
    ] = 60.0,
    output: OutputOption = Output.TABLE,
) -> None:
    """Send a file of events to the server.

    Each line of the file is the JSON of one telwerk.v1.Event. Safe to repeat: events that were sent before are reported
    as duplicates, and count once. A rejected line is reported with its number, and the import goes on; at the end it
    exits with 1.
    """
    name = "<stdin>" if str(file) == "-" else str(file)
    tally = Tally(name)
    try:
        with opened(file) as source, connect(ctx) as telwerk, _progress(source) as advance:
            for sent, response in Sender(telwerk, account, patience).send_all(batches(source.stream, batch), calls):
                tally.add(sent, response)
                advance()
    except OSError as error:
        raise typer.BadParameter(f"{name}: {error.strerror or error}", param_hint="FILE") from None
    except (TelwerkError, KeyboardInterrupt):
        if tally.line_last:
            say(f"{name}: stopped; all up to line {tally.line_last:,} is done, of the rest a part. Repeating is safe.")
        raise
    print_record(tally.record(), output, tally.summary())
    if tally.refused:
        raise typer.Exit(EXIT_INPUT_REFUSED)


class Tally:
    """What became of the lines so far."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._begin = time.monotonic()
        self._accepted = self._duplicate = self._rejected = self._broken = 0
        self.line_last = 0

    @property
    def refused(self) -> bool:
        """Whether any line was."""
        return bool(self._rejected or self._broken)

    def add(self, batch: Batch, response: IngestEventsResponse) -> None:
        """Counts a batch, and reports its refused lines in order."""
        rejected = [Refusal(batch.lines[rejection.index], _said(rejection)) for rejection in response.rejections]
        for refusal in sorted(batch.broken + rejected):
            say(f"{self._name}:{refusal.line}: {refusal.message}")
        self._accepted += response.accepted_count
        self._duplicate += response.duplicate_count
        self._rejected += len(rejected)
        self._broken += len(batch.broken)
        self.line_last = batch.line_last

    def record(self) -> dict[str, int]:
        """The figures, for programs."""
        return {"lines": self.line_last, **{name.replace(" ", "_"): count for name, count in self._counts().items()}}

    def _counts(self) -> dict[str, int]:
        return {
            "accepted": self._accepted,
            "duplicate": self._duplicate,
            "rejected": self._rejected,
            "broken lines": self._broken,
        }

    def summary(self) -> str:
        """The figures, for people."""
        seconds = time.monotonic() - self._begin
        rate = (self._accepted + self._duplicate + self._rejected) / max(seconds, 1e-6)
        rows = self._counts()
        width = max(len(f"{number:,}") for number in rows.values())
        head = f"{self._name}: {self.line_last:,} lines in {seconds:.1f} s, {rate:,.0f} events/s"
        return "\n".join([head, *(f"  {name:<12}  {number:>{width},}" for name, number in rows.items())])


class Sender:
    """Sends batches of one account, several at a time, and waits for a server that is away for a while.

    A server that never answered is not waited for: it is rather the address that is wrong.
    """

    def __init__(self, telwerk: Telwerk, account: str, patience_seconds: float) -> None:
        self._telwerk = telwerk
        self._account = account
        self._patience_seconds = patience_seconds
        self._answered = False
        self._stopping = threading.Event()

    def send_all(self, sending: Iterator[Batch], calls: int) -> Iterator[tuple[Batch, IngestEventsResponse]]:
        """Each batch with its answer, in order. At most `calls` are on their way, and as many more held.

        Raises:
            TelwerkError: a call failed for good; nothing is said of its batch or of later ones.
        """
        with ThreadPoolExecutor(calls) as pool:
            waiting: deque[tuple[Batch, Future[IngestEventsResponse]]] = deque()
            try:
                for batch in sending:
                    waiting.append((batch, pool.submit(self._send, batch)))
                    while len(waiting) >= 2 * calls or (waiting and waiting[0][1].done()):
                        yield _answered(waiting)
                while waiting:
                    yield _answered(waiting)
            finally:
                self._stopping.set()
                pool.shutdown(wait=False, cancel_futures=True)

    def _send(self, batch: Batch) -> IngestEventsResponse:
        if not batch.events:
            return IngestEventsResponse()
        give_up = time.monotonic() + self._patience_seconds
        backoff_seconds = _BACKOFF_SECONDS_FIRST
        while True:
            try:
                response = self._telwerk.ingest(self._account, batch.events)
            except (UnavailableError, DeadlineExceededError) as error:
                if isinstance(error, UnreachableError) and not self._answered:
                    raise
                asked_seconds = (error.retry_after_seconds if isinstance(error, UnavailableError) else None) or 0.0
                pause_seconds = max(backoff_seconds, asked_seconds)
                if time.monotonic() + pause_seconds > give_up or self._stopping.wait(pause_seconds):
                    raise
                backoff_seconds = min(2 * backoff_seconds, _BACKOFF_SECONDS_MAX)
            else:
                self._answered = True
                return response


def _answered(waiting: "deque[tuple[Batch, Future[IngestEventsResponse]]]") -> tuple[Batch, IngestEventsResponse]:
    """The first of those that wait, once it has its answer."""
    batch, future = waiting.popleft()
    return batch, future.result()


def _said(rejection: Rejection) -> str:
    """The rejection for people: the constant first, so that reports can be sorted by it."""
    named = not rejection.field or rejection.message.startswith(rejection.field)
    return f"{rejection.reason} {rejection.message if named else f'{rejection.field}: {rejection.message}'}"


@contextmanager
def _progress(source: Source) -> Iterator[Callable[[], None]]:
    """A bar on a terminal, moved on by calling what is yielded; elsewhere nothing."""
    columns = (SpinnerColumn(), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("", total=source.bytes_total)
        yield lambda: progress.update(task, completed=source.raw.bytes_read)
