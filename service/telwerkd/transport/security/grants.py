"""Grants of callers, by an API key or by a token of an identity provider."""

from collections.abc import Collection
from typing import Protocol

from telwerkd.domain.errors import PermissionDeniedError
from telwerkd.transport.security.keys_file import Role


class Grant(Protocol):
    """The rights of a caller. No role implies another."""

    @property
    def id(self) -> str:
        """The id in the audit log: neither a secret nor personal data."""
        ...

    @property
    def called(self) -> str:
        """The grant's name within a sentence."""
        ...

    @property
    def roles(self) -> Collection[Role]:
        """The granted roles."""
        ...

    @property
    def accounts(self) -> Collection[str]:
        """The granted accounts; `*` is every one."""
        ...

    def grants_account(self, account_id: str) -> bool:
        """Whether the holder may name this account."""
        ...


class Credentials(Protocol):
    """The authentication of callers."""

    async def prepare(self, token: str) -> None:
        """Fetches keys that the check of a token needs, if they are missing. To be awaited once for each call."""
        ...

    def key(self, token: str) -> Grant:
        """Returns the rights of a token's holder at this moment.

        Raises:
            UnauthenticatedError: the token is invalid, expired or revoked.
            UnavailableError: it cannot be verified at the moment.
        """
        ...

    def refuse(self, grant: Grant, error: PermissionDeniedError) -> None:
        """Records that a known caller was refused."""
        ...
