"""Reloading of settings in a running server: those that `wiring.RELOADED` names; the others need a restart.

The files are the configuration and those named by `TELWERK_..._FILE`. They are checked once a second, and read again
when they have changed and then been unchanged for a second, or at once on SIGHUP. Invalid files change nothing.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from telwerkd.application.failures import logging_failures
from telwerkd.process.file_status import FileSignature, signature_of
from telwerkd.server.background import Background
from telwerkd.server.settings.loading import ConfigurationError, load
from telwerkd.server.settings.settings import Settings
from telwerkd.server.settings.sources import config_file, file_setting
from telwerkd.server.startup_checks import check
from telwerkd.server.wiring import RELOADED
from telwerkd.transport.security.tls import StartupError

log = logging.getLogger(__name__)


class Source(NamedTuple):
    """The sources from which the settings were loaded."""

    config: Path | None
    flags: Mapping[str, Any]

    def files(self) -> list[Path]:
        """Returns the files of settings, which may change while a server runs."""
        config = config_file(self.config)
        named = [os.environ[name] for name in os.environ if file_setting(name, Settings.model_fields)]
        return [*([] if config is None else [config]), *map(Path, named)]


class Reloading:
    """Watches the files of a server's settings, and reloads them."""

    def __init__(self, source: Source, started: Settings, *, look_seconds: float = 1.0) -> None:
        """The files are checked every `look_seconds`."""
        self._look_seconds = look_seconds
        self._source = source
        self._files = source.files()
        self._started = started
        self._last = started
        self._seen = self._signature()
        self._use: Callable[[Settings], None] | None = None

    @property
    def on_hangup(self) -> Callable[[], None] | None:
        """The handler of SIGHUP; None if there are no files to reload."""
        return self.reload if self._files else None

    @asynccontextmanager
    async def followed(self, use: Callable[[Settings], None]) -> AsyncIterator[asyncio.Event]:
        """Watches the files for the block; `use` applies the reloadable settings to the server.

        Yields the event that is set if the task dies, upon which the server must end.

        Raises:
            BackgroundTaskError: the task died.
        """
        self._use = use
        background = Background()
        background.start(self._follow(), "settings")
        try:
            yield background.failed
        finally:
            await background.end()

    async def _follow(self) -> None:
        before = self._seen
        while True:
            await asyncio.sleep(self._look_seconds)
            now = self._signature()
            # One that was written a moment ago may be half written: also half of a file can be a valid one.
            if now == before and now != self._seen:
                with logging_failures("settings"):
                    self.reload()
            before = now

    def reload(self) -> None:
        """Reads the files again, and logs the settings that it has applied, or why none."""
        self._seen = self._signature()
        try:
            settings = load(self._source.config, self._source.flags).settings
            check(settings)
        except (ConfigurationError, StartupError) as error:
            log.error("settings: not reloaded, all stay as they are: %s", error)  # noqa: TRY400  # the text says it all
            return
        if self._use is None:
            return
        changed = [name for name in Settings.model_fields if getattr(settings, name) != getattr(self._last, name)]
        if changed:
            self._use(settings)
        for name in changed:
            self._tell(name, settings)
        if not changed:
            log.info("settings: read again, nothing has changed")
        self._last = settings

    def _tell(self, name: str, settings: Settings) -> None:
        now, running = getattr(settings, name), getattr(self._started, name)
        if name in RELOADED:
            log.info("settings: %s is %s from now on, and was %s", name, now, getattr(self._last, name))
        elif now == running:
            log.info("settings: %s is %s again, as this server runs", name, now)
        else:
            log.warning("settings: %s is %s in the files, and %s until this server is restarted", name, now, running)

    def _signature(self) -> tuple[FileSignature | None, ...]:
        """Returns a value that changes when a file is written, replaced or removed."""
        return tuple(map(_signature_of, self._files))


def _signature_of(path: Path) -> FileSignature | None:
    with suppress(OSError):
        return signature_of(path)
    return None
