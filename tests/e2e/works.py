"""Functions for `tests.commands.Do` in another process, so of a module that it can import."""

from typing import Any

from telwerkd.application.ports import Transaction


def bumped(tx: Transaction) -> int:
    tx.bump_version()
    return tx.account().version


def failing(tx: Transaction) -> None:
    tx.bump_version()
    raise ValueError("a defect of this work")


def starving(tx: Transaction) -> None:
    tx.bump_version()
    raise MemoryError


def exiting(_tx: Transaction) -> None:
    raise SystemExit("as good as a crash")


def unpicklable(tx: Transaction) -> Any:
    tx.bump_version()
    return lambda: None


def remembering(kept: str, tx: Transaction) -> str | None:
    before: str | None = tx.recall()
    tx.remember(kept)
    if kept == "fails":
        raise ValueError
    return before
