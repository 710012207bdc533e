"""Service times: KPIs of durations measured a second time, within opening hours only (R-SERVICE-1).

Each is asked about by an id of its own, as a KPI is, so that whatever can be asked of durations can be asked of it.
"""

from collections.abc import Mapping
from types import MappingProxyType

from telwerkd.domain.catalogue.kpis import CATALOGUE, KpiInfo, named
from telwerkd.domain.catalogue.specs import SPECS, Kpi
from telwerkd.domain.catalogue.texts import KpiText, Language
from telwerkd.domain.catalogue.texts.service_times import de, en, nl

SERVICE_TIME_TEXTS: Mapping[Language, Mapping[Kpi, KpiText]] = MappingProxyType(
    {Language.EN: en.TEXTS, Language.DE: de.TEXTS, Language.NL: nl.TEXTS}
)


class ServiceTimeInfo(KpiInfo, frozen=True, kw_only=True):
    """A KPI measured in service time, with texts of its own. All its other fields are those of the KPI."""

    @property
    def id(self) -> str:
        """Its name in the contract, such as `response_service_time`."""
        return self.service_time_id


def _service_time(kpi: Kpi) -> ServiceTimeInfo:
    own = {name: getattr(CATALOGUE[kpi], name) for name in KpiInfo.__struct_fields__}
    texts = {code: of[kpi] for code, of in SERVICE_TIME_TEXTS.items()}
    return ServiceTimeInfo(**own | {"texts": MappingProxyType(texts)})


SERVICE_TIMES: Mapping[str, ServiceTimeInfo] = MappingProxyType(
    {spec.service_time_id: _service_time(kpi) for kpi, spec in SPECS.items() if spec.service_time_id}
)
"""Every service time by its id, in the order of the KPIs."""


def counted_by_id(counted_id: str) -> KpiInfo:
    """Returns the KPI or the service time of an id: whatever has counters of its own, which rates have not.

    Raises:
        InvalidArgumentError: there is none; the text has the nearest id if one is near, and all there are.
    """
    return named(counted_id, _COUNTED)


_COUNTED: Mapping[str, KpiInfo] = MappingProxyType({**{info.id: info for info in CATALOGUE.values()}, **SERVICE_TIMES})
