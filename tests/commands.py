"""A command for tests that need what no command of the service does."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from telwerkd.application.ports import Transaction

T = TypeVar("T")


@dataclass(frozen=True)
class Do(Generic[T]):
    """Runs a function in a transaction."""

    function: Callable[[Transaction], T]

    def run(self, tx: Transaction) -> T:
        return self.function(tx)
