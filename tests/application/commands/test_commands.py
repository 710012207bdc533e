"""What writes is a closed set of frozen commands."""

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

import telwerkd
from telwerkd.application import commands
from telwerkd.application.batches import Batch, IngestLimits, Submitted
from telwerkd.application.commands import AnyCommand
from telwerkd.application.commands.compact import Compact
from telwerkd.application.commands.erase import Erase
from telwerkd.application.commands.free_names import FreeNames, Unused
from telwerkd.application.commands.ingest_batch import IngestBatch
from telwerkd.application.commands.lower_horizon import LowerHorizon
from telwerkd.application.commands.purge import Purge
from telwerkd.application.commands.read_account import ReadAccount
from telwerkd.application.commands.recount import AimAtRules, EndRecount, Recount
from telwerkd.application.commands.repair import Repair
from telwerkd.application.commands.set_display_names import SetDisplayNames
from telwerkd.application.commands.settings import SetNamesMax, SetTimeZone, SetWidgetSettings
from telwerkd.application.commands.settle_timers import SettleTimers
from telwerkd.application.ports import Command
from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.conversation.settings import WidgetVersion
from telwerkd.domain.counting.measures import COUNTED
from telwerkd.domain.display_names import NameKey, NameKind
from telwerkd.domain.ids import AccountId, ConversationId, Micros, WidgetId
from telwerkd.storage.location import SqliteFile
from telwerkd.storage.open_store import opened, prepare
from tests.chats import at, chat

CLOSED_SET: tuple[type[Any], ...] = get_args(AnyCommand)
C, WEB = ConversationId("c"), WidgetId("web")
EVENTS = Batch(Submitted(C, event) for event in chat("09:00:00 anna assigned in sales\n09:01:00 contact rates 4"))
EXAMPLES: list[AnyCommand] = [
    SetWidgetSettings(WEB, WidgetVersion(Micros(0), None, (), ())),
    SetTimeZone("Europe/Amsterdam"),
    SetNamesMax(20),
    IngestBatch([EVENTS], IngestLimits()),
    SettleTimers(at("10:00:00")),
    Compact(COUNTED[Kpi.FEEDBACK_COUNT], 100, 100),
    Purge(at("08:00:00"), ConversationId("")),
    LowerHorizon(at("07:00:00")),
    FreeNames(Unused(1, {}, set(), is_settled=True)),
    FreeNames(None),
    ReadAccount(),
    Repair([C], [], {}, sources_damaged=False, names=[], chunks=[]),
    AimAtRules(),
    Recount(ConversationId("")),
    EndRecount(),
    Erase(C, keep_counts=False),
    SetDisplayNames({NameKey(NameKind.WIDGET, WEB): "Web shop"}, names_max=20),
]


def test_the_set_is_closed() -> None:
    """Every class of the package that runs in a transaction is a command in the union, and has an example here."""
    found = set[type[Any]]()
    for module in pkgutil.iter_modules(commands.__path__, f"{commands.__name__}."):
        members = vars(importlib.import_module(module.name)).values()
        found.update(each for each in members if isinstance(each, type) and hasattr(each, "run"))
    found.remove(Command)
    assert found == set(CLOSED_SET) == {type(example) for example in EXAMPLES}


def test_the_service_has_no_other_command() -> None:
    """A store takes a `Command` only, by its type; and none of them is outside of the union, nor derived from it."""
    names = {each.__name__ for each in CLOSED_SET}
    bases = {Command.__name__, *names}
    paths = Path(telwerkd.__file__).parent.rglob("*.py")
    found = [name for path in paths for name in derived(ast.parse(path.read_text()), bases)]
    assert sorted(found) == sorted(names)


def derived(tree: ast.Module, bases: set[str]) -> Iterator[str]:
    """The classes of a module with a base of one of these names, whatever it is given in brackets."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            plain = [base.value if isinstance(base, ast.Subscript) else base for base in node.bases]
            if bases & {getattr(base, "attr", getattr(base, "id", "")) for base in plain}:
                yield node.name


@pytest.mark.parametrize("kind", CLOSED_SET)
def test_a_command_is_frozen(kind: type[Any]) -> None:
    """What is to be stored cannot change between being asked for and being stored."""
    assert kind.__dataclass_params__.frozen
    assert not hasattr(object.__new__(kind), "__dict__")


async def test_every_command_reaches_the_process_that_writes(tmp_path: Path) -> None:
    """All of them, and their results, can be sent to another process; there they do what they say."""
    database, acme = SqliteFile(tmp_path / "telwerk.db"), AccountId("acme")
    await prepare(database)
    async with opened(database, serving=True) as store:
        for example in EXAMPLES:
            await store.write([(acme, example)])
        account = await store.read(acme, lambda view: view.account())
        assert (account.time_zone, account.names_max, account.horizon) == ("Europe/Amsterdam", 20, at("07:00:00"))
        assert await store.read(acme, lambda view: view.conversation_count()) == 0
