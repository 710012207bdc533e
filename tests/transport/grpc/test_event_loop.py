"""The event loop of a server keeps up with gRPC's thread."""

import asyncio
import selectors
import time
from typing import Any

import grpc
import grpc.aio

from telwerkd.transport.grpc.event_loop import GrpcEventLoop

METHOD = "/echo.Echo/Echo"
STREAMS = 400


class _Counting(selectors.DefaultSelector):  # type: ignore[valid-type,misc]  # which one it is, the system decides
    """Counts iterations of a loop."""

    iterations = 0

    def select(self, timeout: float | None = None) -> Any:
        self.iterations += 1
        return super().select(timeout)


async def _echo(_requests: Any, context: "grpc.aio.ServicerContext[bytes, bytes]") -> None:
    while (message := await context.read()) is not grpc.aio.EOF:
        await context.write(message)


async def _iterations_of_steps_that_came_together(selector: _Counting) -> int:
    server = grpc.aio.server()
    handlers = {"Echo": grpc.stream_stream_rpc_method_handler(_echo)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("echo.Echo", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        calls: list[grpc.aio.StreamStreamCall[bytes, bytes]] = [channel.stream_stream(METHOD)() for _ in range(STREAMS)]
        for call in calls:
            await call.write(b"first")
            assert await call.read() == b"first"
        before = selector.iterations
        reading = [asyncio.ensure_future(call.read()) for call in calls]
        writing = [asyncio.ensure_future(call.write(b"second")) for call in calls]
        for _ in range(20):
            await asyncio.sleep(0)
            time.sleep(0.02)  # noqa: ASYNC251  # the loop is busy with something else, as gRPC's thread goes on
        assert await asyncio.gather(*reading) == [b"second"] * STREAMS
        await asyncio.gather(*writing)
        needed = selector.iterations - before
        for call in calls:
            call.cancel()
    await server.stop(0)
    return needed


def test_steps_that_came_while_the_loop_was_busy_take_an_iteration_together() -> None:
    selector = _Counting()
    with asyncio.Runner(loop_factory=lambda: GrpcEventLoop(selector)) as runner:
        assert runner.run(_iterations_of_steps_that_came_together(selector)) < STREAMS / 2
