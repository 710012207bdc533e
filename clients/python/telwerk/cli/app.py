"""The `telwerk` command, put together: its subcommands, and what an error comes to.

Exit codes: 0 fine; 1 some of the input was refused, or a question was answered with no; 2 usage; 3 the server cannot be
reached or is not available; 4 the server refused the call (key, account, or what was asked for).
"""

import io
import sys

import typer

from telwerk.cli.catalogue import kpis
from telwerk.cli.dashboard.command import dashboard
from telwerk.cli.explaining import explain
from telwerk.cli.importing import import_events
from telwerk.cli.options import EXIT_REFUSED, EXIT_UNAVAILABLE, err, out, remember_connection, say
from telwerk.cli.querying import query, totals
from telwerk.cli.removing import erase, purge
from telwerk.cli.report.command import report
from telwerk.cli.settings import settings
from telwerk.cli.simulate import simulate
from telwerk.errors import DeadlineExceededError, TelwerkError, UnauthenticatedError, UnavailableError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # In a pipe, help and usage errors are plain lines as well.
    rich_markup_mode="rich" if out.is_terminal and err.is_terminal else None,
)
app.callback()(remember_connection)
app.command("import")(import_events)
app.command()(query)
app.command()(totals)
app.command()(explain)
app.command()(dashboard)
app.command()(report)
app.command()(kpis)
app.command()(simulate)
app.add_typer(settings)
app.command()(erase)
app.command()(purge)


def run() -> None:
    """Runs the command of the process's arguments, and exits. Errors are a sentence on standard error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without a character gets a `?`, not a traceback
    try:
        app(prog_name="telwerk")
    except TelwerkError as error:
        say(_sentence(error))
        sys.exit(EXIT_UNAVAILABLE if isinstance(error, UnavailableError | DeadlineExceededError) else EXIT_REFUSED)


def _sentence(error: TelwerkError) -> str:
    """The error for people, with its constant, and with what to do where that is not plain."""
    text = f"{error.message} ({error.reason})" if error.reason else error.message
    if isinstance(error, UnauthenticatedError):
        return f"{text}; give --api-key or set TELWERK_API_KEY"
    return text
