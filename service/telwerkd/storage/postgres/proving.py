"""Runs readiness proofs with a timeout, and detects lost replies: a proof unanswered while a later one succeeds."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from telwerkd.process.futures import retrieve_exception
from telwerkd.process.monotonic_clock import monotonic

CONNECTIONS = 2
"""One is kept; the other is for as long as the first does not answer."""

_PROOF_SECONDS = 5.0
"""What a proof may take, with the making of its connection, before the database counts as away."""


class NotProvenError(Exception):
    """A proof was not answered in time."""


class Proving:
    """Runs proofs, each with a timeout of a few seconds, and detects that replies were lost."""

    def __init__(self, prove: Callable[[], Coroutine[Any, Any, None]], cut: Callable[[float], None]) -> None:
        """`cut` terminates the connections that have been in use since before an instant."""
        self._prove = prove
        self._cut = cut
        self._running = set[asyncio.Task[None]]()
        self._silent: asyncio.Task[None] | None = None
        """The first proof that timed out; its reply may still come."""

    async def prove(self) -> None:
        """Returns when a proof has succeeded.

        Raises:
            NotProvenError: the proof was not answered in time.
        """
        begun, proof = monotonic(), asyncio.create_task(self._prove(), name="proof")
        self._running.add(proof)
        proof.add_done_callback(self._running.discard)
        proof.add_done_callback(retrieve_exception)
        try:
            done, _ = await asyncio.wait({proof}, timeout=_PROOF_SECONDS)
        except asyncio.CancelledError:
            proof.cancel()
            raise
        if done:
            await proof
            self._notice_what_was_lost(begun)
            return
        if self._silent is None or self._silent.done():
            self._silent = proof
        else:
            proof.cancel()
        raise NotProvenError(f"a write was not committed within {_PROOF_SECONDS:.0f} s")

    def _notice_what_was_lost(self, begun: float) -> None:
        """Cuts older transactions if an earlier proof is still unanswered after a later one has succeeded.

        A slow database, or a pooler without a free session, would have answered the earlier one first: so the network
        has lost it or its reply. Other callers on lost connections would wait for the driver's timeout.
        """
        silent, self._silent = self._silent, None
        if silent is not None and not _came_through(silent):
            silent.cancel()
            self._cut(begun)

    async def close(self) -> None:
        """Cancels the running proofs."""
        for proof in self._running:
            proof.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)


def _came_through(proof: "asyncio.Task[None]") -> bool:
    return proof.done() and not proof.cancelled() and proof.exception() is None
