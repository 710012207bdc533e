"""Authorisation of calls by API keys, sent as metadata `authorization: Bearer tw_<id>_<secret>`, or by tokens.

One interceptor decides, for every RPC and for every message of a stream; servicers decide nothing. With neither keys
nor tokens the interceptor is not installed, and `access.check_exposure` makes sure that the service then listens on
loopback only.
"""

import asyncio
import enum
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import grpc
import grpc.aio
from google.protobuf.message import Message

from telwerkd.application import audit_log
from telwerkd.domain.errors import (
    InvalidArgumentError,
    PermissionDeniedError,
    Reason,
    UnauthenticatedError,
    UnavailableError,
)
from telwerkd.process.log_format import Event
from telwerkd.transport.codec.ingest.event_batch import EventBatch
from telwerkd.transport.codec.query.query_batch import QueryBatch
from telwerkd.transport.grpc.errors import refusing
from telwerkd.transport.grpc.handlers import (
    HANDLERS_MAX,
    Behaviour,
    Context,
    Continuation,
    Deserializer,
    Handler,
    behaviour_of,
    rebuilt,
    writing,
)
from telwerkd.transport.security import keys_file
from telwerkd.transport.security.followed_files import FollowedFiles
from telwerkd.transport.security.grants import Credentials, Grant
from telwerkd.transport.security.keys_file import Key, KeysFileError, Role
from telwerkd.transport.security.refused_keys import RefusedKeys
from telwerkd.transport.security.tls import StartupError

_log = logging.getLogger(__name__)


class Open(enum.Enum):
    """Marks methods that need no key."""

    TO_ALL = "to all"


_RULES: Final[tuple[tuple[str, Role | Open], ...]] = (
    ("/telwerk.v1.IngestionService/", Role.INGEST),
    ("/telwerk.v1.KpiService/", Role.QUERY),
    ("/telwerk.v1.SettingsService/Get", Role.QUERY),
    ("/telwerk.v1.SettingsService/List", Role.QUERY),
    ("/telwerk.v1.SettingsService/Set", Role.ADMIN),
    ("/telwerk.v1.AdminService/", Role.ADMIN),
    # Probes have no keys, and the contract is no secret.
    ("/grpc.health.v1.Health/", Open.TO_ALL),
    ("/grpc.reflection.v1.ServerReflection/", Open.TO_ALL),
    ("/grpc.reflection.v1alpha.ServerReflection/", Open.TO_ALL),
)
"""What each method needs, by the beginning of its name."""


_RECHECK_SECONDS: Final = 1.0
"""How often the key of a stream of replies is looked at again."""

_WITHOUT_ACCOUNT: Final = frozenset({"telwerk.v1.ListKpisRequest"})


def access_of(method: str) -> Role | Open | None:
    """Returns the role that a method (`/package.Service/Rpc`) needs; None if no rule covers it: it is refused then."""
    return next((access for beginning, access in _RULES if method.startswith(beginning)), None)


class Keyring:
    """The keys in force: those in the file, which is checked for changes at most every `check_interval_seconds`.

    So a key that is removed from the file stops working within that time, for calls and for messages on open streams.
    If the file becomes invalid or unreadable, the keys read last stay in force, which is logged.

    Raises:
        StartupError: the file cannot be used at the start.
    """

    def __init__(
        self, path: Path, check_interval_seconds: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = path
        self._check_interval_seconds = check_interval_seconds
        self._clock = clock
        self._checked_at = clock()
        self._refused = RefusedKeys()
        try:
            self._file = FollowedFiles(
                [path],
                lambda: keys_file.load(path),
                KeysFileError,
                keys_file.unreadable,
                "API keys: %s; the keys read before stay in force",
            )
        except KeysFileError as error:
            raise StartupError(f"API keys: {error}") from error
        self._keys = self._file.content

    async def prepare(self, token: str) -> None:
        """Does nothing: a key is checked against the keys in memory."""

    def refuse(self, grant: Grant, error: PermissionDeniedError) -> None:
        """Logs the refusal of a known key."""
        self._refused.tell(grant.id, error.reason, error.account)

    def key(self, token: str) -> Key:
        """Returns the key of a token, after a check of its secret.

        Raises:
            UnauthenticatedError: KEY_UNKNOWN. The key is malformed, unknown, revoked or has a wrong secret; the error
                is the same for all four.
        """
        self._refresh()
        parts = keys_file.split(token)
        found = None if parts is None else self._keys.get(parts[0])
        if parts is None or found is None or not found.is_opened_by(parts[1]):
            # What is not in the file may be a secret that was sent in the wrong place.
            self._refused.tell("-" if found is None else found.id, Reason.KEY_UNKNOWN)
            raise UnauthenticatedError(Reason.KEY_UNKNOWN, "this API key is not known, or was revoked")
        return found

    def _refresh(self) -> None:
        now = self._clock()
        if now - self._checked_at < self._check_interval_seconds:
            return
        self._checked_at = now
        keys = self._file.changed()
        if keys is not None:
            before, self._keys = self._keys, keys
            _record_changes(before, keys)
            text = f"API keys: {len(keys)} read from {self._path}"
            _log.info(Event("API keys read", {"keys": len(keys), "file": str(self._path)}, text))


def _record_changes(before: Mapping[str, Key], after: Mapping[str, Key]) -> None:
    for key_id in sorted(before.keys() | after.keys()):
        was, now = before.get(key_id), after.get(key_id)
        if was != now:
            action = "key added" if was is None else "key removed" if now is None else "key changed"
            granted = "" if now is None else f"roles={','.join(role.value for role in now.roles)}"
            audit_log.record(action, "" if now is None else " ".join(now.accounts), granted, key_id)


class AuthInterceptor(grpc.aio.ServerInterceptor):
    """Authorises a call if its key or token grants the method's role and the account that the request names.

    Stands inside the `ErrorInterceptor`, which turns its errors into statuses. Key and role are checked before anything
    is read of the request. The account is checked as each message is decoded (of a large one it is all that was decoded
    by then), with the keys in force at that moment: so none reaches a servicer unchecked, whichever way it reads, and a
    stream of requests ends with the first one after its key was revoked. A stream of replies to a single request has no
    further message to check: it is ended soon after its key was revoked, idle or not.

    A method for which no rule was written is refused. One that does not exist is left to gRPC's UNIMPLEMENTED, so that
    a newer client learns what it needs to; but not without a key.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._made = lru_cache(HANDLERS_MAX)(self._checking)

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> "Handler | None":
        """Checks key and role, and wraps the method's handler with the check of the account."""
        access = access_of(handler_call_details.method)
        if access is Open.TO_ALL:
            return await continuation(handler_call_details)
        try:
            token = _bearer(handler_call_details.invocation_metadata)
            await self._credentials.prepare(token)
            key = self._credentials.key(token)
        except (UnauthenticatedError, UnavailableError) as error:
            return refusing(error)
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        audit_log.caller.set(key.id)
        if not isinstance(access, Role) or access not in key.roles:
            denied = _role_not_granted(key, access)
            self._credentials.refuse(key, denied)
            return refusing(denied)
        # By keys that are known: others do not come here.
        return self._made(handler, token, access)

    def _checking(self, handler: Handler, token: str, role: Role) -> Handler:
        decode = handler.request_deserializer
        if decode is None:
            raise TypeError("a method whose requests are not decoded cannot be checked")
        behaviour = behaviour_of(handler)
        if handler.response_streaming and not handler.request_streaming:
            behaviour = self._while_granted(writing(behaviour), token, role)
        return rebuilt(handler, behaviour, self._decoding(decode, token, role), handler.response_serializer)

    def _while_granted(self, behaviour: Behaviour, token: str, role: Role) -> Behaviour:
        async def reply(request: Message, context: Context) -> None:
            replying = asyncio.ensure_future(behaviour(request, context))
            try:
                while not replying.done():
                    await asyncio.wait({replying}, timeout=_RECHECK_SECONDS)
                    _check_account(self._granting(token, role), request)
                replying.result()
            finally:
                replying.cancel()
                # Its last words, if it has any, are heard: nothing of it goes on alone.
                await asyncio.gather(replying, return_exceptions=True)

        return reply

    def _decoding(self, decode: Deserializer, token: str, role: Role) -> Deserializer:
        def decoded(raw: bytes) -> Any:
            key = self._granting(token, role)
            try:
                message = decode(raw)
                _check_account(key, message)
            except PermissionDeniedError as error:
                self._credentials.refuse(key, error)
                raise
            return message

        return decoded

    def _granting(self, token: str, role: Role) -> Grant:
        key = self._credentials.key(token)
        if role not in key.roles:
            raise _role_not_granted(key, role)
        return key


async def check_watcher(credentials: Credentials, metadata: Iterable[tuple[str, str | bytes]]) -> None:
    """Checks that a caller may read the metrics: by a key or token for all accounts with the role `query`.

    Raises:
        UnauthenticatedError: there is no key or token, or no valid one.
        PermissionDeniedError: it does not grant that.
        UnavailableError: it cannot be verified at the moment.
    """
    token = _bearer(metadata)
    await credentials.prepare(token)
    key = credentials.key(token)
    if Role.QUERY in key.roles and keys_file.EVERY_ACCOUNT in key.accounts:
        return
    text = f"metrics need the role query for every account; {key.called} has it not"
    denied = PermissionDeniedError(Reason.ROLE_NOT_GRANTED, text)
    credentials.refuse(key, denied)
    raise denied


def _role_not_granted(key: Grant, access: Role | None) -> PermissionDeniedError:
    needed = "a right that no key has" if access is None else f"the role {access.value}"
    return PermissionDeniedError(Reason.ROLE_NOT_GRANTED, f"this method needs {needed}; {key.called} has it not")


def _check_account(key: Grant, message: Message | EventBatch | QueryBatch) -> None:
    """Checks the account of a message. Only types in `_WITHOUT_ACCOUNT` need none; others without one are refused."""
    if isinstance(message, EventBatch | QueryBatch):
        _check_grant(key, message.account_id)
        return
    if message.DESCRIPTOR.full_name in _WITHOUT_ACCOUNT:
        return
    if "account_id" not in message.DESCRIPTOR.fields_by_name:
        raise PermissionDeniedError(
            Reason.ACCOUNT_NOT_GRANTED, f"{message.DESCRIPTOR.full_name} names no account to be granted"
        )
    _check_grant(key, message.account_id)  # type: ignore[attr-defined] # the descriptor says so


def _check_grant(key: Grant, account_id: str) -> None:
    if not account_id:
        raise InvalidArgumentError.of("account_id", "is required")
    if not key.grants_account(account_id):
        text = f"{key.called} does not grant the account {account_id}"
        raise PermissionDeniedError(Reason.ACCOUNT_NOT_GRANTED, text, account_id)


def _bearer(metadata: Iterable[tuple[str, str | bytes]] | None) -> str:
    """Returns the bearer token of a call. Raises `UnauthenticatedError` (KEY_MISSING)."""
    for name, value in metadata or ():
        if name == "authorization" and isinstance(value, str):
            scheme, _, token = value.partition(" ")
            if scheme.lower() == "bearer" and token.strip():
                return token.strip()
    raise UnauthenticatedError(
        Reason.KEY_MISSING, "an API key or a token is required, as metadata `authorization: Bearer <key>`"
    )
