"""What can be asked about, for the commands: KPIs, service times, and rates in the same form."""

from telwerk.client import Telwerk
from telwerk.v1.kpi_service_pb2 import Kpi, ListKpisResponse, Rate


def all_asked(telwerk: Telwerk, language: str = "en") -> dict[str, Kpi]:
    """The KPIs, the service times and the rates of the catalogue by their ids."""
    return asked_of(telwerk.catalogue(language))


def asked_of(catalogue: ListKpisResponse) -> dict[str, Kpi]:
    """The same of a catalogue at hand."""
    return {kpi.kpi_id: kpi for kpi in (*catalogue.kpis, *catalogue.service_times, *map(as_kpi, catalogue.rates))}


def as_kpi(rate: Rate) -> Kpi:
    """A rate as far as tables and filters need to know it."""
    return Kpi(
        kpi_id=rate.rate_id,
        display_name=rate.display_name,
        what=rate.what,
        unit=rate.unit,
        when=rate.when,
        why=rate.why,
        example=rate.example,
        dimensions=rate.dimensions,
        value_kind=rate.value_kind,
        direction=rate.direction,
    )
