"""`telwerk kpis`: the catalogue, or the whole help text of one KPI."""

import json
from collections.abc import Mapping
from typing import Annotated, Final, NamedTuple

import typer
from google.protobuf import json_format
from rich import box
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from telwerk.cli.asked import as_kpi
from telwerk.cli.guide import complete_kpis
from telwerk.cli.options import EXIT_REFUSED, Language, LanguageOption, Output, OutputOption, connect, out, say
from telwerk.cli.spreadsheets import csv_text
from telwerk.cli.values import member_text, text_of
from telwerk.v1.kpi_service_pb2 import Dimension, HelpHeadings, Kpi, Revisability


class _Words(NamedTuple):
    """What the command adds to the catalogue's own headings and texts."""

    grouped_by: str
    later_events: str
    frozen: str
    revisable: str


_WORDS: Final = {
    Language.EN: _Words("Grouped by", "Later events", "never take a count back", "may take a count back"),
    Language.DE: _Words("Gruppiert nach", "Spätere Ereignisse", "nehmen nie etwas zurück", "können etwas zurücknehmen"),
    Language.NL: _Words("Gegroepeerd op", "Latere gebeurtenissen", "nemen nooit iets terug", "kunnen iets terugnemen"),
}


def kpis(
    ctx: typer.Context,
    kpi: Annotated[
        str | None,
        typer.Argument(metavar="[KPI]", help="The id or number of the KPI to explain.", autocompletion=complete_kpis),
    ] = None,
    *,
    language: LanguageOption = Language.EN,
    lang: Annotated[Language | None, typer.Option(hidden=True, help="The former name of --language.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List all KPIs, or explain one of them."""
    with connect(ctx) as telwerk:
        catalogue = telwerk.catalogue(lang or language)
    chosen = [one for one in catalogue.kpis if kpi in {None, one.kpi_id, str(one.number)}]
    if kpi is not None or output is Output.TABLE:
        chosen += [one for one in catalogue.service_times if kpi in {None, one.kpi_id}]
        chosen += [as_kpi(rate) for rate in catalogue.rates if kpi in {None, rate.rate_id}]
    if not chosen:
        say(f"there is no KPI {kpi!r}; `telwerk kpis` lists them")
        raise typer.Exit(EXIT_REFUSED)
    if output.is_csv:
        out.print(csv_text(map(_row, chosen), output), soft_wrap=True)
    elif output is Output.JSON:
        texts = [json_format.MessageToDict(one, preserving_proto_field_name=True) for one in chosen]
        out.print(json.dumps(texts, ensure_ascii=False, indent=2), soft_wrap=True)
    elif kpi is None:
        out.print(_overview(chosen))
    else:
        _explain(chosen[0], catalogue.headings, _WORDS[lang or language])


def _row(kpi: Kpi) -> Mapping[str, object]:
    return {
        "number": kpi.number,
        "kpi": kpi.kpi_id,
        "name": kpi.display_name,
        "section": kpi.section,
        "what": kpi.what,
        "unit": kpi.unit,
        "when": kpi.when,
        "why": kpi.why,
        "dimensions": " ".join(_dimensions(kpi)),
        "revisable": kpi.revisability == Revisability.REVISABILITY_REVISABLE,
    }


def _dimensions(kpi: Kpi) -> list[str]:
    return [member_text(Dimension, one, "DIMENSION_") for one in kpi.dimensions]


def _overview(kpis: list[Kpi]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("No", justify="right")
    table.add_column("KPI", no_wrap=True)
    table.add_column("Name")
    table.add_column("Unit")
    for kpi in kpis:
        table.add_row(str(kpi.number or ""), kpi.kpi_id, kpi.display_name, kpi.unit)
    return table


def _explain(kpi: Kpi, headings: HelpHeadings, words: _Words) -> None:
    number, section = (f"{kpi.number}. ", f"  ({kpi.section})") if kpi.number else ("", "")
    out.print(Text.assemble((f"{number}{kpi.display_name}", "bold"), f"  {kpi.kpi_id}{section}"))
    frozen = kpi.revisability == Revisability.REVISABILITY_FROZEN
    for heading, text in {
        headings.what: kpi.what,
        headings.unit: kpi.unit,
        headings.when: kpi.when,
        headings.why: kpi.why,
        headings.example: kpi.example,
        words.grouped_by: ", ".join(_dimensions(kpi)),
        words.later_events: "" if not kpi.number else words.frozen if frozen else words.revisable,
    }.items():
        if text:
            out.print(Text(heading, "bold cyan"))
            out.print(Padding(Text(text), (0, 0, 0, 2), expand=False))
    if kpi.values:
        out.print(Text(headings.values, "bold cyan"))
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2))
        for value in kpi.values:
            table.add_row("", text_of(value.value), value.display_name, value.description)
        out.print(table)
