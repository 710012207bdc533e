"""Moving an account's horizon back, as after a purge with a wrong clock."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from telwerkd.application.ports import Command, RetentionPort, ScanView
from telwerkd.domain.errors import InvalidArgumentError, RequestPart
from telwerkd.domain.ids import Micros


class Horizon(NamedTuple):
    """An account's horizon, and how far it can be moved back."""

    instant: Micros
    """Events before it are refused. 0: none are."""
    floor: Micros
    """The earliest possible horizon: all purged events lie before it."""


class HorizonTransaction(ScanView, RetentionPort, Protocol):
    """The reads and writes of moving the horizon back."""


@dataclass(frozen=True, slots=True)
class LowerHorizon(Command[Horizon]):
    """Moves an account's horizon back to an instant. Purged events stay purged and counted, and are still refused."""

    instant: Micros

    def run(self, tx: HorizonTransaction) -> Horizon:
        """Returns what the horizon was before.

        Raises:
            InvalidArgumentError: `instant` is not before the horizon, or something that was purged is not before it.
        """
        return _lower_horizon(self.instant, tx)


def horizon_in(view: ScanView) -> Horizon:
    """Returns where an account's horizon is."""
    floor = max((base.order[0] + 1 for base in view.every_base()), default=0)
    return Horizon(view.account().horizon, Micros(floor))


def _lower_horizon(instant: Micros, tx: HorizonTransaction) -> Horizon:
    before = horizon_in(tx)
    if instant >= before.instant:
        raise InvalidArgumentError.of(
            RequestPart.HORIZON, "can only be taken back: the new one must lie before the present one"
        )
    if instant < before.floor:
        raise InvalidArgumentError.of(
            RequestPart.HORIZON, "events up to the newest purged one must stay refused, for they are counted already"
        )
    tx.lower_horizon(instant)
    return before
