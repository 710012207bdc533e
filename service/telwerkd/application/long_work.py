"""Work of many transactions, one after the other, that leaves the server to others between them."""

import asyncio
from typing import Final

STEP_SECONDS_MAX: Final = 0.05
"""How long a transaction of such work goes on with conversations after its first: others wait for it to end."""

_REST_SECONDS_MAX: Final = 0.1


async def rest_after(seconds: float) -> None:
    """Leaves the server to others for as long as a transaction took, up to a bound."""
    await asyncio.sleep(min(seconds, _REST_SECONDS_MAX))
