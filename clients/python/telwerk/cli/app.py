"""The `telwerk` command, put together: its subcommands with their examples, and what an error comes to."""

import io
import sys

import typer

from telwerk.cli.catalogue import kpis
from telwerk.cli.dashboard.command import dashboard
from telwerk.cli.explaining import explain
from telwerk.cli.guide import examples
from telwerk.cli.importing import import_events
from telwerk.cli.names import names
from telwerk.cli.options import EXIT_REFUSED, EXIT_UNAVAILABLE, err, out, remember_connection, say
from telwerk.cli.querying import query, totals
from telwerk.cli.removing import erase, purge
from telwerk.cli.report.command import report
from telwerk.cli.settings import settings
from telwerk.cli.simulate import simulate
from telwerk.cli.usage import PlainGroup
from telwerk.errors import DeadlineExceededError, TelwerkError, UnauthenticatedError, UnavailableError

EXIT_CODES = """
Exit codes: 0 success; 1 some of the input was rejected, or you answered a question with no; 2 wrong usage; 3 the server
cannot be reached or is not available; 4 the server rejected the call (key, account or request).
"""

app = typer.Typer(
    cls=PlainGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # In a pipe, help and usage errors are plain lines as well.
    rich_markup_mode="rich" if out.is_terminal and err.is_terminal else None,
)
app.callback(
    epilog=examples(
        "telwerk simulate --conversations 300",
        "telwerk query satisfaction_score --account demo --from 7d",
        "telwerk --address kpi.example:443 --tls totals feedback_count --account acme --group-by operator -o csv",
        foot=EXIT_CODES,
    )
)(remember_connection)
app.command(
    "import",
    epilog=examples(
        "telwerk import --account acme events.jsonl.gz",
        "telwerk import --account acme -o json - < events.jsonl",
    ),
)(import_events)
app.command(
    epilog=examples(
        "telwerk query satisfaction_score --account acme --from 7d --zone Europe/Amsterdam",
        "telwerk query goals_reached --account acme --from 2026-01-01 --to 2026-02-01 --compare previous",
        "telwerk query feedback_count --account acme --from 4w --granularity week --group-by operator --top 5 --rest",
        "telwerk query first_response_time --account acme --from 28d --percentile 0.5,0.9",
    )
)(query)
app.command(
    epilog=examples(
        "telwerk totals satisfaction_score feedback_count --account acme --from 30d --group-by group",
        "telwerk totals satisfaction_score --account acme --group-by operator --order-by -mean --top 10",
        "telwerk totals live_answer_rate --account acme --from 28d --group-by operator --top 5 --min-below 20",
        "telwerk totals conversations_started --account acme --from 12w --group-by weekday --group-by hour_of_day",
        "telwerk totals pre_chat_survey_results --account acme --group-by value --question subject -o csv",
    )
)(totals)
app.command(
    epilog=examples(
        "telwerk explain satisfaction_score --account acme --from today --operator anna",
        "telwerk explain unanswered_live_conversations --account acme --from 24h -o json",
    )
)(explain)
app.command(
    epilog=examples("telwerk dashboard --account acme", "telwerk dashboard --account acme --zone Europe/Amsterdam")
)(dashboard)
app.command(
    epilog=examples(
        "telwerk report --html report.html --account acme --from 28d",
        "telwerk report --html bericht.html --account acme --from 2026-10-01 --to 2026-11-01 --language de",
    )
)(report)
app.command(epilog=examples("telwerk kpis", "telwerk kpis offline_assignments --language nl"))(kpis)
app.command(
    epilog=examples(
        "telwerk simulate --conversations 300 --from 2026-01-05 --to 2026-01-12",
        "telwerk simulate --conversations 50 --write sim.jsonl.gz",
    )
)(simulate)
app.add_typer(settings)
app.add_typer(names)
app.command(
    epilog=examples(
        "telwerk erase chat-1 --account acme", "telwerk erase chat-1 --account acme --keep-counts --yes -o json"
    )
)(erase)
app.command(epilog=examples("telwerk purge --account acme --before 90d --yes"))(purge)


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
