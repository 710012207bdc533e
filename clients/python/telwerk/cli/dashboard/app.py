"""The dashboard itself: it keeps the picture of a view true, and lets keys change the view."""

import asyncio
import os
import select
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import ClassVar, Final, TypeAlias
from zoneinfo import ZoneInfo

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.message import Message
from textual.widgets import DataTable, Footer, Static

from telwerk.aio import AsyncTelwerk
from telwerk.backoff import Backoff
from telwerk.cli.dashboard.drawing import BoardRow, Picture, board_headings, board_rows, kpi_table, notes, title
from telwerk.cli.dashboard.views import COLUMNS, SPANS, Period, SpanName, View, period_of, questions, slice_of
from telwerk.cli.labels import Labels
from telwerk.cli.slicing import readable_id
from telwerk.cli.tables import ABSENT
from telwerk.connection import Connection
from telwerk.errors import InvalidArgumentError, TelwerkError, is_transient
from telwerk.names import Names
from telwerk.v1.kpi_service_pb2 import Kpi, QueryTimeSeriesResponse, QueryTotalsResponse

LOOK_EVERY_SECONDS: Final = 10.0
"""How often the picture is drawn anew where the watch tells of nothing.

A watch is silent about the compared period, about who of the board has a count, and about time that goes by.
"""

TERMINAL_LOOK_SECONDS: Final = 1.0
"""How often it is looked whether the terminal is still there: not every terminal that goes sends SIGHUP."""

EXIT_TERMINAL_GONE: Final = 129
"""As a shell reports a program that SIGHUP has ended."""

_REST_SECONDS: Final = 0.5
"""Between two pictures, however fast the numbers change."""

_WIDE_COLUMNS: Final = 160
_NUMBER_WIDTH: Final = 7
_NAME_WIDTH_MIN: Final = 12
_BOARD_WIDTH: Final = len(COLUMNS[0]) * (_NUMBER_WIDTH + 2) + 4
"""Of all numbers, with the spaces around them, and of a scroll bar."""

Answers: TypeAlias = Sequence[QueryTimeSeriesResponse | QueryTotalsResponse | InvalidArgumentError]


def is_gone(file_descriptor: int) -> bool:
    """Whether the terminal behind a file descriptor was hung up."""
    poll = select.poll()
    poll.register(file_descriptor, 0)
    return any(event & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, event in poll.poll(0))


class Panel(Vertical):
    """Says when it has another size, which it does not have yet when the terminal says so."""

    class Resized(Message):
        """It has another size now."""

    def on_resize(self) -> None:
        """Whatever made it larger or smaller."""
        self.post_message(self.Resized())


class Dashboard(App[TelwerkError | None]):
    """An account, live. What ends it is None where somebody quits, or an error that no waiting would mend."""

    TITLE = "Telwerk"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (_WIDE_COLUMNS, "-wide")]  # noqa: RUF012 - as Textual declares it
    CSS = """
    Screen { background: ansi_default; color: ansi_default; }
    #title { height: 1; padding: 0 1; }
    #state { height: auto; max-height: 4; padding: 0 1; }
    #state.away { color: ansi_yellow; text-style: bold reverse; }
    #body { layout: vertical; height: 1fr; }
    #kpis { height: auto; padding: 0 1; }
    #kpi-table { height: auto; }
    #notes { height: auto; max-height: 3; }
    #board { height: 1fr; background: ansi_default; scrollbar-size-vertical: 1; }
    #board > .datatable--header { background: ansi_default; color: ansi_default; text-style: bold; }
    #board > .datatable--cursor { background: ansi_default; color: ansi_default; text-style: reverse; }
    .-wide #body { layout: horizontal; }
    .-wide #kpis { width: 1fr; height: 1fr; }
    .-wide #board { width: 86; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(str(place), f"range('{span}')", "range", key_display=f"1-{len(SPANS)}", show=place == 1)
            for place, span in enumerate(SPANS, start=1)
        ),
        Binding("g", "regrain", "buckets"),
        Binding("k", "more", "KPIs"),
        Binding("b", "reboard", "who"),
        # Before the board takes the key for itself.
        Binding("enter", "narrow", "only", priority=True),
        Binding("escape", "widen", "back"),
        Binding("s", "resort", "sort"),
        Binding("d", "reverse", "turn"),
        Binding("q", "quit", "quit", priority=True),
        Binding("ctrl+c", "quit", show=False, priority=True),
    ]

    def __init__(
        self,
        connection: Connection,
        account: str,
        pages: Sequence[Sequence[Kpi]],
        zone: ZoneInfo,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        no_data: str | None = None,
    ) -> None:
        # The terminal's own colours, light or dark; and with NO_COLOR none at all.
        super().__init__(ansi_color=True)
        self.theme = "ansi-dark"
        self._connection = connection
        self._account = account
        self._pages = pages
        self._kpis = [kpi for page in pages for kpi in page]
        self._zone = zone
        self._now = now
        self._no_data = no_data
        self._ids = [kpi.kpi_id for kpi in self._kpis]
        self._view = View()
        self._picture: Picture | None = None
        self._rows: list[BoardRow] = []
        self._names = Names()
        """Of whom the board has shown: who is chosen is on it no more."""

    def compose(self) -> ComposeResult:
        """From top to bottom; side by side where there is room."""
        yield Static(id="title")
        yield Static(id="state")
        with Container(id="body"):
            with Panel(id="kpis"):
                yield Static(id="kpi-table")
                yield Static(id="notes")
            yield DataTable(id="board", cursor_type="row", header_height=2, zebra_stripes=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begins with everybody's numbers. The client belongs to the loop that runs from here on."""
        self._telwerk = AsyncTelwerk(
            self._connection.address,
            api_key=self._connection.api_key,
            tls=self._connection.tls,
            client_certificate=self._connection.client_certificate,
            timeout_seconds=self._connection.timeout_seconds,
        )
        self._board.focus()
        self.set_interval(TERMINAL_LOOK_SECONDS, self._end_without_terminal)
        self._look(self._view)

    async def on_unmount(self) -> None:
        """Ends the connection."""
        await self._telwerk.close()

    def on_panel_resized(self) -> None:
        """Draws for the size that there is now, which is not known before it is laid out."""
        self._draw()

    def _end_without_terminal(self) -> None:
        """A window that was closed, or a connection that broke: nobody looks any more, and nobody can press a key."""
        if is_gone(sys.stdin.fileno()):
            os._exit(EXIT_TERMINAL_GONE)

    @property
    def _board(self) -> DataTable[Text]:
        board: DataTable[Text] = self.query_one("#board", DataTable)
        return board

    # The keys.

    def action_range(self, span: SpanName) -> None:
        """Looks at another range."""
        self._look(self._view.ranged(span))

    def action_regrain(self) -> None:
        """Makes the buckets of the charts wider or narrower."""
        self._look(self._view.regrained())

    def action_more(self) -> None:
        """Shows the next KPIs and what belongs to them; after the rates, the first ones."""
        self._look(self._view.paged(len(self._pages)))

    def action_reboard(self) -> None:
        """Puts operators, groups or widgets on the board."""
        self._look(self._view.reboarded())

    def action_resort(self) -> None:
        """Sorts the board by the next number."""
        self._look(self._view.resorted())

    def action_reverse(self) -> None:
        """Sorts the board the other way round."""
        self._look(self._view.reversed())

    def action_narrow(self) -> None:
        """Looks only at the row under the cursor, if that is somebody."""
        place = self._board.cursor_row
        chosen = self._rows[place].chosen if place < len(self._rows) else None
        if chosen is not None:
            self._look(self._view.narrowed(chosen))

    def action_widen(self) -> None:
        """Takes back the last narrowing."""
        self._look(self._view.widened())

    # What the server says.

    def _look(self, view: View) -> None:
        self._view = view
        self.query_one("#title", Static).update(title(self._account, view, self._zone, Labels(self._names)))
        self._say("○ asking")
        self.run_worker(self._follow(view), exclusive=True)

    async def _follow(self, view: View) -> None:
        """Keeps the picture of a view true until another one is looked at; waits for a server that is away."""
        backoff = Backoff()
        while True:
            try:
                await self._keep(view, backoff)
            except TelwerkError as error:
                if not is_transient(error):
                    self.exit(error)
                    return
                since = f"the numbers are those of {self._complete_until} · " if self._picture else ""
                self._say(f"○ reconnecting · {since}{error.message}", away=True)
                await asyncio.sleep(backoff.failed(error))

    async def _keep(self, view: View, backoff: Backoff) -> None:
        """Draws the view at once, after every change, and now and then, until its period is another one.

        Raises:
            TelwerkError: the server is away; the watch is the first to notice.
        """
        period = period_of(view.span, self._now(), self._zone)
        changed = asyncio.Event()
        watching = asyncio.create_task(self._listen(view, period, changed))
        try:
            while period == period_of(view.span, self._now(), self._zone):
                changed.clear()
                self._show(view, period, await self._ask(view, period))
                backoff.reset()
                await asyncio.sleep(_REST_SECONDS)
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), LOOK_EVERY_SECONDS)
                if watching.done():
                    watching.result()
        finally:
            watching.cancel()
            await asyncio.wait({watching})

    async def _listen(self, view: View, period: Period, changed: asyncio.Event) -> None:
        """Tells of every change, and of its own end.

        Raises:
            TelwerkError: the server is away.
        """
        # Without patience: that the server is away is to be seen at once.
        watch = self._telwerk.watch(
            self._account,
            self._ids,
            patience_seconds=0.0,
            granularity=view.granularity,
            **slice_of(view, period, self._zone),
        )
        try:
            async for _ in watch:
                changed.set()
        finally:
            changed.set()

    async def _ask(self, view: View, period: Period) -> Answers:
        return await self._telwerk.batch(self._account, questions(view, period, self._zone, self._ids))

    # What is seen.

    def _show(self, view: View, period: Period, answers: Answers) -> None:
        """The answers; or, where one is an error that a narrower view would not have, that."""
        totals, over_time, board = answers
        for answer in answers:
            if isinstance(answer, InvalidArgumentError):
                self._say(f"○ no answer · {answer.message}", away=True)
                return
        if (
            isinstance(totals, QueryTotalsResponse)
            and isinstance(over_time, QueryTimeSeriesResponse)
            and isinstance(board, QueryTotalsResponse)
        ):
            self._picture = Picture(view, period, totals, over_time, board)
            self._names |= Names(board.names)
            self._draw()
            if any(answer.count or answer.held_back_count for answer in totals.answers):
                self._no_data = None
            self._say(f"● live · {self._no_data or f'complete until {self._complete_until}'}")

    @property
    def _complete_until(self) -> str:
        return f"{self._picture.complete_until:%Y-%m-%d %H:%M:%S}" if self._picture else ABSENT

    def _say(self, text: str, *, away: bool = False) -> None:
        state = self.query_one("#state", Static)
        state.set_class(away, "away")
        state.update(Text(readable_id(text)))

    def _draw(self) -> None:
        """The picture, in the size that there is."""
        if self._picture is None:
            return
        table = self.query_one("#kpi-table", Static)
        # Above the board there is no room for more than a line each.
        height = self.query_one("#kpis").size.height if self.size.width >= _WIDE_COLUMNS else 0
        shown = self._pages[self._picture.view.page]
        table.update(kpi_table(self._picture, shown, table.size.width, height))
        self.query_one("#notes", Static).update(notes(self._picture, self._kpis))
        self._draw_board(self._picture)

    def _draw_board(self, picture: Picture) -> None:
        """The cursor stays with whom it was on."""
        board = self._board
        at = self._rows[board.cursor_row].chosen if board.cursor_row < len(self._rows) else None
        self._rows = board_rows(picture)
        board.clear(columns=True)
        who, *numbers = board_headings(picture.view)
        board.add_column(who, width=max(_NAME_WIDTH_MIN, board.size.width - _BOARD_WIDTH))
        for heading in numbers:
            board.add_column(heading, width=_NUMBER_WIDTH)
        for row in self._rows:
            board.add_row(*row.cells)
        board.move_cursor(row=next((place for place, row in enumerate(self._rows) if row.chosen == at), 0))
