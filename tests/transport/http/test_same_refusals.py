"""Tokens, keys and limits are refused over HTTP as over gRPC: the same code, reason and sentence, and HTTP's status."""

import time

import pytest
import pytest_asyncio
from google.rpc import error_details_pb2

from telwerk.v1 import kpi_service_pb2 as kpi
from tests.conftest import CALL_SECONDS, connected, eventually, refusal
from tests.transport.http.serving import TOTALS, details, http_started
from tests.transport.security.issuing import KEYS, OTHER_RSA, RSA, jwk, key_set
from tests.transport.security.test_tokens import AUDIENCE, ISSUER, token, unsigned

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOUR = 3_600.0
LIMITS = {"acme": {"account_calls_per_second_max": 1 / HOUR}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory):
    """One that takes tokens of an issuer; the account acme has one call an hour."""
    folder = tmp_path_factory.mktemp("http")
    keys = folder / "jwks.json"
    keys.write_bytes(KEYS)
    tokens = {"jwt_issuer": ISSUER, "jwt_audience": AUDIENCE, "jwt_jwks": str(keys)}
    limits = {"account_limits": LIMITS, "account_burst_seconds": HOUR, "refused_calls_max": 10_000}
    async with http_started(folder, **tokens, **limits) as server, connected(server.running.address) as client:
        yield server, client, keys


def bearer(text: str) -> str:
    return f"Bearer {text}"


REFUSED = {
    "nothing": (None, 401, "unauthenticated", "KEY_MISSING"),
    "another scheme": ("Basic eDp5", 401, "unauthenticated", "KEY_MISSING"),
    "expired": (bearer(token(exp=int(time.time()) - 60)), 401, "unauthenticated", "TOKEN_EXPIRED"),
    "another issuer": (bearer(token(iss="https://evil.example")), 401, "unauthenticated", "TOKEN_INVALID"),
    "another audience": (bearer(token(aud="grafana")), 401, "unauthenticated", "TOKEN_INVALID"),
    "a wrong algorithm": (bearer(token("x" * 64, "HS256")), 401, "unauthenticated", "TOKEN_INVALID"),
    "the algorithm none": (bearer(unsigned({"alg": "none", "kid": "r"})), 401, "unauthenticated", "TOKEN_INVALID"),
    "another's signature": (bearer(token(OTHER_RSA)), 401, "unauthenticated", "TOKEN_INVALID"),
    "a key that is not there": (bearer(token(kid="nowhere")), 401, "unauthenticated", "TOKEN_INVALID"),
    "another account": (bearer(token(telwerk_accounts=["blue"])), 403, "permission_denied", "ACCOUNT_NOT_GRANTED"),
    "another role": (bearer(token(telwerk_roles=["ingest"])), 403, "permission_denied", "ROLE_NOT_GRANTED"),
}


async def told(server, client, authorization: str | None, account: str = "acme"):
    """What HTTP and gRPC answer to the same call."""
    headers = {} if authorization is None else {"authorization": authorization}
    answer = await server.client.post(TOTALS, json={"accountId": account}, headers=headers)
    request, metadata = kpi.QueryTotalsRequest(account_id=account), tuple(headers.items())
    said = await refusal(client.kpis.QueryTotals(request, metadata=metadata, timeout=CALL_SECONDS))
    return answer, said


@pytest.mark.parametrize(("authorization", "status", "code", "reason"), REFUSED.values(), ids=REFUSED)
async def test_who_may_not_is_told_the_same_over_both_ports(server, authorization, status, code, reason):
    answer, said = await told(*server[:2], authorization)
    error = answer.json()
    assert (answer.status_code, error["code"], error["message"]) == (status, said.code.name.lower(), said.text)
    assert (code, reason) == (error["code"], details(answer, error_details_pb2.ErrorInfo).reason)
    assert said.reason == reason
    assert "\n" not in error["message"]
    assert (answer.headers.get("www-authenticate") == "Bearer") is (status == 401)


async def test_an_account_beyond_its_rate_is_told_when_to_come_back(server):
    """429, RetryInfo in the details, Retry-After, the limit by its name; what HTTP uses is gone for gRPC."""
    http, client, _ = server
    authorization = bearer(token(telwerk_accounts=["*"]))
    first = await http.client.post(TOTALS, json={"accountId": "acme"}, headers={"authorization": authorization})
    assert first.status_code == 400  # it names no KPI, and is counted
    answer, said = await told(http, client, authorization)
    assert (answer.status_code, answer.json()["code"]) == (429, "resource_exhausted")
    assert answer.json()["message"] == said.text
    assert "account_calls_per_second_max" in said.text
    delay = details(answer, error_details_pb2.RetryInfo).retry_delay.ToTimedelta().total_seconds()
    assert 0 < delay <= HOUR
    assert delay <= int(answer.headers["retry-after"]) < delay + 2


async def test_after_a_rotation_the_old_key_opens_neither_port(server):
    http, client, keys = server
    keys.with_suffix(".new").write_bytes(key_set(jwk("new", OTHER_RSA)))
    keys.with_suffix(".new").replace(keys)
    rotated = {"authorization": bearer(token(OTHER_RSA, kid="new", telwerk_accounts=["blue"]))}

    async def taken() -> bool:
        answer = await http.client.post(TOTALS, json={"accountId": "blue"}, headers=rotated)
        return answer.status_code == 400

    await eventually(taken)
    answer, said = await told(http, client, bearer(token(RSA)))
    assert (answer.status_code, said.reason) == (401, "TOKEN_INVALID")
    assert answer.json()["message"] == said.text
