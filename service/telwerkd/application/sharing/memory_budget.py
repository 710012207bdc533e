"""The memory that calls may hold together: counted by ourselves, because gRPC's Python API has no quota for it."""

from threading import Lock
from types import TracebackType
from typing import Self

from telwerkd.domain.errors import Reason, UnavailableError

_RETRY_SECONDS = 0.5


class MemoryBudget:
    """Counts the bytes that requests, replies and watches hold, and turns away what would not fit (`memory_bytes_max`).

    What is counted is an upper estimate by whoever reserves it. A reservation is one thread's at a time; threads that
    compute answers have theirs, beside those of the event loop.
    """

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self.bytes_reserved = 0
        self.lock = Lock()

    def reserve(self, size: int, what: str) -> "Reservation":
        """Counts `size` bytes until the reservation is released.

        A reservation larger than the whole budget is admitted while nothing else is reserved, so that no bound makes
        a valid request impossible.

        Raises:
            UnavailableError: OVERLOADED, they do not fit beside what is reserved.
        """
        reservation = Reservation(self, what)
        reservation.resize(size)
        return reservation


class Reservation:
    """Bytes that are counted until `release`; a context manager that releases them."""

    def __init__(self, budget: MemoryBudget, what: str) -> None:
        self._budget = budget
        self._what = what
        self.size = 0

    def resize(self, size: int) -> None:
        """Counts `size` bytes instead of as many as before; shrinking always succeeds.

        Raises:
            UnavailableError: OVERLOADED, they do not fit; the reservation stays as it was.
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
        """Counts them no more. Safe to repeat."""
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
    """What an answer takes in memory while it is made, in whatever thread; a context manager that ends it."""

    def __init__(self, budget: MemoryBudget) -> None:
        self._reservation = budget.reserve(0, "the answer")
        self._size = 0
        self._lock = Lock()
        self._is_over = False

    def take(self, size: int) -> None:
        """Counts `size` bytes more. Nothing once it has ended: whoever asked has gone before the thread was done.

        Raises:
            UnavailableError: OVERLOADED, they do not fit beside what other calls hold.
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
