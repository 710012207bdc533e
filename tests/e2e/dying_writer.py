"""A writer's process that says that it is ready, and dies."""

import pickle
import socket
import sys

from telwerkd.storage.sqlite.writer_process import SIZE_BYTES

ready = pickle.dumps(None)
with socket.socket(fileno=int(sys.argv[2])) as connection:
    connection.sendall(len(ready).to_bytes(SIZE_BYTES) + ready)
