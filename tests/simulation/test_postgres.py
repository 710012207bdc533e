"""The model of PostgreSQL keeps the contract of a store, as the databases do: the same tests (`tests.storage`)."""

import asyncio
import inspect
import random
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from telwerkd.application.ports import Store, Transaction
from tests.commands import Do
from tests.conftest import empty_database
from tests.postgres import apart
from tests.simulation.postgres import ModelledPostgres, SharedPostgres
from tests.storage import test_store as contract

globals().update(
    {
        name: test
        for name, test in vars(contract).items()
        if name.startswith("test_")
        and "store" in inspect.signature(test).parameters
        and name != "test_thousands_of_keys_at_once"  # which is about what a statement of a database can hold
    }
)


class Unhurried:
    """A course of things in which nothing takes long, on any loop."""

    chance = random.Random(1)  # noqa: S311  # to be repeated

    def delay(self) -> float:
        return 0.0

    def trace(self, *_what: object) -> None:
        """Nobody asks."""

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.get_running_loop().create_future()

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> object:
        return asyncio.get_running_loop().call_later(delay, callback, *args)


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[ModelledPostgres]:
    """A database with empty tables."""
    path = tmp_path / "model.db"
    path.write_bytes(empty_database())
    model = ModelledPostgres(Unhurried(), path)
    yield model
    model.close()


@pytest.fixture
async def store(postgres: ModelledPostgres) -> AsyncIterator[Store]:
    """An empty store."""
    shared = SharedPostgres(postgres)
    yield await shared.opened()
    await shared.close()


@pytest.fixture
def elsewhere(postgres: ModelledPostgres) -> Callable[[Callable[[Transaction], Any]], None]:
    """Writes to the same database as another server does."""

    async def run(work: Callable[[Transaction], Any]) -> None:
        shared = SharedPostgres(postgres)
        other = await shared.opened()
        await other.write([(contract.ACME, Do(work))])
        await shared.close()

    return lambda work: apart(run(work))
