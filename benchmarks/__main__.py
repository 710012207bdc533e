"""The command of the benchmarks: arguments only."""

from dataclasses import replace
from typing import Annotated

import typer

from benchmarks import attack, document, growth, instructions, soak, stages
from benchmarks.attack.attackers import ATTACKS
from benchmarks.bench import bench
from benchmarks.run import LINES, run as run_all
from benchmarks.scale import FULL, QUICK

app = typer.Typer(
    help="Measure Telwerk against what limits it, and against other ways to the same numbers, as ratios in pairs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def run(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Measure with fewer events, in a few minutes.")] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Measure only this line. Repeatable. Lines: {', '.join(LINES)}. "
            "R8x (10 million ratings) and W4 (an hour) are measured only with this option."
        ),
    ] = None,
) -> None:
    """Measure R1 to R11; print a table with the bars, write JSON."""
    unknown = sorted(set(only or ()) - set(LINES))
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)} is none of {', '.join(LINES)}", param_hint="--only")
    print(run_all(QUICK if quick else FULL, only or ()))


@app.command("growth")
def grow(
    *,
    full: Annotated[bool, typer.Option("--full", help="Measure up to 5 million events and 1,000 operators.")] = False,
    events: Annotated[
        int | None, typer.Option(help="Store so many events for what changes with them, such as 50000000.", min=10_000)
    ] = None,
) -> None:
    """Measure how speed, memory and disk change with events, operators and the length of conversations."""
    extent = growth.FULL if full else growth.SMALL
    with bench(FULL, ()) as running:
        print(growth.grow(running, extent if events is None else replace(extent, events=events)))


@app.command("soak")
def run_long(
    minutes: Annotated[float, typer.Option(help="How long the run takes.", min=1)] = 30,
) -> None:
    """Ingest live traffic at 70% of its peak, with a dashboard beside it; compare the last minutes with the first."""
    with bench(FULL, ()) as running:
        print(soak.soak(running, minutes))


@app.command("attack")
def attack_all(
    only: Annotated[
        list[str] | None, typer.Option(help=f"Measure only this attack. Repeatable. Attacks: {', '.join(ATTACKS)}.")
    ] = None,
    seconds: Annotated[
        float, typer.Option(help="How long each side is measured: alone, and beside the attack.", min=1)
    ] = 8,
) -> None:
    """Attack a server in every known way, and measure the calls of another account meanwhile."""
    unknown = sorted(set(only or ()) - set(ATTACKS))
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)} is none of {', '.join(ATTACKS)}", param_hint="--only")
    print(attack.attack(only or list(ATTACKS), seconds))


@app.command("stages")
def split() -> None:
    """Measure where the CPU time of one event, and of one question, goes."""
    print(stages.measure())


@app.command("instructions")
def count() -> None:
    """Count the instructions of one event and of one question (with valgrind), to compare machines and versions."""
    try:
        print(instructions.measure())
    except FileNotFoundError as error:
        raise SystemExit(str(error)) from None


@app.command("document")
def write() -> None:
    """Write the last results into docs/performance.md, and draw the curves."""
    print(document.document())


if __name__ == "__main__":
    app()
