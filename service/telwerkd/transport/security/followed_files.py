"""Files that are reloaded when they change, without a restart.

The content read last stays in use until all of the files can be read and are consistent: a faulty change must not take
the service down.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

from telwerkd.process.file_status import FileSignature, signature_of

_T = TypeVar("_T")

_log = logging.getLogger(__name__)


class FollowedFiles(Generic[_T]):
    """The content of files, as `load` returns it. Thread-safe.

    `load` raises `error`, and so does the constructor; `unreadable` returns the error for a file without a status.
    """

    def __init__(
        self,
        files: Sequence[Path],
        load: Callable[[], _T],
        error: type[Exception],
        unreadable: Callable[[Path, OSError], Exception],
        complaint: str,
    ) -> None:
        """`complaint` is logged, with the error in it, when a changed file cannot be used."""
        self._files = files
        self._load = load
        self._error = error
        self._unreadable = unreadable
        self._complaint = complaint
        self._logged = ""
        self._lock = Lock()
        # Before reading: a change meanwhile is then seen at the next look.
        self._seen = self._signature()
        self.content = load()

    def changed(self) -> _T | None:
        """Returns the new content if the files have changed and can be used, else None. Never raises."""
        with self._lock:
            try:
                signature = self._signature()
                if signature == self._seen:
                    self._logged = ""
                    return None
                content = self._load()
                if self._signature() != signature:
                    return None  # being written right now: the next look comes soon
            except self._error as error:
                # Not noted as seen, so that it is tried until it is put right; but logged only once.
                if str(error) != self._logged:
                    self._logged = str(error)
                    _log.error(self._complaint, error)  # the text says it all
                return None
            self._seen, self._logged, self.content = signature, "", content
            return content

    def _signature(self) -> tuple[FileSignature, ...]:
        return tuple(self._of(path) for path in self._files)

    def _of(self, path: Path) -> FileSignature:
        try:
            return signature_of(path)
        except OSError as error:
            raise self._unreadable(path, error) from error
