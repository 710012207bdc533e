"""`telwerk-bridge`: serves a bridge, imports history, and looks after the events that Telwerk refused."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from telwerk_bridges.app import from_environment
from telwerk_bridges.config import Configuration, ConfigurationError, configured, inbox_path
from telwerk_bridges.inbox import Inbox, InboxError, InboxFullError, locked, opened
from telwerk_bridges.progress import HistoryError

_CONNECTIONS_MAX: Final = 200
_STOP_SECONDS: Final = 3
_LISTED_MAX: Final = 1_000
_BYTES_MAX: Final = 2**40


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; its exit status."""
    given = _parser().parse_args(arguments)
    try:
        if given.command == "serve":
            return _serve(given.host, given.port)
        if given.command == "import":
            return _import(given.name, given.file)
        return asyncio.run(_tend(given))
    except (ConfigurationError, InboxError, InboxFullError, HistoryError) as error:
        print(f"telwerk-bridge: {error}", file=sys.stderr)  # noqa: T201 - a command
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="telwerk-bridge", description="Turns webhooks into the events of Telwerk.")
    parser.add_argument("--version", action="version", version=f"telwerk-bridge {version('telwerk-bridges')}")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="receive webhooks; environment variables configure it")
    serve.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    serve.add_argument(
        "--port", type=int, default=8000, help="the port to listen on; 0 chooses a free one (default: %(default)s)"
    )
    importing = commands.add_parser("import", help="read past conversations, by the platform's API or from an export")
    importing.add_argument("platform", choices=["chatwoot"], help="the platform to import from")
    importing.add_argument(
        "--file", type=Path, help="import an export, with a line of JSON for each conversation (default: the API)"
    )
    importing.add_argument("--name", default="", help="the section of TELWERK_BRIDGE_CONFIG, if there are several")
    listing = commands.add_parser("list", help="list the events that Telwerk rejected, with the reasons")
    listing.add_argument("--waiting", action="store_true", help="list the events that wait for Telwerk instead")
    for name, text in (("retry", "send rejected events again"), ("drop", "discard rejected events")):
        command = commands.add_parser(name, help=text)
        chosen = command.add_mutually_exclusive_group(required=True)
        chosen.add_argument(
            "numbers", nargs="*", type=int, default=[], help="the numbers of events, as `list` shows them"
        )
        chosen.add_argument("--all", action="store_true", help="all rejected events")
    return parser


def _serve(host: str, port: int) -> int:
    try:
        import uvicorn  # noqa: PLC0415 - only with the extra `serve`
    except ImportError as error:
        raise ConfigurationError("uvicorn is not installed: pip install 'telwerk-bridges[serve]'") from error
    app = from_environment()
    asyncio.run(_check_inbox(configured(os.environ)))
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            access_log=False,
            limit_concurrency=_CONNECTIONS_MAX,
            timeout_graceful_shutdown=_STOP_SECONDS,
        )
    )
    server.run()
    return 0 if server.started else 1


def _import(name: str, file: Path | None) -> int:
    try:
        from telwerk_bridges.cli_import import import_chatwoot  # noqa: PLC0415 - only with the extra `import`
    except ImportError as error:
        raise ConfigurationError(f"{error.name} is not installed: pip install 'telwerk-bridges[import]'") from error
    try:
        return asyncio.run(import_chatwoot(os.environ, name, file))
    except KeyboardInterrupt:
        print("telwerk-bridge: stopped; the same command goes on from here", file=sys.stderr)  # noqa: T201 - a command
        return 130


async def _check_inbox(configuration: Configuration) -> None:
    """Says what is wrong with it before there is a server around."""
    with locked(configuration.inbox_path):
        async with opened(configuration.inbox_path, configuration.inbox_bytes_max):
            pass


async def _tend(given: argparse.Namespace) -> int:
    path = inbox_path(os.environ)
    if not path.exists():
        raise InboxError(f"there is no inbox {path} (TELWERK_BRIDGE_INBOX)")
    async with opened(path, _BYTES_MAX) as inbox:
        if given.command == "list":
            await _list(inbox, waiting=given.waiting)
        elif given.command == "retry":
            print(f"{await inbox.retry(given.numbers)} events are sent again")  # noqa: T201 - a command
        else:
            print(f"{await inbox.drop(given.numbers)} events are dropped")  # noqa: T201 - a command
    return 0


async def _list(inbox: Inbox, *, waiting: bool) -> None:
    for one in await inbox.held(refused=not waiting, limit=_LISTED_MAX):
        event = one.event
        said = (one.number, one.account_id, event.conversation_id, event.event_id, event.WhichOneof("kind"))
        print(*said, one.refusal or "waits", sep="\t")  # noqa: T201 - a command
    counts = await inbox.counts()
    print(f"{counts.waiting} events wait, {counts.refused} were refused", file=sys.stderr)  # noqa: T201 - a command


if __name__ == "__main__":
    sys.exit(main())
