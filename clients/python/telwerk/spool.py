"""The spool of a sender: what was added stands on disk until the server has answered it.

One thread has the file. Events that are added while it commits are the next transaction together, so that those who add
at the same time share one sync of the disk. What is asked of it is answered by futures, which threads wait for and
tasks await.
"""

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple
from weakref import WeakSet

from telwerk.sender_errors import BufferFullError, SpoolError
from telwerk.spool_file import BYTES_MIN, SpoolFile, Stored

_GROUP_MAX: Final = 1_000
"""Events in one transaction."""

_log = logging.getLogger("telwerk.sender")


class _Append(NamedTuple):
    event: bytes
    done: Future[None]


class _Read(NamedTuple):
    after: int
    events_max: int
    bytes_max: int
    done: Future[list[Stored]]


class Spool:
    """See the module. Threads may share it; `changed` is called in its own after each change.

    Where there is no room for an event it and those behind it wait, or with `waits=False` it fails.

    Raises:
        ValueError: `bytes_max` is too small.
        SpoolError: the file cannot be used.
    """

    def __init__(
        self, path: str | os.PathLike[str], account_id: str, bytes_max: int, *, waits: bool, changed: Callable[[], None]
    ) -> None:
        if bytes_max < BYTES_MIN:
            raise ValueError(f"spool_bytes_max is at least {BYTES_MIN:,}")
        self._file = SpoolFile(Path(path), account_id, bytes_max)
        self._full = f"the spool {self._file.path} is full (spool_bytes_max = {bytes_max:,})"
        self._waits = waits
        self._changed = changed
        self._asked = threading.Condition()
        self._appends: deque[_Append] = deque()
        self._reads: deque[_Read] = deque()
        self._removals: list[int] = []
        self._removed: list[Future[None]] = []
        self._has_room = True
        self._is_full = False
        self._refusal: Exception | None = None
        self._is_closed = False
        self.in_use = threading.Lock()
        """Held while the file is read or written."""
        self._thread = threading.Thread(target=self._work, name="telwerk-spool", daemon=True)
        _spools.add(self)
        self._thread.start()

    @property
    def path(self) -> Path:
        """Of the file."""
        return self._file.path

    @property
    def count(self) -> int:
        """Events that the server has not answered."""
        return self._file.count

    @property
    def number_last(self) -> int:
        """The number of the newest event."""
        return self._file.number_last

    def append(self, event: bytes) -> Future[None]:
        """Done once the event is durable. One that is cancelled before its transaction began is not stored.

        Raises, here or by the future:
            BufferFullError: there is no room.
            SpoolError: the file cannot be written, or the event is too large for it.
            Exception: that of `refuse`.
        """
        self._file.check_size(event)
        done: Future[None] = Future()
        with self._asked:
            if self._refusal is not None:
                raise self._refusal
            self._appends.append(_Append(event, done))
            self._asked.notify()
        return done

    def remove(self, numbers: Sequence[int]) -> Future[None]:
        """The server has answered these: done once they have left the file, or could not. Then it is tried again."""
        done: Future[None] = Future()
        with self._asked:
            if self._is_closed:
                done.set_result(None)
            else:
                self._removals += numbers
                self._removed.append(done)
                self._asked.notify()
        return done

    def read(self, after: int, events_max: int, bytes_max: int) -> Future[list[Stored]]:
        """The oldest events after that number, at least one if there is any.

        Raises, by the future:
            SpoolError: the file cannot be read.
            Exception: that of `refuse`, once it is closed.
        """
        done: Future[list[Stored]] = Future()
        with self._asked:
            if self._is_closed:
                done.set_exception(self._refusal)
            else:
                self._reads.append(_Read(after, events_max, bytes_max, done))
                self._asked.notify()
        return done

    def refuse(self, error: Exception) -> None:
        """From now on, what is added or waits for room is answered with this error."""
        with self._asked:
            self._refusal = self._refusal or error
            self._asked.notify()

    def close(self, error: Exception) -> None:
        """Refuses what comes, and lets go of the file; what was not answered stays in it."""
        self.refuse(error)
        with self._asked:
            self._is_closed = True
            self._asked.notify()
        self._thread.join()

    # --- in its thread ---

    def _work(self) -> None:
        try:
            while not self._step():
                pass
        except Exception as error:  # noqa: BLE001 - logged, and told to all who wait
            # Nobody may wait for ever for a thread that is gone.
            _log.exception("the spool %s cannot go on", self.path)
            self._break_off(SpoolError(f"the spool {self.path} cannot go on: {error!r}"))
        finally:
            with self.in_use:
                self._file.close()
            _spools.discard(self)

    def _step(self) -> bool:
        """Does what is asked, the removal first, which makes room; whether it was the last time."""
        with self._asked:
            self._asked.wait_for(self._has_work)
            is_last = self._is_closed
        self._remove()
        self._append()
        self._read()
        return is_last

    def _has_work(self) -> bool:
        can_append = self._appends and (self._has_room or self._refusal is not None)
        return bool(self._removed or self._reads or can_append or self._is_closed)

    def _remove(self) -> None:
        with self._asked:
            numbers, done = self._removals, self._removed
            self._removals, self._removed = [], []
            if not numbers:
                return
            self._has_room = True
        try:
            with self.in_use:
                self._file.remove(numbers)
        except SpoolError as error:
            if done:
                said = (len(numbers), error)
                _log.warning("%d answered events stay in the spool for now, and may be sent again: %s", *said)
            with self._asked:
                self._removals += numbers
        _tell(done)
        self._changed()

    def _append(self) -> None:
        with self._asked:
            while self._appends and self._appends[0].done.cancelled():
                self._appends.popleft()
            refusal = self._refusal
            offered = [one.event for one in islice(self._appends, _GROUP_MAX)]
        if not offered:
            return
        if refusal is not None:
            _fail(self._next(len(self._appends)), refusal)
            return
        try:
            with self.in_use:
                fitting = self._file.fitting(offered)
        except SpoolError as error:
            _fail(self._next(len(offered)), error)
        else:
            self._store(fitting) if fitting else self._wait_for_room()

    def _store(self, count: int) -> None:
        group = self._next(count)
        try:
            with self.in_use:
                self._file.append([one.event for one in group])
        except SpoolError as error:
            _fail(group, error)
            return
        self._is_full = False
        for one in group:
            one.done.set_result(None)
        self._changed()

    def _wait_for_room(self) -> None:
        """The oldest, and so that all later ones do."""
        if not self._waits:
            _fail(self._next(1), BufferFullError(f"{self._full}: there is no room for another event"))
            return
        with self._asked:
            self._has_room = False
        if not self._is_full:
            _log.warning("%s: adding waits for the server", self._full)
        self._is_full = True

    def _next(self, count: int) -> list[_Append]:
        """The oldest that wait, without those that were cancelled; none of them can be cancelled any more."""
        with self._asked:
            taken = [self._appends.popleft() for _ in range(count)]
        return [one for one in taken if one.done.set_running_or_notify_cancel()]

    def _read(self) -> None:
        with self._asked:
            reads, self._reads = self._reads, deque()
        for one in reads:
            if not one.done.set_running_or_notify_cancel():
                continue
            try:
                with self.in_use:
                    found = self._file.read(one.after, one.events_max, one.bytes_max)
            except SpoolError as error:
                one.done.set_exception(error)
            else:
                one.done.set_result(found)

    def _break_off(self, error: SpoolError) -> None:
        with self._asked:
            self._refusal, self._is_closed = error, True
            removed, self._removed = self._removed, []
            reads, self._reads = self._reads, deque()
        _fail(self._next(len(self._appends)), error)
        _fail([one for one in reads if one.done.set_running_or_notify_cancel()], error)
        _tell(removed)


def _tell(done: Iterable[Future[None]]) -> None:
    """The removals are over. Who waited for one may have been cancelled."""
    for one in done:
        if one.set_running_or_notify_cancel():
            one.set_result(None)


def _fail(asked: Iterable[_Append | _Read], error: Exception) -> None:
    for one in asked:
        one.done.set_exception(error)


class _Forks:
    """A fork waits until no file is in use: a child has a copy of the memory, and none of a half-done transaction.

    The child never touches a parent's connection, nor closes it before its own end. With nothing half done, and the
    log's index shared between processes, closing it then is what SQLite expects of a second reader.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._stopped: list[Spool] = []
        self._of_parents: list[Spool] = []
        os.register_at_fork(
            before=self._before, after_in_parent=self._after_in_parent, after_in_child=self._after_in_child
        )

    def _before(self) -> None:
        self._turn.acquire()
        self._stopped = list(_spools)
        for spool in self._stopped:
            spool.in_use.acquire()

    def _after_in_parent(self) -> None:
        for spool in self._stopped:
            spool.in_use.release()
        self._stopped = []
        self._turn.release()

    def _after_in_child(self) -> None:
        self._of_parents += self._stopped
        _spools.clear()
        self._after_in_parent()


_spools: Final[WeakSet[Spool]] = WeakSet()
_forks: Final = _Forks()
