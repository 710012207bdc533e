"""Setting, replacing and erasing the display names of an account."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from telwerkd.application.ports import AccountWrites, Command, DisplayNamesView, DisplayNameWrites
from telwerkd.domain.display_names import NameKey, NameKind

_READ_AT_ONCE = 1_000


class NamesSet(NamedTuple):
    """The result of setting names."""

    set: int
    """The number of names that were added or changed."""
    removed: int
    excess: int = 0
    """The number of names that the account would have, if it exceeds the limit; then nothing was changed."""


class NamingTransaction(AccountWrites, DisplayNamesView, DisplayNameWrites, Protocol):
    """The reads and writes of changing display names."""


@dataclass(frozen=True, slots=True)
class SetDisplayNames(Command[NamesSet]):
    """Sets names, and removes those that are given empty, all or none."""

    names: Mapping[NameKey, str] = field(repr=False)  # personal data: no text that shows a command may have them
    names_max: int
    """How many the account may have."""
    replaces_all: bool = False
    """Removes every other name."""

    def run(self, tx: NamingTransaction) -> NamesSet:
        """Returns what has changed; after a change, raises the account's version, so that watches and caches see it."""
        before = _all(tx) if self.replaces_all else tx.display_names_of(self.names.keys())
        wanted = {key: name for key, name in self.names.items() if name}
        new = {key: name for key, name in wanted.items() if before.get(key) != name}
        gone = before.keys() - wanted.keys()
        added = len(new.keys() - before.keys())
        total = len(wanted) if self.replaces_all else tx.display_name_count() + added - len(gone)
        if added and total > self.names_max:
            return NamesSet(0, 0, total)
        if len(gone) == len(before) and self.replaces_all:
            tx.remove_all_display_names()
        else:
            tx.remove_display_names(gone)
        tx.put_display_names(new)
        if new or gone:
            tx.bump_version()
        return NamesSet(len(new), len(gone))


def _all(tx: DisplayNamesView) -> dict[NameKey, str]:
    found: dict[NameKey, str] = {}
    for kind in NameKind:
        after = ""
        while some := tx.display_names_after(kind, after, _READ_AT_ONCE):
            found.update(some)
            after = some[-1][0].id
    return found
