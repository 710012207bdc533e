"""The totals of a KPI in a reply, and the keys of its rows, as messages (`codec.answers`)."""

from telwerk.v1 import kpi_service_pb2 as pb
from telwerkd.application.query.result import GroupKey, KpiRows
from telwerkd.domain.catalogue.kpis import KpiInfo
from telwerkd.domain.catalogue.texts import Language
from telwerkd.transport.codec.fields import encode_instant
from telwerkd.transport.codec.query import durations
from telwerkd.transport.codec.query.week_hours import WeekHours
from telwerkd.transport.codec.values import encode_value


def encode_kpi_answer(rows: KpiRows, hours: WeekHours | None = None) -> pb.KpiAnswer:
    """Returns the totals of a KPI in a reply; by time of the week, with the hours of its cells."""
    return pb.KpiAnswer(
        kpi_id=rows.info.id,
        unit=rows.info.texts[Language.EN].unit,
        held_back_count=rows.held_back,
        availability=_availability(rows),
        overlapping=rows.overlapping,
        count=rows.summed.facts,
        sum=rows.summed.sum,
        compared_count=rows.compared.facts,
        compared_sum=rows.compared.sum,
        row_count=rows.row_count,
        below_count=rows.summed.below or 0,
        compared_below_count=rows.compared.below or 0,
        not_enabled_widget_ids=rows.not_enabled,
        unscheduled_widget_ids=rows.unscheduled,
        percentiles=durations.percentile_messages(rows.summed.percentiles),
        histogram=durations.bins(rows.summed.histogram),
        week_cells=() if hours is None else hours.cells(),
        known_from=encode_instant(rows.known_from) if rows.known_from else None,
    )


def _availability(rows: KpiRows) -> pb.Availability.ValueType:
    if not rows.is_counted:
        return pb.AVAILABILITY_NOT_YET_COUNTED
    return pb.AVAILABILITY_AVAILABLE if rows.enabled else pb.AVAILABILITY_NOT_ENABLED


def encode_key(info: KpiInfo, key: GroupKey) -> pb.Key:
    """Returns the group key of a line or total as a message."""
    return pb.Key(
        operator_id=key.operator,
        operator_group_id=key.group,
        widget_id=key.widget,
        value=None if key.value is None else encode_value(info.value_kind, key.value),
        topic_id=key.topic,
        question_id=key.question,
        weekday=None if key.weekday is None else int(key.weekday),
        hour_of_day=None if key.hour_of_day is None else int(key.hour_of_day),
    )
