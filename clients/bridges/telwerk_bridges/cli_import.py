"""`telwerk-bridge import`: reads a platform's history, says what it does, and in the end what is not known.

export TELWERK_BRIDGE_CHATWOOT_URL=https://chatwoot.example TELWERK_BRIDGE_CHATWOOT_ACCOUNT=1
export TELWERK_BRIDGE_CHATWOOT_API_TOKEN=...
telwerk-bridge import chatwoot
"""

import secrets
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from telwerk_bridges.chatwoot import Chatwoot
from telwerk_bridges.chatwoot_api import ChatwootApi
from telwerk_bridges.chatwoot_history import UNKNOWN
from telwerk_bridges.config import Configuration, ConfigurationError, Source, configured
from telwerk_bridges.importing import Importer
from telwerk_bridges.progress import Progress

_SECRET: Final = "TELWERK_BRIDGE_CHATWOOT_SECRET"  # noqa: S105 - the name of a variable
_URL: Final = "TELWERK_BRIDGE_CHATWOOT_URL"
_ACCOUNT: Final = "TELWERK_BRIDGE_CHATWOOT_ACCOUNT"
_TOKEN: Final = "TELWERK_BRIDGE_CHATWOOT_API_TOKEN"  # noqa: S105 - the name of a variable


async def import_chatwoot(environment: Mapping[str, str], name: str, file: Path | None) -> int:
    """Imports what a file holds, else what the API shows; the exit status.

    Raises:
        ConfigurationError, HistoryError, InboxError, InboxFullError: it cannot, or not any further.
    """
    if not environment.get(_SECRET, "").strip() and not environment.get("TELWERK_BRIDGE_CONFIG"):
        # Where nothing is received, nobody knows the secret.
        environment = {**environment, _SECRET: secrets.token_hex()}
    configuration = configured(environment)
    source, chatwoot = _source(configuration, name)
    target = f"{source.path} {source.account_id} {configuration.address}"
    async with Importer.running(configuration, source, chatwoot) as importer:
        if file:
            with Progress.opened(configuration.inbox_path, f"{target} {_named(file)}") as progress:
                counts = await importer.from_file(file, progress)
                progress.end()
        else:
            url, account, token = _api_of(environment)
            async with ChatwootApi.opened(url, token, account, _notice) as api:
                with Progress.opened(configuration.inbox_path, f"{target} {url} {account}") as progress:
                    counts = await importer.by_api(api, progress)
                    progress.end()
        _report(counts)
        await importer.drained()
        if refused := await importer.refused():
            _notice(f"{refused:,} events were refused by Telwerk: `telwerk-bridge list` shows them")
    return 1 if counts["unread"] else 0


def _source(configuration: Configuration, name: str) -> tuple[Source, Chatwoot]:
    """The one of that name; the only one where none is given."""
    found = [(source, source.platform) for source in configuration.sources]
    known = [(source, platform) for source, platform in found if isinstance(platform, Chatwoot)]
    path = f"/chatwoot/{name}" if name else "/chatwoot"
    chosen = [one for one in known if one[0].path == path] or (known if len(known) == 1 and not name else [])
    if not chosen:
        paths = ", ".join(source.path.removeprefix("/chatwoot").removeprefix("/") or "(none)" for source, _ in known)
        raise ConfigurationError(f"which Chatwoot is it? --name says so; there are {paths or 'none'}")
    return chosen[0]


def _api_of(environment: Mapping[str, str]) -> tuple[str, int, str]:
    url, account, token = (environment.get(name, "").strip() for name in (_URL, _ACCOUNT, _TOKEN))
    for name, value in ((_URL, url), (_ACCOUNT, account), (_TOKEN, token)):
        if not value:
            raise ConfigurationError(f"{name} is not set: the API needs {_URL}, {_ACCOUNT} and {_TOKEN}")
    if not (account.isascii() and account.isdecimal()):
        raise ConfigurationError(f"{_ACCOUNT} is not the number of an account, as in /app/accounts/1")
    if not (token.isascii() and token.isprintable()):
        raise ConfigurationError(f"{_TOKEN} is no token of Chatwoot")
    return url, int(account), token


def _named(file: Path) -> str:
    """The file as it is now: of another content, nothing is done yet."""
    try:
        found = file.stat()
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from error
    return f"{file.resolve()} {found.st_size} {found.st_mtime_ns}"


def _notice(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - a command


def _report(counts: Counter[str]) -> None:
    said = [f"{counts['conversations']:,} conversations with {counts['messages']:,} messages are read"]
    said.append(f"{counts['events']:,} events are new to this bridge, retractions included")
    for name, text in (
        ("unread", "could not be read, see above"),
        ("other_inboxes", "are of other inboxes"),
        ("deleted", "were deleted meanwhile"),
    ):
        if counts[name]:
            said.append(f"{counts[name]:,} conversations {text}")
    if unknown := {text: counts[name] for name, text in UNKNOWN.items() if counts[name]}:
        said.append("what Chatwoot does not tell:")
        said += [f"{count:>9,}  {text}" for text, count in unknown.items()]
    print("\n".join(said), flush=True)  # noqa: T201 - a command
