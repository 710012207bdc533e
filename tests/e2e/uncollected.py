"""A server whose process never collects cycles by itself; asked by a line, it says what lies there."""

import asyncio
import gc
import json
import sys
from collections import Counter
from typing import Any

from telwerkd.server.settings.settings import Settings
from telwerkd.server.wiring import running


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def main(settings: dict[str, Any]) -> None:
    async with running(Settings(**settings)) as server:
        gc.collect()
        gc.freeze()
        gc.set_debug(gc.DEBUG_SAVEALL)
        say(f"{server.address} {server.http_address}")
        while await asyncio.to_thread(sys.stdin.readline):
            await asyncio.sleep(0.1)  # what the last calls left to the loop is done then
            gc.collect()
            say(json.dumps(Counter(type(each).__qualname__ for each in gc.garbage)))
            gc.garbage.clear()
            gc.set_debug(0)
            gc.collect()
            gc.set_debug(gc.DEBUG_SAVEALL)


gc.disable()
asyncio.run(main(json.loads(sys.argv[1])))
