"""The program of the writer process that `telwerkd.storage.sqlite.writer.process` starts."""

import json
import logging
import socket
import sys
from contextlib import suppress
from io import BufferedIOBase, BufferedRWPair
from pathlib import Path

from telwerkd.application.ports import DamagedRowError, Written
from telwerkd.domain.errors import UnavailableError
from telwerkd.process import log_format
from telwerkd.process.frames import SIZE_BYTES, framed
from telwerkd.process.gc_tuning import devote_process
from telwerkd.process.heap import tune_heap
from telwerkd.process.log_format import LogStyle
from telwerkd.storage.sqlite.file import OpenedFile
from telwerkd.storage.sqlite.writer.connection import Commands, SqliteWriter
from telwerkd.storage.sqlite.writer.messages import packed, unpacked
from telwerkd.storage.sqlite.writer.process import Failed

log = logging.getLogger(__name__)


def main(path: Path, file_descriptor: int, file: OpenedFile | None) -> None:
    """Reads commands from the socket and replies with their results, until the server closes it."""
    tune_heap()
    writer = SqliteWriter(path, file)
    # Closed in the middle of a message is closed as well.
    with (
        socket.socket(fileno=file_descriptor) as connection,
        suppress(EOFError, ConnectionError),
        connection.makefile("rwb") as line,
    ):
        _send(line, packed(None))
        devote_process()
        try:
            while True:
                _send(line, _reply(writer, received(line)))
        except MemoryError:
            # Also of what was stored nobody can be told.
            log.critical("no memory is left for a reply: the process ends, and another is started")
            sys.exit(1)
    writer.close()


def received(line: BufferedIOBase) -> bytes:
    """Waits for the next message, and returns it packed.

    Raises:
        EOFError: the line was closed, also in the middle of a message.
    """
    size = int.from_bytes(line.read(SIZE_BYTES))
    message = line.read(size)
    if not size or len(message) < size:
        raise EOFError
    return message


def _send(line: BufferedRWPair, message: bytes) -> None:
    line.write(framed(message))
    line.flush()


def _reply(writer: SqliteWriter, message: bytes) -> bytes:
    try:
        commands: Commands | None = unpacked(message)
        if commands is None:
            writer.prove()
            return packed(Written([], 0.0, ()))
        return packed(writer.write(commands))
    except UnavailableError as error:
        return packed(Failed((error.reason, error.message, error.retry_after_seconds), ""))
    except DamagedRowError as error:
        return packed(Failed(None, "", error))
    except Exception as error:  # noqa: BLE001  # the server says it, with the call that it belongs to
        return packed(Failed(None, log_format.exception_text(error)))


if __name__ == "__main__":
    log_format.set_up(LogStyle(*json.loads(sys.argv[4])), logging.StreamHandler(), names_process=True)
    log_format.log_the_uncaught()
    of, inodes = Path(sys.argv[1]), json.loads(sys.argv[3])
    main(of, int(sys.argv[2]), inodes and OpenedFile(of, tuple((device, number) for device, number in inodes)))
