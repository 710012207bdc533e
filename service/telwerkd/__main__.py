"""The entry point. Each of the two kinds of commands imports what it needs: a health check no server."""
# ruff: noqa: PLC0415

import sys


def main() -> None:
    """Runs `telwerkd`."""
    command, *rest = sys.argv[1:] or [""]
    if command == "health" and "--help" not in rest:
        from telwerkd import cli_health

        sys.exit(cli_health.main(rest))
    from telwerkd import cli

    cli.main()


if __name__ == "__main__":
    main()
