"""`telwerkd verify` and `telwerkd rebuild`: the audit of every account, with progress, beside a running server.

And `telwerkd copy`, from one database to the other.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from telwerkd.application import audit_log
from telwerkd.application.audit import Audit, examine, repair
from telwerkd.application.commands.settings import SetNamesMax
from telwerkd.application.names import FAMILY_TEXT
from telwerkd.application.ports import Store
from telwerkd.application.recounting import recount
from telwerkd.application.retention.removal import horizon_of, lower_horizon
from telwerkd.domain.catalogue.values import SEPARATOR
from telwerkd.domain.counting.counters import BY_GROUP, BY_OPERATOR, BY_VALUE, BY_WIDGET, ChunkKey, Slots
from telwerkd.domain.counting.measures import is_held_back, is_service_time, kpi_of
from telwerkd.domain.counting.reading import sum_and_counts
from telwerkd.domain.errors import InvalidArgumentError, UnavailableError
from telwerkd.domain.ids import SECOND, AccountId, Micros
from telwerkd.process.monotonic_clock import monotonic
from telwerkd.storage.location import Location, PostgresUrl, SqliteFile
from telwerkd.storage.open_store import opened, prepare
from telwerkd.storage.schema.errors import SchemaError
from telwerkd.storage.unavailable import is_outage

_SHOWN_MAX = 20
_TELL_SECONDS = 5.0
"""How often progress is printed where the output is no terminal."""
_ROUNDS_MAX = 3
"""Rebuilding beside a running server: events counted onto a wrong state meanwhile are found in the next round."""

_PARTS = ((BY_OPERATOR, "operator"), (BY_GROUP, "group"), (BY_WIDGET, "widget"), (BY_VALUE, "value"))


async def verify(database: Location) -> bool:
    """Audits every account and prints the findings, damaged rows included; returns whether there are none."""
    console = Console(soft_wrap=True)
    await prepare(database, create=False)
    async with opened(database) as store:
        accounts, clean = await accounts_of(store, console)
        for account in accounts:
            audit = await examined(store, account, console)
            clean = clean and audit is not None and audit.clean
    console.print("[green]Every counter equals the log." if clean else "[red]Some counters differ from the log.")
    return clean


async def rebuild(database: Location, only: AccountId | None = None, kpis: str | None = None) -> bool:
    """Recounts every account, or `only` one, by its target rules, and repairs counters that differ from the log.

    Returns whether everything is consistent afterwards.

    Raises:
        InvalidArgumentError: nothing is stored of `only`.
    """
    console = Console(soft_wrap=True)
    await prepare(database, create=False)
    async with opened(database) as store:
        accounts, clean = await accounts_of(store, console)
        if only is not None:
            if only not in accounts:
                raise InvalidArgumentError.of("account", f"nothing is stored of {only!r}")
            accounts = [only]
        for account in accounts:
            clean = await _recounted_and_rebuilt(store, account, console, kpis) and clean
    console.print("[green]Every counter equals the log." if clean else "[red]Not all could be counted anew: see above.")
    return clean


async def accounts_of(store: Store, console: Console) -> tuple[list[AccountId], bool]:
    """Returns every account with a row or conversations, and whether both tables are readable and consistent."""
    found: dict[str, set[AccountId]] = {}
    is_whole = True
    # In this order, so that an account whose first event comes meanwhile does not seem to have lost its row.
    for table, listed in (("conversations", _with_conversations(store)), ("accounts", store.accounts)):
        try:
            accounts = await listed()
        except Exception as error:  # a damaged file fails in ways that are the database's own
            if is_outage(error):
                raise
            is_whole = False
            complain(console, f"table {table}: {_in_short(error)}")
            continue
        found[table] = {account for account in accounts if isinstance(account, str)}
        for account in accounts:
            if not isinstance(account, str):
                is_whole = False
                complain(console, f"table {table}: {account!r:.40} where an account's id belongs")
    if len(found) > 1:
        for account in sorted(found["conversations"] - found["accounts"]):
            is_whole = False
            complain(console, f"table accounts: the row of {_shown(account)} is lost")
    return sorted(set().union(*found.values())), is_whole


def _with_conversations(store: Store) -> Callable[[], Awaitable[list[AccountId]]]:
    async def listed() -> list[AccountId]:
        return [account for account, _ in await store.last_times()]

    return listed


def _in_short(error: Exception) -> str:
    """Returns an error's text without SQL statements and parameters."""
    error = error.__cause__ if isinstance(error, UnavailableError) and isinstance(error.__cause__, Exception) else error
    return " ".join(str(getattr(error, "orig", error)).split())[:300] or type(error).__name__


def _shown(text: str) -> str:
    """Returns an id with the characters escaped that are not printable."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def complain(console: Console, text: str) -> None:
    """Prints an error in red, without interpreting markup."""
    console.print(text, highlight=False, markup=False, style="red")


async def horizon(database: Location, account: AccountId, lower_to: Micros | None) -> None:
    """Prints an account's horizon, after moving it back to `lower_to` if that is given.

    Raises:
        InvalidArgumentError: nothing is stored of the account, or its horizon cannot be moved back so far.
    """
    await prepare(database, create=False)
    async with opened(database) as store:
        if account not in await store.accounts():
            raise InvalidArgumentError.of("account", f"nothing is stored of {account!r}")
        if lower_to is not None:
            with audit_log.recorded("horizon", account) as entry:
                before = await lower_horizon(store, account, lower_to)
                entry.outcome = f"taken back from {_instant(before.instant)} to {_instant(lower_to)}"
        now = await horizon_of(store, account)
    console = Console(soft_wrap=True)
    console.print(f"{account}: events before {_instant(now.instant)} are refused", highlight=False, markup=False)
    if now.instant > now.floor:
        console.print(f"  it can be taken back to {_instant(now.floor)} or later", highlight=False)


def _instant(instant: Micros) -> str:
    """Returns an instant as text in UTC, rounded up to the second."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=-(-instant // SECOND))).strftime("%Y-%m-%dT%H:%M:%SZ")


async def limits(database: Location, account: AccountId, default: int, names_max: int | None) -> None:
    """Prints the number of an account's names, after setting its own limit if one is given; 0 restores the default.

    Only the operator of the service may raise the limit, so this is a command on the database and no call: a key with
    the role `admin` may belong to the account.
    """
    console = Console(soft_wrap=True, highlight=False)
    await prepare(database, create=False)
    async with opened(database) as store:
        if names_max is not None:
            with audit_log.recorded("names_max", account) as entry:
                await store.write([(account, SetNamesMax(names_max or None))])
                entry.outcome = f"set to {names_max}" if names_max else "left to the setting"
        own, found = await store.read(account, lambda view: (view.account().names_max, view.names()))
    bound = f"{own} (its own)" if own else f"{default} (names_max)"
    for family, text in FAMILY_TEXT.items():
        console.print(f"{text}: {len(found.get(family, ()))} of {bound}", markup=False)


async def copy(source: Location, target: Location) -> None:
    """Copies a SQLite file into a PostgreSQL database, and prints the progress.

    Raises:
        SchemaError: the copy is not possible; the text says why.
    """
    from telwerkd.storage import copying  # noqa: PLC0415  # see telwerkd.storage.open_store

    if not (isinstance(source, SqliteFile) and isinstance(target, PostgresUrl)):
        raise SchemaError(
            "a copy goes from a SQLite file to PostgreSQL: --from path --to postgresql://user@host/database"
        )
    console = Console(soft_wrap=True)
    await copying.copy(
        source.path,
        target,
        lambda account, rows: console.print(f"{account}: {rows:,} rows copied, and the same", highlight=False),
    )
    console.print(f"[green]All is in {target}. Start the server there.")


async def _recounted_and_rebuilt(store: Store, account: AccountId, console: Console, kpis: str | None) -> bool:
    try:
        counted = await _recounted(store, account, console, kpis)
        clean = await _rebuild(store, account, console)
        # What kept it from being counted anew may be mended now.
        return (counted or await _recounted(store, account, console, kpis)) and clean
    except UnavailableError as error:
        if not error.is_of_one_account:
            raise
        complain(console, error.message)
        return False


async def _recounted(store: Store, account: AccountId, console: Console, kpis: str | None) -> bool:
    """Recounts an account that is not counted by its target rules; returns whether it is afterwards."""
    what, printed_at = f"{_shown(account)}: conversations counted anew", monotonic()
    with _progress(console) as progress:
        task = progress.add_task(what, total=None)

        def tell(done: int, total: int) -> None:
            nonlocal printed_at
            progress.update(task, completed=done, total=total)
            if not console.is_terminal and monotonic() - printed_at >= _TELL_SECONDS:
                printed_at = monotonic()
                console.print(f"{what}: {done:,} of {total:,}", highlight=False, markup=False)

        try:
            with audit_log.recorded("recount", account) as entry:
                count = await recount(store, account, tell, kpis)
                entry.outcome = f"conversations={count}"
        except Exception as error:  # see `accounts_of`
            if is_outage(error):
                raise
            complain(console, f"{_shown(account)} could not be counted anew: {_in_short(error)}")
            return False
    if count:
        console.print(f"{what}: {count:,}, all", highlight=False, markup=False)
    return True


def _progress(console: Console) -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


async def _rebuild(store: Store, account: AccountId, console: Console) -> bool:
    for _ in range(_ROUNDS_MAX):
        audit = await examined(store, account, console)
        if audit is None or audit.clean:
            return audit is not None
        try:
            with audit_log.recorded("rebuild", account) as entry:
                await repair(store, account, audit)
                entry.outcome = f"counters={len(audit.mendable_cells)} states={len(audit.states)}"
        except Exception as error:  # see `accounts_of`
            if is_outage(error):
                raise
            complain(console, f"{_shown(account)} could not be repaired: {_in_short(error)}")
            return False
        corrected = audit.mendable_cells
        console.print(
            f"{_shown(account)}: corrected {len(corrected)} counters, {len(audit.states)} states",
            highlight=False,
            markup=False,
        )
        if audit.sources_damaged:
            complain(
                console, f"{_shown(account)}: what is damaged of events, bases and settings can come from a backup only"
            )
            return False
    last = await examined(store, account, console)
    return last is not None and last.clean


async def examined(store: Store, account: AccountId, console: Console) -> Audit | None:
    """Audits an account, prints the findings, and returns them; None if the audit failed."""
    try:
        audit = await _examine(store, account, console)
    except Exception as error:  # see `accounts_of`
        if is_outage(error):
            raise
        complain(console, f"{_shown(account)} could not be examined: {type(error).__name__}: {_in_short(error)}")
        return None
    _report(console, account, audit)
    return audit


async def _examine(store: Store, account: AccountId, console: Console) -> Audit:
    with _progress(console) as progress:
        task = progress.add_task(f"{account}: conversations", total=None)

        def tell(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        return await store.read(account, partial(examine, tell))


def _report(console: Console, account: AccountId, audit: Audit) -> None:
    verdict = (
        "clean"
        if audit.clean
        else f"{len(audit.cells)} counters and the states of {len(audit.states)} conversations differ"
        + (f", {len(audit.names) + len(audit.chunks)} rows are missing" if audit.names or audit.chunks else "")
        + (f", and {len(audit.damages)} rows are damaged" if audit.damages else "")
    )
    console.print(
        f"{_shown(account)}: {audit.events:,} events of {audit.conversations:,} conversations: {verdict}",
        highlight=False,
        markup=False,
    )
    for damage in audit.damages[:_SHOWN_MAX]:
        complain(console, f"  damaged: {damage}")
    if len(audit.damages) > _SHOWN_MAX:
        complain(console, f"  and {len(audit.damages) - _SHOWN_MAX:,} damages more")
    for family, name in audit.names[:_SHOWN_MAX]:
        console.print(f"  missing: table names, row {family}, {name!a}", highlight=False, markup=False)
    for measure, chunk in audit.chunks[:_SHOWN_MAX]:
        console.print(f"  missing: table chunk_versions, row {measure:d}, {chunk}", highlight=False, markup=False)
    for key, slots in sorted(audit.cells.items())[:_SHOWN_MAX]:
        console.print(f"  {_describe(key, slots)}", highlight=False, markup=False)
    for conversation in audit.states[:_SHOWN_MAX]:
        console.print(f"  the state of conversation {conversation!a}", highlight=False, markup=False)


def _describe(key: ChunkKey, slots: Slots) -> str:
    try:
        kpi = kpi_of(key.measure).name.lower() + (" held back" if is_held_back(key.measure) else "")
        kpi += " in service time" if is_service_time(key.measure) else ""
    except ValueError:
        kpi = f"measure {key.measure}, which is none,"
    values = (key.operator, key.group, key.widget, key.value.replace(SEPARATOR, ", "))
    cut = [
        f"{part} {_shown(value) or 'nobody'}"
        for (bit, part), value in zip(_PARTS, values, strict=True)
        if key.grouping & bit
    ]
    where = ", ".join(cut) or "total"
    return f"{kpi} ({where}), 32 days from {_day(key.chunk)}: {_difference(key, slots)}"


def _difference(key: ChunkKey, slots: Slots) -> str:
    """Returns the numbers of missing and of surplus facts as text; for durations also the error of their sum."""
    sums, counts = sum_and_counts(key.measure, slots)
    missing, surplus = sum(n for n in counts if n > 0), -sum(n for n in counts if n < 0)
    text = f"{missing} too few, {surplus} too many"
    return text + (f", their sum {abs(sums):,} ms too {'small' if sums > 0 else 'large'}" if sums else "")


def _day(chunk: int) -> date | str:
    try:
        return date(1970, 1, 1) + timedelta(days=32 * chunk)
    except OverflowError:
        return f"an impossible day ({32 * chunk} after 1970-01-01)"
