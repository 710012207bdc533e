"""`telwerk names`: what people call the things that ids stand for. Names of operators are personal data."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from rich import box
from rich.table import Table

from telwerk.cli.answers import Json, json_text, print_record
from telwerk.cli.guide import complete_kinds, examples
from telwerk.cli.naming import none_of
from telwerk.cli.naming_file import Named, NamesFileError, read
from telwerk.cli.options import EXIT_INPUT_REFUSED, Account, Output, OutputOption, connect, out, say
from telwerk.cli.removing import Yes, confirm
from telwerk.cli.slicing import readable_id
from telwerk.cli.spreadsheets import csv_text
from telwerk.client import Telwerk
from telwerk.errors import InvalidArgumentError
from telwerk.names import KINDS, KindName, display_name
from telwerk.v1.display_name_pb2 import DisplayName

_AT_ONCE: Final = 1_000
"""Names in one call, as servers take them by default."""

_PLACE = re.compile(r"\bnames\[(\d+)\](?:\.(\w+))?: ")
"""How an error names one of them."""

Kinds = Annotated[
    list[str] | None,
    typer.Option(
        "--kind",
        metavar="KIND",
        help=f"Show only names of this kind: {', '.join(KINDS)}. Repeatable.",
        autocompletion=complete_kinds,
    ),
]

names = typer.Typer(
    name="names",
    no_args_is_help=True,
    help="Show and change display names.",
    epilog=examples("telwerk names list --account acme"),
)


@names.command(
    "import",
    epilog=examples(
        "telwerk names import names.csv --account acme --dry-run", "telwerk names import - --account acme < names.json"
    ),
)
def import_names(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV or JSON file; `-` is standard input.")],
    *,
    account: Account,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Set display names from a CSV or JSON file.

    The file has the columns kind, id, name and, for options, question. An empty name removes an existing one; names
    that the file does not contain stay. Safe to repeat. If the file is invalid, the command reports the line, sets no
    name of the file, and exits with 1.
    """
    place = "<stdin>" if str(file) == "-" else str(file)
    try:
        named = read(file)
    except OSError as error:
        raise typer.BadParameter(f"{place}: {error.strerror or error}", param_hint="FILE") from None
    except NamesFileError as error:
        say(f"{place}: {error}")
        raise typer.Exit(EXIT_INPUT_REFUSED) from None
    with connect(ctx) as telwerk:
        changed, removed = _compared(telwerk, account, named) if dry_run else _set(telwerk, account, named, place)
    record: dict[str, Json] = {"names": len(named), "set": changed, "removed": removed, "dry_run": dry_run}
    would = "would be " if dry_run else ""
    print_record(record, output, f"{len(named):,} names read: {changed:,} {would}set, {removed:,} {would}removed")


def _set(telwerk: Telwerk, account: str, named: Sequence[Named], place: str) -> tuple[int, int]:
    changed = removed = 0
    for start in range(0, len(named), _AT_ONCE):
        some = named[start : start + _AT_ONCE]
        try:
            done = telwerk.set_display_names(account, [each.name for each in some])
        except InvalidArgumentError as error:
            _tell(error, some, place, named[start - 1].line if start else 0)
            raise typer.Exit(EXIT_INPUT_REFUSED) from None
        changed, removed = changed + done.set_count, removed + done.removed_count
    return changed, removed


def _tell(error: InvalidArgumentError, some: Sequence[Named], place: str, done_until: int) -> None:
    """What is wrong, with its line where it is of one."""

    def line_of(found: re.Match[str]) -> str:
        return f"line {some[int(found[1])].line}: {f'the {found[2]} ' if found[2] else ''}"

    say(f"{place}: {_PLACE.sub(line_of, error.message)}")
    if done_until:
        say(f"{place}: the names up to line {done_until:,} are set; repeating is safe")


def _compared(telwerk: Telwerk, account: str, named: Iterable[Named]) -> tuple[int, int]:
    """How many names would be set, and how many removed."""
    wanted = {_identity(name): name.name for _, name in named}
    kinds = {kind for kind, number in KINDS.items() if any(number == key[0] for key in wanted)}
    there = {_identity(one): one.name for kind in sorted(kinds) for one in telwerk.display_names(account, kind)}
    changed = sum(bool(name) and there.get(key) != name for key, name in wanted.items())
    return changed, sum(not name and key in there for key, name in wanted.items())


def _identity(name: DisplayName) -> tuple[int, str, str]:
    return name.kind, name.question_id, name.id


@names.command(
    "list",
    epilog=examples(
        "telwerk names list --account acme --kind operator --prefix an", "telwerk names list --account acme -o csv-raw"
    ),
)
def list_names(
    ctx: typer.Context,
    *,
    account: Account,
    kind: Kinds = None,
    prefix: Annotated[
        str, typer.Option(metavar="TEXT", help="Show only entries whose id or name begins with TEXT.")
    ] = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Show display names. `names import` reads what `-o csv-raw` and `-o json` write."""
    kinds = [_kind(text) for text in kind or ()] or list(KINDS)
    with connect(ctx) as telwerk:
        found = [(one, name) for one in kinds for name in telwerk.display_names(account, one, prefix=prefix)]
    rows = [{"kind": one, "id": name.id, "name": name.name, "question": name.question_id} for one, name in found]
    if output is Output.JSON:
        out.print(json_text(rows), soft_wrap=True)
    elif output.is_csv:
        out.print(csv_text(rows, output), soft_wrap=True)
    elif rows:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for heading in ("Kind", "Id", "Name", "Question"):
            table.add_column(heading, overflow="fold")
        for row in rows:
            table.add_row(*map(readable_id, row.values()))
        out.print(table)
    else:
        out.print("no names")


@names.command(
    "erase",
    epilog=examples(
        "telwerk names erase operator u-17 --account acme", "telwerk names erase --all --account acme --yes"
    ),
)
def erase_names(
    ctx: typer.Context,
    kind: Annotated[
        str | None, typer.Argument(metavar="[KIND]", help="The kind of the names.", autocompletion=complete_kinds)
    ] = None,
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="The ids whose names to erase.")] = None,
    *,
    account: Account,
    everything: Annotated[bool, typer.Option("--all", help="Erase every name of the account.")] = False,
    question: Annotated[str, typer.Option(metavar="ID", help="The question that the options belong to.")] = "",
    yes: Yes = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Erase display names; counts go on under the ids. Backups still contain the names."""
    if everything == bool(kind and ids):
        raise typer.BadParameter("give a kind and ids, or --all", param_hint="KIND ID")
    whose = "every display name" if everything else f"{len(ids or ())} display name{'s' * (len(ids or ()) != 1)}"
    confirm(f"Erase {whose} of {account}?", yes=yes)
    gone = [] if everything else [display_name(_kind(kind or ""), one, "", question=question) for one in ids or ()]
    with connect(ctx) as telwerk:
        removed = telwerk.set_display_names(account, gone, replace_all=everything).removed_count
    print_record({"removed": removed}, output, f"{removed:,} names erased")


def _kind(text: str) -> KindName:
    known: dict[str, KindName] = {**{kind: kind for kind in KINDS}, "group": "operator_group"}
    if text not in known:
        raise typer.BadParameter(none_of(text, known), param_hint="KIND")
    return known[text]
