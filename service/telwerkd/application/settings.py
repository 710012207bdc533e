"""Reading and changing the settings of accounts and widgets."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple, Protocol, TypeVar

from telwerkd.application.commands.settings import SetTimeZone, SetWidgetSettings
from telwerkd.application.ports import AccountView, SettingsView, WidgetsView, WriteStore
from telwerkd.application.sharing.readers import Readers
from telwerkd.domain.conversation.settings import ACCOUNT_DEFAULTS, WidgetVersion
from telwerkd.domain.errors import LimitExceededError, NotFoundError, Reason, RequestPart
from telwerkd.domain.ids import AccountId, Micros, WidgetId
from telwerkd.domain.time import calendar
from telwerkd.domain.time.opening_hours import Schedule, ScheduleId

T = TypeVar("T")

DEFAULT_TIME_ZONE = "UTC"


_PAGE_BYTES_MAX = 2**20
"""What a page holds before it ends early: a version may have a thousand goals."""

_READ_AT_ONCE = 10


class SettingsPage(NamedTuple):
    """A page of encoded settings, and the offset of the next; None on the last."""

    encoded: list[bytes]
    next: int | None


Encode = Callable[[WidgetId, WidgetVersion, Schedule | None], bytes]


class DefaultsView(AccountView, WidgetsView, SettingsView, Protocol):
    """Reads the defaults of an account: opening hours and time zone."""


class AccountSettings:
    """The settings of accounts and widgets, in a store."""

    def __init__(
        self,
        store: WriteStore,
        readers: Readers,
        widget_settings_bytes_max: int | None = None,
        exhausted: Callable[[AccountId], None] = lambda _account: None,
    ) -> None:
        """`exhausted` is called with an account at its limit of settings, so that unused opening hours are freed."""
        self._store = store
        self._exhausted = exhausted
        self._readers = readers
        self._bytes_max = widget_settings_bytes_max

    async def set_widget(
        self, account: AccountId, widget: WidgetId, version: WidgetVersion, schedule: Schedule | None = None
    ) -> None:
        """Adds a version, or replaces the one with the same effective time; `schedule` is the one that it names.

        Raises:
            LimitExceededError: the account's other versions take too many bytes.
        """
        [others] = await self._store.write([(account, SetWidgetSettings(widget, version, self._bytes_max, schedule))])
        if others is not None:
            self._exhausted(account)
            raise LimitExceededError(
                RequestPart.WIDGET_SETTINGS,
                f"this account's other widget settings take {others} bytes, of all versions, and none is added beyond "
                f"{self._bytes_max} (widget_settings_bytes_max): replace some by smaller ones, of the same time",
            )

    async def widget(
        self, account: AccountId, widget: WidgetId, start: int, count: int, encode: Encode
    ) -> SettingsPage:
        """Returns up to `count` versions of a widget's settings, oldest first, from an offset on.

        Raises:
            NotFoundError: the widget has no settings.
        """

        def work(view: SettingsView) -> _Stretch:
            if not view.widget_history(widget, 0, 1):
                raise NotFoundError(Reason.WIDGET_SETTINGS_NOT_FOUND, f"widget {widget!r} has no settings")

            def read(*bounds: int) -> list[tuple[WidgetId, WidgetVersion]]:
                return [(widget, each) for each in view.widget_history(widget, *bounds)]

            return _stretch(view, read, start, count)

        return await self._readers.read(account, work, partial(_page, start=start, encode=encode))

    async def widgets(self, account: AccountId, start: int, count: int, encode: Encode) -> SettingsPage:
        """Returns the newest version of up to `count` widgets that have settings, by widget id, from an offset on."""

        def work(view: SettingsView) -> _Stretch:
            return _stretch(view, view.newest_settings, start, count)

        return await self._readers.read(account, work, partial(_page, start=start, encode=encode))

    async def compute(self, account: AccountId, work: Callable[[], T]) -> T:
        """Runs what takes too long for the event loop, see `Readers.compute`."""
        return await self._readers.compute(account, work)

    async def set_default_opening_hours(self, account: AccountId, effective: Micros, schedule: Schedule | None) -> None:
        """Adds a version of the opening hours of widgets that have none of their own; None: there are none.

        Raises:
            LimitExceededError: the account's other versions take too many bytes.
        """
        version = WidgetVersion(effective, None, (), (), schedule.id if schedule else b"")
        await self.set_widget(account, ACCOUNT_DEFAULTS, version, schedule)

    async def encoded(
        self, account: AccountId, encode: Callable[[str, tuple[WidgetVersion, Schedule | None] | None], bytes]
    ) -> bytes:
        """Returns the default zone of queries and the default opening hours, encoded in a thread."""

        def work(view: DefaultsView) -> tuple[str, tuple[WidgetVersion, Schedule | None] | None]:
            return zone_name(view), default_opening_hours(view)

        return await self._readers.read(account, work, lambda found: encode(*found))

    async def set_time_zone(self, account: AccountId, time_zone: str) -> None:
        """Sets the zone of queries that name none.

        Raises:
            InvalidArgumentError: it is not an IANA time zone.
        """
        # The name nearest to an unknown one takes long to find.
        await self._readers.compute(account, partial(calendar.zone, time_zone))
        await self._store.write([(account, SetTimeZone(time_zone))])


def zone_name(view: AccountView) -> str:
    """Returns the default zone of queries on an account."""
    return view.account().time_zone or DEFAULT_TIME_ZONE


def default_opening_hours(view: DefaultsView) -> tuple[WidgetVersion, Schedule | None] | None:
    """Returns the newest version of the default opening hours, with these; None where none were ever set."""
    history = view.widget_versions().get(ACCOUNT_DEFAULTS)
    return (history[-1], _schedules(view, history[-1:]).get(history[-1].schedule)) if history else None


def _schedules(view: SettingsView, versions: Iterable[WidgetVersion]) -> dict[ScheduleId, Schedule]:
    wanted = {version.schedule for version in versions if version.schedule}
    return view.schedules(wanted) if wanted else {}


class _Stretch(NamedTuple):
    """Consecutive versions, each with its opening hours: enough for a page, or more."""

    versions: list[tuple[WidgetId, WidgetVersion, Schedule | None]]
    has_next: bool
    """Whether there are any after them."""


def _stretch(
    view: SettingsView, read: Callable[[int, int], Sequence[tuple[WidgetId, WidgetVersion]]], start: int, count: int
) -> _Stretch:
    """Returns up to `count` versions from `read`, which takes offset and count; a few are read at a time.

    They are not encoded while the view is open, so their exact size is not known: versions are read until a lower bound
    of it fills a page.
    """
    versions: list[tuple[WidgetId, WidgetVersion, Schedule | None]] = []
    size_min = 0
    while len(versions) < count and size_min < _PAGE_BYTES_MAX:
        some = read(start + len(versions), min(_READ_AT_ONCE, count - len(versions)))
        if not some:
            return _Stretch(versions, has_next=False)
        schedules = _schedules(view, (version for _, version in some))
        versions += [(widget, version, schedules.get(version.schedule)) for widget, version in some]
        size_min += sum(_size_min(version, schedule) for _, version, schedule in versions[-len(some) :])
    return _Stretch(versions, has_next=bool(read(start + len(versions), 1)))


_STRETCH_BYTES_MIN = 4
"""Encoded size of a stretch of opening hours at least: tag and length, and a minute with its tag."""

_EXCEPTION_BYTES_MIN = 8
"""Encoded size of an exception without stretches at least: tag and length, and a date of three tagged numbers."""


def _size_min(version: WidgetVersion, schedule: Schedule | None) -> int:
    """Returns how many bytes a version has at least when it is encoded."""
    size = sum(len(goal.goal_id) + len(goal.url) for goal in version.goals)
    if schedule is not None:
        days = (*schedule.week, *(day for _, day in schedule.exceptions))
        size += _STRETCH_BYTES_MIN * sum(map(len, days)) + _EXCEPTION_BYTES_MIN * len(schedule.exceptions)
    return size


def _page(found: _Stretch, *, start: int, encode: Encode) -> SettingsPage:
    """Returns those with which a page is full, encoded."""
    encoded: list[bytes] = []
    size = 0
    for version in found.versions:
        encoded.append(encode(*version))
        size += len(encoded[-1])
        if size >= _PAGE_BYTES_MAX:
            break
    has_next = found.has_next or len(encoded) < len(found.versions)
    return SettingsPage(encoded, start + len(encoded) if has_next else None)
