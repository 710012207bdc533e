"""Records the golden replies: `make golden`, once a change of them is meant.

python -m tests.golden.record                 the digests of all replies and tables
python -m tests.golden.record --texts FOLDER  the replies as texts, a file each: made of two commits, `diff -r`
                                              shows what has changed
python -m tests.golden.record --stored        the stored databases too, by the present rules; only when their format may
                                              change

`rules` in `replies.json` says by which version of the rules of counting a new account answers so. The stored databases
were made by version 1, of the ten KPIs of part one, and are kept: newer programs answer the same about them. What newer
versions count is asked by `part_two` of new accounts.
"""

import argparse
import asyncio
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from telwerkd.domain.conversation.state import CURRENT_RULES
from telwerkd.storage.location import Location, SqliteFile, located
from tests.conftest import compacted, started
from tests.golden import stored
from tests.golden.questions import part_two, questions
from tests.golden.refusals import refusals
from tests.golden.replies import SETTINGS, Replies, answers, fill, settled, start_clock, stream, watch
from tests.golden.verdicts import verdicts
from tests.golden.world import NOW, steps
from tests.postgres import fresh_database, some_postgres

FILE = Path(__file__).with_name("replies.json")


async def every_reply(location: Location) -> tuple[Replies, dict[str, str]]:
    """All that a server says from the first event on, and digests of what it stored of the golden log.

    A fifth is asked again when what was counted is compacted and what was answered is remembered.
    """
    clock = start_clock()
    async with started(location, clock=clock, **SETTINGS) as server:
        replies = await fill(server, clock, steps())
        await settled(server)
        first = await answers(server, questions())
        await compacted(location)
        again = await answers(server, [*questions()][::5])
        assert changed({name: first[name].digest for name in again}, digests(again)) == []
        tables = stored.digests(location)
        replies |= first
        replies |= await answers(server, part_two())
        replies |= await answers(server, refusals())
        replies |= await answers(server, verdicts())
        replies |= await stream(server)
        replies |= await watch(server)
    return replies, tables


def digests(replies: Replies) -> dict[str, str]:
    return {name: reply.digest for name, reply in replies.items()}


def changed(before: Mapping[str, str | None], after: Mapping[str, str]) -> list[str]:
    """The names of what differs."""
    return [name for name in {**before, **after} if before.get(name) != after.get(name)]


async def _store(location: Location) -> None:
    """Keeps the database of a server that has just been told the log: in part compacted, some limits not counted."""
    clock = start_clock()
    async with started(location, clock=clock, **SETTINGS) as server:
        await fill(server, clock, (step for step in steps() if step.clock_seconds < NOW))
        await compacted(location)
        await fill(server, clock, (step for step in steps() if step.clock_seconds == NOW))
    stored.keep(location)


def _write_texts(replies: Replies, folder: Path) -> None:
    folder.mkdir(parents=True)
    for name, reply in replies.items():
        (folder / f"{name.replace('/', ' - ')}.txt").write_text(f"{name}\n{reply.text}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, metavar="FOLDER")
    parser.add_argument("--stored", action="store_true")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        replies, tables = asyncio.run(every_reply(SqliteFile(Path(folder) / "golden.db")))
    if wanted.texts:
        _write_texts(replies, wanted.texts)
        return
    content = {"rules": CURRENT_RULES, "stored": tables, "replies": digests(replies)}
    FILE.write_text(json.dumps(content, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{len(replies)} replies")  # noqa: T201  # a program
    if wanted.stored:
        with tempfile.TemporaryDirectory() as folder, some_postgres() as server, fresh_database(server) as url:
            asyncio.run(_store(SqliteFile(Path(folder) / "golden.db")))
            asyncio.run(_store(located(url)))


if __name__ == "__main__":
    main()
