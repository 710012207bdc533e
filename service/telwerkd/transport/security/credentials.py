"""API keys and tokens beside each other: what begins as a key is one, and anything else is a token."""

from telwerkd.domain.errors import PermissionDeniedError
from telwerkd.transport.security.grants import Credentials, Grant
from telwerkd.transport.security.keys_file import PREFIX


class KeysAndTokens:
    """Both kinds of `Credentials`."""

    def __init__(self, keys: Credentials, tokens: Credentials) -> None:
        self._keys = keys
        self._tokens = tokens

    async def prepare(self, token: str) -> None:
        """See `Credentials`."""
        await self._of(token).prepare(token)

    def key(self, token: str) -> Grant:
        """See `Credentials`."""
        return self._of(token).key(token)

    def refuse(self, grant: Grant, error: PermissionDeniedError) -> None:
        """See `Credentials`. Either records it alike."""
        self._keys.refuse(grant, error)

    def _of(self, token: str) -> Credentials:
        return self._keys if token.startswith(PREFIX) else self._tokens
