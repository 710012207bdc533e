"""A token of the issuer opens what its claims grant until it expires, and no other token opens anything."""

import base64
import hmac
import json
import logging
import time
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from telwerk.v1 import (
    admin_service_pb2 as admin,
    admin_service_pb2_grpc as admin_grpc,
    ingestion_service_pb2 as ingestion,
    kpi_service_pb2 as kpi,
)
from telwerkd.domain.errors import Reason, UnauthenticatedError, UnavailableError
from telwerkd.server.credentials import accepted_credentials, check_tokens
from telwerkd.server.settings.settings import Settings
from telwerkd.transport.grpc.errors import ErrorInterceptor
from telwerkd.transport.security import keys_file
from telwerkd.transport.security.auth import AuthInterceptor
from telwerkd.transport.security.jwks import FileKeys, RemoteKeys
from telwerkd.transport.security.keys_file import Role
from telwerkd.transport.security.tls import StartupError
from telwerkd.transport.security.tokens import TokenRules, Tokens
from tests.conftest import CALL_SECONDS, refusal, started
from tests.transport.security.issuing import EC, ED, KEYS, OTHER_RSA, RSA, jwk, key_set
from tests.transport.security.test_auth import STREAMS

ISSUER, AUDIENCE = "https://id.example/realms/shop", "telwerk"


def claims(**more: Any) -> dict[str, Any]:
    """Those of a token that is right for the account acme, changed; None takes one away.

    It outlives the tests: tables of tokens are made when they are collected.
    """
    now = int(time.time())
    right = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "exp": now + 86_400,
        "telwerk_accounts": ["acme"],
        "telwerk_roles": ["ingest", "query"],
        "azp": "helpdesk",
        "jti": "n-1",
        "sub": "jan@example.com",
        "email": "jan@example.com",
    }
    return {name: value for name, value in (right | more).items() if value is not None}


def token(key: Any = RSA, algorithm: str = "RS256", kid: str | None = "r", **more: Any) -> str:
    return jwt.encode(claims(**more), key, algorithm, {} if kid is None else {"kid": kid})


def unsigned(header: dict[str, Any], signature: str = "") -> str:
    parts = (json.dumps(part).encode() for part in (header, claims()))
    return ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), signature])


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return time.time() + self.seconds


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "jwks.json"
    file.write_bytes(KEYS)
    return file


RULES = TokenRules(ISSUER, AUDIENCE, "telwerk_accounts", "telwerk_roles", 30.0)


def tokens_of(path: Path, rules: TokenRules = RULES, clock: Any = time.time) -> Tokens:
    return Tokens(rules, FileKeys(path), clock)


def refused(tokens: Tokens, text: str) -> tuple[Reason, str]:
    with pytest.raises(UnauthenticatedError) as caught:
        tokens.key(text)
    return caught.value.reason, caught.value.message


@pytest.mark.parametrize(
    ("key", "algorithm", "kid"),
    [(RSA, "RS256", "r"), (RSA, "RS512", "r"), (RSA, "PS256", "r"), (EC, "ES256", "e"), (ED, "EdDSA", "d")],
)
def test_each_asymmetric_algorithm_that_fits_its_key_is_accepted(path, key, algorithm, kid):
    grant = tokens_of(path).key(token(key, algorithm, kid))
    assert grant.roles == {Role.INGEST, Role.QUERY}
    assert grant.grants_account("acme")
    assert not grant.grants_account("blue")


WRONG = {
    "other issuer": (token(iss="https://id.example/realms/shop/"), "issuer"),
    "no issuer": (token(iss=None), "has no iss"),
    "other audience": (token(aud="grafana"), "audience"),
    "no audience": (token(aud=None), "has no aud"),
    "audiences without ours": (token(aud=["a", "b"]), "audience"),
    "not yet valid": (token(nbf=int(time.time()) + 43_200), "not valid yet"),
    "never ends": (token(exp=None), "has no exp"),
    "ends at infinity": (token(exp=float("inf")), "cannot be read"),
    "ends at a text": (token(exp="tomorrow"), "cannot be read"),
    "none": (unsigned({"alg": "none", "kid": "r"}), "algorithm"),
    "None": (unsigned({"alg": "NONE", "kid": "r"}), "algorithm"),
    "algorithm is a list": (unsigned({"alg": ["RS256"], "kid": "r"}, "c2ln"), ""),
    "key is a number": (unsigned({"alg": "RS256", "kid": 1}, "c2ln"), ""),
    "symmetric": (token("x" * 64, "HS256"), "algorithm"),
    "no key id": (token(kid=None), "kid"),
    "unknown key": (token(kid="nowhere"), "kid"),
    "another's key": (token(OTHER_RSA), "signature"),
    "another's key of the set": (token(EC, "ES256", "r"), "kid"),
    "not the key's algorithm": (token(OTHER_RSA, "RS512", "only-256"), "kid"),
    "not signed at all": (token().rpartition(".")[0] + ".", "signature"),
    "accounts are a number": (token(telwerk_accounts=7), "telwerk_accounts"),
    "accounts are numbers": (token(telwerk_accounts=["acme", 7]), "telwerk_accounts"),
    "accounts are an object": (token(telwerk_accounts={"acme": True}), "telwerk_accounts"),
    "roles are true": (token(telwerk_roles=True), "telwerk_roles"),
    "critical extension": (
        jwt.encode(claims(), RSA, "RS256", {"kid": "r", "crit": ["exp2"], "exp2": 1}),
        "",
    ),
    "two parts": ("a.b", "is no JWT"),
    "nothing in three parts": ("..", "is no JWT"),
    "deep": (base64.urlsafe_b64encode(b"[" * 5_000).decode() + ".e30.c2ln", "is no JWT"),
    "not ASCII": ("é.é.é", "is no JWT"),
    "an API key": ("tw_crm_00", "is no JWT"),
}


@pytest.mark.parametrize("name", WRONG)
def test_any_other_token_is_refused_with_a_sentence_that_says_why(path, name):
    wrong, text = WRONG[name]
    reason, message = refused(tokens_of(path), wrong)
    assert reason is Reason.TOKEN_INVALID
    assert text in message


def test_the_public_key_is_no_secret_to_sign_with(path):
    """The classic confusion: HMAC with the bytes of the public key, under the key's own id."""
    pem = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = unsigned({"alg": "HS256", "kid": "r"}).rstrip(".")
    mac = base64.urlsafe_b64encode(hmac.digest(pem, signed.encode(), "sha256")).decode().rstrip("=")
    assert "algorithm" in refused(tokens_of(path), f"{signed}.{mac}")[1]


def test_a_token_expires_at_its_time_and_the_leeway_even_when_it_was_accepted_before(path):
    clock = Clock()
    tokens, text = tokens_of(path, clock=clock), token(exp=int(time.time()) + 100)
    tokens.key(text)
    clock.seconds = 120
    tokens.key(text)  # the leeway
    clock.seconds = 131
    assert refused(tokens, text) == (Reason.TOKEN_EXPIRED, "the token has expired")
    tokens.key(token(exp=10**400))
    assert refused(tokens_of(path), token(exp=int(time.time()) - 31))[0] is Reason.TOKEN_EXPIRED
    tokens_of(path).key(token(exp=int(time.time()) - 20))


@pytest.mark.parametrize(
    ("granted", "account", "is_granted"),
    [
        ("acme", "acme", True),
        ("a b", "a b", True),
        ("a b", "a", False),
        ("*", "any", True),
        (["x", "*"], "any", True),
        ([], "acme", False),
        (None, "acme", False),
        ("ac*", "acme", False),
    ],
)
def test_accounts_are_a_text_or_a_list_and_the_star_is_every_one(path, granted, account, is_granted):
    assert tokens_of(path).key(token(telwerk_accounts=granted)).grants_account(account) is is_granted


def test_roles_may_be_a_scope_and_stand_deeper_and_those_of_others_are_ignored(path):
    tokens = tokens_of(path)
    assert tokens.key(token(telwerk_roles="openid admin")).roles == {Role.ADMIN}
    assert tokens.key(token(telwerk_roles=["offline_access", "QUERY"])).roles == set()
    deep = tokens_of(path, TokenRules(ISSUER, AUDIENCE, "telwerk_accounts", "realm_access.roles", 0.0))
    assert deep.key(token(realm_access={"roles": ["query"]})).roles == {Role.QUERY}
    assert deep.key(token(**{"realm_access.roles": "ingest"}, realm_access=1)).roles == {Role.INGEST}
    assert deep.key(token(realm_access=["query"])).roles == set()


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({}, "jwt:helpdesk:n-1"),
        ({"azp": None, "client_id": "crm"}, "jwt:crm:n-1"),
        ({"azp": None, "jti": None}, "jwt"),
        ({"azp": "jan@example.com", "jti": 'x key="y"\nerase'}, "jwt"),
        ({"azp": 1, "jti": "j" * 101}, "jwt"),
    ],
)
def test_the_audit_log_names_a_token_by_client_and_number_and_never_by_a_person(path, more, name):
    assert tokens_of(path).key(token(**more)).id == name


def test_a_key_that_leaves_the_file_ends_the_tokens_that_were_accepted(path):
    now = count()  # a second passes between any two looks
    tokens = Tokens(RULES, FileKeys(path, clock=lambda: float(next(now))), time.time)
    tokens.key(token())
    path.write_bytes(key_set(jwk("e", EC)))
    assert refused(tokens, token())[0] is Reason.TOKEN_INVALID
    tokens.key(token(EC, "ES256", "e"))
    path.write_text("{")
    tokens.key(token(EC, "ES256", "e"))  # what is wrong changes nothing


# --- from a URL ------------------------------------------------------------------------------------------------------


async def test_a_new_key_is_fetched_when_a_token_names_it(provider):
    """And of the set that it is in, no other key counts any more."""
    tokens = Tokens(RULES, RemoteKeys(provider.url, 300.0, cooldown_seconds=0.0))
    await tokens.prepare(token())
    tokens.key(token())
    provider.body = key_set(jwk("new", OTHER_RSA))
    rotated = token(OTHER_RSA, kid="new")
    await tokens.prepare(rotated)
    tokens.key(rotated)
    assert refused(tokens, token())[0] is Reason.TOKEN_INVALID  # its key has gone
    assert provider.fetches == 2


async def test_keys_that_do_not_exist_are_looked_for_but_once_in_the_cooldown(provider):
    """Whatever tokens are sent: nobody floods the provider through this server."""
    tokens = Tokens(RULES, RemoteKeys(provider.url, 300.0, cooldown_seconds=600.0))
    await tokens.prepare(token())
    for number in range(20):
        junk = token(kid=f"junk{number}")
        await tokens.prepare(junk)
        assert refused(tokens, junk)[0] is Reason.TOKEN_INVALID
    assert provider.fetches == 1


async def test_while_the_provider_is_down_known_keys_count_and_others_are_not_called_wrong(provider, caplog):
    tokens = Tokens(RULES, RemoteKeys(provider.url, 300.0, cooldown_seconds=0.0))
    await tokens.prepare(token())
    for status, body in ((500, b""), (302, b""), (200, b"<html>"), (200, b" " * 2**21)):
        provider.status, provider.body = status, body
        for _ in range(2):
            await tokens.prepare(token(kid="new"))
            with pytest.raises(UnavailableError, match="cannot be fetched now"):
                tokens.key(token(kid="new"))
        tokens.key(token())
    assert len([line for line in caplog.records if line.levelno >= logging.ERROR]) == 1
    provider.status, provider.body = 200, KEYS
    await tokens.prepare(token(kid="new"))
    assert refused(tokens, token(kid="new"))[0] is Reason.TOKEN_INVALID


# --- a server that accepts them --------------------------------------------------------------------------------------


@asynccontextmanager
async def trusting(tmp_path: Path, place: Path | str, **settings: Any):
    named = {"jwt_issuer": ISSUER, "jwt_audience": AUDIENCE, "jwt_jwks": str(place), **settings}
    async with started(tmp_path / "telwerk.db", **named) as server:
        yield server


def bearer(text: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {text}")]


async def test_a_server_accepts_tokens_beside_keys_and_logs_who_did_what(tmp_path, provider, caplog):
    caplog.set_level(logging.INFO, "telwerkd.audit")
    file = tmp_path / "keys.toml"
    key = keys_file.create(file, ["acme"], [Role.QUERY], "crm")
    query = kpi.QueryTotalsRequest(account_id="acme", kpi_ids=["chats"])
    list_kpis = kpi.ListKpisRequest()
    async with trusting(tmp_path, provider.url, keys_file=file) as server:
        stub = server.kpis
        await stub.ListKpis(list_kpis, metadata=bearer(key), timeout=CALL_SECONDS)
        await stub.ListKpis(list_kpis, metadata=bearer(token()), timeout=CALL_SECONDS)
        query.account_id = "blue"
        said = await refusal(stub.QueryTotals(query, metadata=bearer(token()), timeout=CALL_SECONDS))
        assert said[:3] == (
            grpc.StatusCode.PERMISSION_DENIED,
            "the token jwt:helpdesk:n-1 does not grant the account blue",
            "ACCOUNT_NOT_GRANTED",
        )
        for wrong, reason in ((token(exp=1), "TOKEN_EXPIRED"), (token(aud="x"), "TOKEN_INVALID")):
            said = await refusal(stub.ListKpis(list_kpis, metadata=bearer(wrong), timeout=CALL_SECONDS))
            assert (said.code, said.reason) == (grpc.StatusCode.UNAUTHENTICATED, reason)
        erase = admin.EraseConversationRequest(account_id="acme", conversation_id="c1")
        erasing = admin_grpc.AdminServiceStub(server.channel).EraseConversation
        said = await refusal(erasing(erase, metadata=bearer(token()), timeout=CALL_SECONDS))
        assert said.reason == "ROLE_NOT_GRANTED"
        await erasing(erase, metadata=bearer(token(telwerk_roles="admin")), timeout=CALL_SECONDS)
    lines = [record.getMessage() for record in caplog.records if record.name == "telwerkd.audit"]
    assert any("key=jwt:helpdesk:n-1 account='acme'" in line and "erase" in line for line in lines), lines
    assert not any("jan@" in line for line in lines)


async def test_open_streams_end_when_their_token_expires(path):
    """That of requests with the next one, that of replies by itself."""
    clock = Clock()
    tokens = tokens_of(path, clock=clock)
    server = grpc.aio.server(interceptors=[ErrorInterceptor(), AuthInterceptor(tokens)])
    server.add_generic_rpc_handlers((STREAMS,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    request = ingestion.IngestEventsRequest(account_id="acme")
    named = {"request_serializer": type(request).SerializeToString, "response_deserializer": lambda raw: raw}
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        echo = channel.stream_stream("/telwerk.v1.IngestionService/Echo", **named)(metadata=bearer(token()))
        silent = channel.unary_stream("/telwerk.v1.IngestionService/Silence", **named)(
            request, metadata=bearer(token())
        )
        await echo.write(request)
        await echo.read()
        await silent.read()
        clock.seconds = 90_000
        await echo.write(request)
        assert await echo.code() is grpc.StatusCode.UNAUTHENTICATED
        assert await silent.code() is grpc.StatusCode.UNAUTHENTICATED
    await server.stop(None)


def test_a_start_names_what_tokens_lack():
    with pytest.raises(StartupError, match="jwt_audience and jwt_jwks not given"):
        check_tokens(Settings(jwt_issuer=ISSUER))
    with pytest.raises(StartupError, match="jwt_issuer and jwt_audience not given"):
        check_tokens(Settings(jwt_jwks="keys.json"))
    with pytest.raises(StartupError, match="cannot be read"):
        accepted_credentials(Settings(jwt_issuer=ISSUER, jwt_audience=AUDIENCE, jwt_jwks="/nowhere/keys.json"))
