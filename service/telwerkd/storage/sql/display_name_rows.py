"""The display names of an account."""

from collections.abc import Collection, Mapping

import sqlalchemy as sa

from telwerkd.domain.display_names import NameKey, NameKind
from telwerkd.storage.schema.tables import display_names
from telwerkd.storage.sql.account_part import AccountPart, check_types

_KEY = ("kind", "id")


class DisplayNameRows(AccountPart):
    """Reads and writes display names."""

    def display_names_of(self, keys: Collection[NameKey]) -> dict[NameKey, str]:
        """Returns the names of those things that have one."""
        wanted = sorted(keys)
        found = self._bulk.find(display_names, _KEY, [(int(kind), id_) for kind, id_ in wanted], ("name",))
        return {wanted[index]: _text(wanted[index].id, name) for index, name in found}

    def display_names_after(self, kind: NameKind, after: str, limit: int) -> list[tuple[NameKey, str]]:
        """Returns up to `limit` names of a kind, ordered by the bytes of their ids, after the id `after`."""
        c = display_names.c
        query = (
            sa.select(c.id, c.name)
            .where(c.account_id == self._account, c.kind == int(kind), c.id > after)
            .order_by(c.id)
            .limit(limit)
        )
        return [(NameKey(kind, _text("", id_)), _text(id_, name)) for id_, name in self._connection.execute(query)]

    def display_name_count(self) -> int:
        """Returns how many names the account has, of all kinds."""
        query = sa.select(sa.func.count()).where(display_names.c.account_id == self._account)
        return self._connection.scalar(query) or 0

    def put_display_names(self, names: Mapping[NameKey, str]) -> None:
        """Stores names, replacing earlier ones."""
        rows = [(int(kind), id_, names[NameKey(kind, id_)]) for kind, id_ in sorted(names)]
        self._bulk.insert(display_names, (*_KEY, "name"), rows, replacing=("name",))

    def remove_display_names(self, keys: Collection[NameKey]) -> None:
        """Removes names."""
        self._bulk.delete(display_names, _KEY, [(int(kind), id_) for kind, id_ in sorted(keys)])

    def remove_all_display_names(self) -> None:
        """Removes every name of the account."""
        self._connection.execute(sa.delete(display_names).where(display_names.c.account_id == self._account))


def _text(key: str, text: str) -> str:
    check_types(display_names.name, (key,), (text,), (str,))
    return text
