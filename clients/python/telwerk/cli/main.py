"""The entry point, importable without the extra `cli` so that it can ask for it."""

import os
import sys


def main() -> None:
    """Runs the `telwerk` command and exits; the codes are those of `telwerk.cli.app`."""
    # What grpc logs by itself, such as a failed handshake, comes back as an error anyway.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        from telwerk.cli.app import run  # noqa: PLC0415 - what this imports may not be installed

        run()
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in {"typer", "rich", "textual", "jinja2"}:
            raise
        sys.stderr.write(
            "The `telwerk` command needs the extra `cli` of its package. From a checkout of Telwerk: pip install "
            "'./clients/python[cli]'; from a wheel: pip install './telwerk-VERSION-py3-none-any.whl[cli]'\n"
        )
        sys.exit(2)
