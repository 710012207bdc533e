"""Everything that writes: the closed set of commands, each with what it does in its transaction.

A command is frozen, holds plain values, and is independent of the database: `telwerkd.application.ports.Store.write`
runs it, and takes nothing that is not a `Command`. One module holds each, with the rules that it follows and what it
needs of a transaction.
"""

from typing import TypeAlias

from telwerkd.application.commands.compact import Compact
from telwerkd.application.commands.erase import Erase
from telwerkd.application.commands.free_names import FreeNames
from telwerkd.application.commands.ingest_batch import IngestBatch
from telwerkd.application.commands.lower_horizon import LowerHorizon
from telwerkd.application.commands.purge import Purge
from telwerkd.application.commands.read_account import ReadAccount
from telwerkd.application.commands.recount import AimAtRules, EndRecount, Recount
from telwerkd.application.commands.repair import Repair
from telwerkd.application.commands.set_display_names import SetDisplayNames
from telwerkd.application.commands.settings import SetNamesMax, SetTimeZone, SetWidgetSettings
from telwerkd.application.commands.settle_timers import SettleTimers

AnyCommand: TypeAlias = (
    IngestBatch
    | SettleTimers
    | Compact
    | Purge
    | LowerHorizon
    | Erase
    | FreeNames
    | ReadAccount
    | Repair
    | AimAtRules
    | Recount
    | EndRecount
    | SetWidgetSettings
    | SetTimeZone
    | SetNamesMax
    | SetDisplayNames
)
"""The closed set: every `Command` of the service."""
