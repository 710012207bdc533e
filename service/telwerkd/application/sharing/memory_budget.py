"""The limit on the memory of all calls together, as gRPC's Python API has no quota for it."""

from threading import Lock
from types import TracebackType
from typing import Self

from telwerkd.domain.errors import Reason, UnavailableError

_RETRY_SECONDS = 0.5


class MemoryBudget:
    """Counts the reserved bytes of requests, replies and watches, and refuses reservations above `memory_bytes_max`.

    Callers reserve an upper estimate. A reservation is used by one thread at a time; the event loop and threads that
    compute answers have reservations of their own.
    """

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self.bytes_reserved = 0
        self.lock = Lock()

    def reserve(self, size: int, what: str) -> "Reservation":
        """Reserves `size` bytes until the reservation is released.

        A reservation larger than the whole budget is admitted while nothing else is reserved, so that no limit makes
        a valid request impossible.

        Raises:
            UnavailableError: OVERLOADED, there is not enough left.
        """
        reservation = Reservation(self, what)
        reservation.resize(size)
        return reservation


class Reservation:
    """Bytes reserved until `release`; a context manager that releases them."""

    def __init__(self, budget: MemoryBudget, what: str) -> None:
        self._budget = budget
        self._what = what
        self.size = 0

    def resize(self, size: int) -> None:
        """Changes the reservation to `size` bytes; shrinking always succeeds.

        Raises:
            UnavailableError: OVERLOADED, there is not enough left; the reservation is unchanged.
        """
        budget = self._budget
        with budget.lock:
            others = budget.bytes_reserved - self.size
            if size > self.size and others and others + size > budget.bytes_max:
                raise UnavailableError(
                    Reason.OVERLOADED,
                    f"{self._what} takes about {size} bytes, and other calls hold {others} of the {budget.bytes_max} "
                    "bytes (memory_bytes_max) that all calls together may",
                    _RETRY_SECONDS,
                )
            budget.bytes_reserved = others + size
            self.size = size

    def split(self, size: int) -> "Reservation":
        """Makes up to `size` of the bytes a reservation of their own, which somebody else will release."""
        part = Reservation(self._budget, self._what)
        part.size = max(0, min(size, self.size))
        self.size -= part.size
        return part

    def release(self) -> None:
        """Releases the bytes. Idempotent."""
        self.resize(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


_UNCOUNTED_BYTES = 2**20
"""What an answer may take in memory and not be counted: few are made at one time, and most take less."""


class AnswerMemory:
    """The reservation of an answer while it is computed, in any thread; a context manager that ends it."""

    def __init__(self, budget: MemoryBudget) -> None:
        self._reservation = budget.reserve(0, "the answer")
        self._size = 0
        self._lock = Lock()
        self._is_over = False

    def take(self, size: int) -> None:
        """Reserves `size` bytes more; none after the end, when the caller was cancelled before the thread was done.

        Raises:
            UnavailableError: OVERLOADED, there is not enough left.
        """
        with self._lock:
            self._size += size
            if self._size > _UNCOUNTED_BYTES and not self._is_over:
                self._reservation.resize(self._size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._is_over = True
            self._reservation.release()
