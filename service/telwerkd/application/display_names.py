"""Setting and listing display names."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import NamedTuple, Protocol, TypeVar

from telwerkd.application.commands.set_display_names import NamesSet, SetDisplayNames
from telwerkd.application.ports import DisplayNamesView, Pausing, WriteStore
from telwerkd.application.sharing.readers import Readers
from telwerkd.domain.display_names import NameKey, NameKind, folded
from telwerkd.domain.errors import LimitExceededError, RequestPart
from telwerkd.domain.ids import AccountId

T = TypeVar("T")

NAMES_PER_ACCOUNT_MAX = 100_000

_READ_AT_ONCE = 1_000

_LOOKED_AT_MAX = 20_000
"""Names that are looked at for one page: it may be short, even empty, and still have a next one."""

_NAME_MS = 0.002
"""About what it takes to read a name and to look at it."""


class Listing(NamedTuple):
    """A request for a page of display names."""

    kind: NameKind
    prefix: str
    """A prefix of the id, or of the name, ignoring case."""
    within: str
    """A prefix of the key: for the options of a question, its id and the separator."""
    after: str
    """The page begins after this key's id."""
    size: int


class NamePage(NamedTuple):
    """A page of names, and the cursor of the next; None on the last."""

    names: list[tuple[NameKey, str]]
    next: str | None
    looked_at: int


class DisplayNames:
    """The display names of accounts, in a store."""

    def __init__(
        self,
        store: WriteStore,
        readers: Readers,
        names_max: int = NAMES_PER_ACCOUNT_MAX,
        spent: Callable[[AccountId, float], None] = lambda _account, _milliseconds: None,
    ) -> None:
        """`spent` receives the cost of an account's requests, in estimated milliseconds."""
        self._store = store
        self._readers = readers
        self._names_max = names_max
        self._spent = spent

    async def set(self, account: AccountId, names: Mapping[NameKey, str], *, replaces_all: bool) -> NamesSet:
        """Sets names, and removes those that are given empty; with `replaces_all` every other one too. All or nothing.

        Raises:
            LimitExceededError: the account would have too many.
        """
        [done] = await self._store.write([(account, SetDisplayNames(names, self._names_max, replaces_all))])
        if done.excess:
            raise LimitExceededError(
                RequestPart.DISPLAY_NAMES,
                f"this account would have {done.excess} display names, at most {self._names_max} "
                "(display_names_max) are allowed: remove some",
            )
        return done

    async def page(self, account: AccountId, asked: Listing, then: Callable[[NamePage], T]) -> T:
        """Reads a page of names, and returns what `then` makes of it in a thread.

        Raises:
            QuotaExceededError: too many questions of the account wait.
        """
        return await self._readers.read(
            account, partial(page, asked), then, lambda found: self._spent(account, found.looked_at * _NAME_MS)
        )

    async def compute(self, account: AccountId, work: Callable[[], T]) -> T:
        """Runs what takes too long for the event loop, see `Readers.compute`."""
        return await self._readers.compute(account, work)


class ListingView(DisplayNamesView, Pausing, Protocol):
    """Reads the display names of an account."""


def page(asked: Listing, view: ListingView) -> NamePage:
    """Returns a page of names, on a view of their account."""
    names: list[tuple[NameKey, str]] = []
    looked_at, last = 0, asked.after
    for key, name in _from(asked, view):
        if not key.id.startswith(asked.within):
            return NamePage(names, None, looked_at)
        if len(names) == asked.size or looked_at == _LOOKED_AT_MAX:
            return NamePage(names, last, looked_at)
        looked_at, last = looked_at + 1, key.id
        if begins(asked.prefix, key, name):
            names.append((key, name))
    return NamePage(names, None, looked_at)


def _from(asked: Listing, view: ListingView) -> Iterator[tuple[NameKey, str]]:
    # A key that begins with something comes after it, or is it.
    after = max(asked.after, asked.within)
    while some := view.display_names_after(asked.kind, after, _READ_AT_ONCE):
        yield from some
        view.pause()
        after = some[-1][0].id


def begins(prefix: str, key: NameKey, name: str) -> bool:
    """Whether a thing's own id, or its name in any case of letters, begins so."""
    return not prefix or key.parts[1].startswith(prefix) or folded(name).startswith(folded(prefix))
