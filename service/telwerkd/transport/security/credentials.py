"""API keys and tokens side by side: a text with the prefix of keys is a key, any other a token."""

from telwerkd.domain.errors import PermissionDeniedError
from telwerkd.transport.security.grants import Credentials, Grant
from telwerkd.transport.security.keys_file import PREFIX


class KeysAndTokens:
    """`Credentials` that pass on to those of API keys or of tokens."""

    def __init__(self, keys: Credentials, tokens: Credentials) -> None:
        self._keys = keys
        self._tokens = tokens

    async def prepare(self, token: str) -> None:
        """Prepares the check of a key or token."""
        await self._of(token).prepare(token)

    def key(self, token: str) -> Grant:
        """Returns the grant of a key or token."""
        return self._of(token).key(token)

    def refuse(self, grant: Grant, error: PermissionDeniedError) -> None:
        """Records a refusal, which both kinds do alike."""
        self._keys.refuse(grant, error)

    def _of(self, token: str) -> Credentials:
        return self._keys if token.startswith(PREFIX) else self._tokens
