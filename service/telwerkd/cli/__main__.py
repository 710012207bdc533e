"""The entry point. It imports the server only for commands that need it, which the health check does not."""
# ruff: noqa: PLC0415

import os
import sys

from telwerkd.process import held_signals


def main() -> None:
    """Runs `telwerkd`."""
    # What gRPC's core logs by itself has another format, and comes back as an error anyway.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # Nothing here forks to go on with gRPC. Its handlers end its threads for a fork, and abort the program where they
    # cannot be started again, as at a container's limit of processes.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    command, *rest = sys.argv[1:] or [""]
    if command == "health" and "--help" not in rest:
        from telwerkd.cli import health

        sys.exit(health.main(rest))
    if command == "serve":
        # Until there is somebody to handle them: what a server imports takes a second or two.
        held_signals.hold()
    from telwerkd.cli import app

    app.main()


if __name__ == "__main__":
    main()
