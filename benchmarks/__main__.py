"""The command of the benchmarks: arguments only."""

from typing import Annotated

import typer

from benchmarks.run import LINES, run as run_all
from benchmarks.scale import FULL, QUICK

app = typer.Typer(
    help="Measures Telwerk beside what limits it and beside others. Every figure that counts is a ratio, taken in pairs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def run(
    quick: Annotated[bool, typer.Option("--quick", help="Two minutes, on less: to see where one stands.")] = False,
    only: Annotated[list[str] | None, typer.Option(help=f"One line; may be repeated: {', '.join(LINES)}.")] = None,
) -> None:
    """Measure R1 to R9; print a table with the bars, write JSON."""
    unknown = sorted(set(only or ()) - set(LINES))
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)} is none of {', '.join(LINES)}", param_hint="--only")
    print(run_all(QUICK if quick else FULL, only or ()))


@app.callback()
def main() -> None:
    """Keeps `run` a subcommand."""


if __name__ == "__main__":
    app()
