"""Public keys come from a set that can be trusted, and the last one that could be read stays in force."""

import asyncio
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from telwerkd.transport.security.jwks import FileKeys, JwksError, RemoteKeys, fetched
from tests.conftest import eventually
from tests.transport.security.issuing import EC, KEYS, OTHER_RSA, RSA, jwk, key_set


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"{", "is no JSON"),
        (b'{"keys": 1}', "is no JWK set"),
        (b"[]", "is no JWK set"),
        (b"[" * 100_000, "is no JSON"),
        (key_set(*[jwk("e", EC)] * 101), "at most 100"),
        (json.dumps({"keys": [{**jwk("e", EC), "d": "AA"}]}).encode(), "private key"),
    ],
)
def test_a_set_that_cannot_be_used_ends_the_start(tmp_path, content, text):
    path = tmp_path / "jwks.json"
    path.write_bytes(content)
    with pytest.raises(JwksError, match=text):
        FileKeys(path)
    path.chmod(0o666)
    with pytest.raises(JwksError, match="others than its owner may write it"):
        FileKeys(path)


def test_keys_that_are_weak_symmetric_for_encryption_or_broken_verify_nothing(tmp_path):
    path = tmp_path / "jwks.json"
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that is the point
    bad = [jwk("w", weak), {"kty": "oct", "k": "c2VjcmV0", "kid": "s"}, jwk("c", RSA, use="enc"), jwk("n", RSA, n="!")]
    path.write_bytes(key_set(*bad, {"kty": "RSA", "kid": 7}, {"kty": ["RSA"], "kid": "x"}))
    assert FileKeys(path).keys() == {}


# --- from a URL ------------------------------------------------------------------------------------------------------


async def test_a_provider_on_this_machine_is_asked_without_a_proxy(provider, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    assert fetched(provider.url) == KEYS


def test_a_provider_that_sends_its_answer_slowly_is_given_up(provider):
    """Though it always sends a little in time."""
    provider.is_slow = True
    with pytest.raises(JwksError, match=r"was not read within 0.3 s"):
        fetched(provider.url, seconds=0.3)


async def test_a_key_that_its_provider_withdraws_ends_with_the_next_refresh(provider):
    """Though no token names a key that is not there."""
    keys = RemoteKeys(provider.url, refresh_seconds=0.01, cooldown_seconds=0.0)
    refreshing = asyncio.create_task(keys.run())

    async def are_known(*key_ids: str) -> bool:
        return {key_id for key_id, _ in keys.keys()} == {*key_ids}  # noqa: SIM118  # no mapping

    try:
        await eventually(lambda: are_known("r", "e", "d", "only-256"))
        provider.body = key_set(jwk("new", OTHER_RSA))
        await eventually(lambda: are_known("new"))
    finally:
        refreshing.cancel()


async def test_calls_that_look_for_keys_together_wait_for_one_request(provider):
    """And within the cooldown there is no other, whoever looks."""
    keys = RemoteKeys(provider.url, 300.0, cooldown_seconds=600.0)
    found = []

    async def looks() -> None:
        await keys.renew()
        found.append(len(keys.keys()))

    await asyncio.gather(*(looks() for _ in range(20)))
    await looks()
    assert (provider.fetches, set(found)) == (1, {len(keys.keys())})


async def test_keys_are_another_object_once_they_have_changed_and_only_then(provider):
    """What was concluded from them, such as that a token is right, holds for as long as they are the same."""
    keys = RemoteKeys(provider.url, 300.0, cooldown_seconds=0.0)
    await keys.renew()
    first = keys.keys()
    await keys.renew()
    assert keys.keys() is first
    provider.body = key_set(jwk("r", OTHER_RSA))
    await keys.renew()
    assert keys.keys() is not first
    one_of_the_same_name = keys.keys()
    provider.body = key_set(jwk("r", RSA))
    await keys.renew()
    assert keys.keys() is not one_of_the_same_name
