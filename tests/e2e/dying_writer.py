"""A writer's process that says that it is ready, and dies."""

import socket
import sys

from telwerkd.process.frames import framed
from telwerkd.storage.sqlite.writer.messages import packed

with socket.socket(fileno=int(sys.argv[2])) as connection:
    connection.sendall(framed(packed(None)))
