"""`telwerkd check`: whether a server could start with the settings, and whether its database is intact.

The check of the database is of its schema, of the file's structure (SQLite), and a quick verification: of accounts in
random order, as many as have 10,000 conversations together, and at least one. `telwerkd verify` examines them all.
"""

import random
from collections.abc import Iterator

from rich.console import Console

from telwerkd.server import startup_checks
from telwerkd.server.credentials import accepted_credentials
from telwerkd.server.maintenance import audits
from telwerkd.server.settings.settings import Settings
from telwerkd.server.workers import processes
from telwerkd.storage.location import Location, SqliteFile
from telwerkd.storage.open_store import AnyStore, opened, prepare
from telwerkd.storage.schema.errors import SchemaError
from telwerkd.storage.schema.versions import head
from telwerkd.storage.sqlite.backup import damages
from telwerkd.transport.security import keys_file
from telwerkd.transport.security.keys_file import KeysFileError
from telwerkd.transport.security.tls import StartupError, server_credentials

CONVERSATIONS_MAX = 10_000


def unusable(settings: Settings) -> Iterator[str]:
    """Yields the reasons why no server starts with the settings, a sentence each: conflicts, and unusable files."""
    try:
        if settings.workers > 1:
            processes.check(settings)
        else:
            startup_checks.check(settings)
        if settings.tls_files is not None:
            server_credentials(settings.tls_files)
        # The keys are looked at below.
        accepted_credentials(settings.model_copy(update={"keys_file": None}))
    except StartupError as error:
        yield str(error)
    if settings.keys_file is not None:
        try:
            keys_file.load(settings.keys_file)
        except KeysFileError as error:
            yield f"API keys: {error}"


async def check_database(database: Location, conversations_max: int = CONVERSATIONS_MAX) -> bool:
    """Checks a database, prints a line for each finding, and returns whether it is intact. Safe beside a server.

    Accounts are verified up to `conversations_max` conversations in all; at least one account is.
    """
    console = Console(soft_wrap=True)
    try:
        if isinstance(database, SqliteFile) and not _is_whole(database, console):
            return False
        await prepare(database, create=False)
    except SchemaError as error:
        audits.complain(console, str(error))
        return False
    _tell(console, f"{database}: schema {head()}, this program's")
    async with opened(database) as store:
        return await _verify_some(store, console, conversations_max)


def _is_whole(file: SqliteFile, console: Console) -> bool:
    found = damages(file.path)
    for damage in found:
        audits.complain(console, f"{file}: integrity_check: {damage}")
    if not found:
        _tell(console, f"{file}: integrity_check finds nothing")
    return not found


async def _verify_some(store: AnyStore, console: Console, conversations_max: int) -> bool:
    accounts, clean = await audits.accounts_of(store, console)
    verified = conversations = 0
    for account in random.sample(accounts, len(accounts)):
        count = await store.read(account, lambda view: view.conversation_count())
        if verified and conversations + count > conversations_max:
            break
        audit = await audits.examined(store, account, console)
        clean = clean and audit is not None and audit.clean
        verified, conversations = verified + 1, conversations + count
    which = "all" if verified == len(accounts) else "chosen at random; `telwerkd verify` examines all"
    _tell(console, f"counters and log: {verified} of {len(accounts)} accounts examined, {which}")
    return clean


def _tell(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False)
