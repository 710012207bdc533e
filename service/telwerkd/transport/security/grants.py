"""What a caller has proved to hold, whichever way: an API key, or a token of an identity provider."""

from collections.abc import Collection
from typing import Protocol

from telwerkd.domain.errors import PermissionDeniedError
from telwerkd.transport.security.keys_file import Role


class Grant(Protocol):
    """What a caller may do. No role implies another."""

    @property
    def id(self) -> str:
        """Names it in the audit log: no secret, and nobody's name."""
        ...

    @property
    def called(self) -> str:
        """The same in a sentence."""
        ...

    @property
    def roles(self) -> Collection[Role]:
        """What it lets its holder do."""
        ...

    @property
    def accounts(self) -> Collection[str]:
        """With which accounts; `*` is every one."""
        ...

    def grants_account(self, account_id: str) -> bool:
        """Whether the holder may name this account."""
        ...


class Credentials(Protocol):
    """What a server accepts as proof."""

    async def prepare(self, token: str) -> None:
        """Gets what is needed to check a token, if it is not there yet. To be awaited once for each call."""
        ...

    def key(self, token: str) -> Grant:
        """What the holder of a token may do at this moment.

        Raises:
            UnauthenticatedError: it proves nothing, or not any more.
            UnavailableError: that cannot be told at the moment.
        """
        ...

    def refuse(self, grant: Grant, error: PermissionDeniedError) -> None:
        """Records that a known caller was refused."""
        ...
