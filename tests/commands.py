"""A command for tests that need what no command of the service does."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from telwerkd.application.ports import Command, Transaction

T = TypeVar("T")


@dataclass(frozen=True)
class Do(Command[T]):
    """Runs a function in a transaction."""

    function: Callable[[Transaction], T]

    def run(self, tx: Transaction) -> T:
        return self.function(tx)
