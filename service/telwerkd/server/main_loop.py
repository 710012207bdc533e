"""What every process of a server begins with: what it is set to, and the event loop that it runs in."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from telwerkd.process.descriptors import raise_limit
from telwerkd.process.heap import tune_heap
from telwerkd.transport.grpc.event_loop import GrpcEventLoop


def run(main: Coroutine[Any, Any, None]) -> None:
    """Runs the main coroutine of a process until it returns. The process must have no other thread yet."""
    raise_limit()
    tune_heap()
    with asyncio.Runner(loop_factory=GrpcEventLoop) as runner:
        runner.run(main)
