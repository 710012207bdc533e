"""The RPCs of a scenario as what the Python client offers for them.

Where the client has a method for the very request, it is called as a program would call it. Where it reads all pages by
itself, the page asked for is read as the client does that: by its own `run`.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message

from telwerk import Telwerk
from telwerk.errors import InvalidArgumentError
from telwerk.queries import DIMENSIONS, GRANULARITIES, ORDERS
from telwerk.steps import Stubs, ask
from telwerk.v1 import (
    admin_service_pb2 as admin,
    ingestion_service_pb2 as ingestion,
    kpi_service_pb2 as kpi,
    settings_service_pb2 as settings,
)

Run = Callable[[Telwerk, Sequence[Any]], Iterator[Message]]
"""Sends the requests; gives the answers as they come."""

GRANULARITY_NAMES = {value: name for name, value in GRANULARITIES.items()}
DIMENSION_NAMES = {value: name for name, value in DIMENSIONS.items()}
MEASURE_NAMES = {value: name for name, value in ORDERS.items()}


@dataclass(frozen=True)
class Call:
    """One RPC, and the types of its messages."""

    request: type[Message]
    response: type[Message]
    run: Run

    def expected(self, answer: Any) -> Any:
        """The JSON of what a scenario expects, after it went through the message."""
        return MessageToDict(ParseDict(answer, self.response()))


# --- questions from plain values -------------------------------------------------------------------------------------


def options_of(request: Any) -> dict[str, Any]:
    """The options that lead to this query."""
    start, end = moments(request.range)
    options: dict[str, Any] = {"start": start, "end": end, "time_zone": request.time_zone}
    if request.HasField("filter"):
        options["where"] = request.filter
    options["group_by"] = [DIMENSION_NAMES[dimension] for dimension in request.group_by]
    if request.HasField("compare_to"):
        compared = request.compare_to
        options["compare_to"] = "previous" if compared.previous_period else moments(compared.range)
    if request.HasField("order_by"):
        descending = "-" if request.order_by.descending else ""
        options["order_by"] = descending + MEASURE_NAMES[request.order_by.measure]
        options["order_kpi"] = request.order_by.kpi_id
        if request.order_by.HasField("percentile"):
            options["order_percentile"] = request.order_by.percentile
    if request.HasField("top"):
        top = request.top
        options |= {"top": top.count, "include_rest": top.include_rest, "min_below": top.min_below}
    if request.HasField("as_of"):
        options["as_of"] = request.as_of.ToDatetime(UTC)
    options |= {"percentiles": request.percentiles, "include_histogram": request.include_histogram}
    options["include_names"] = request.include_names
    return options | {"page_size": request.page_size, "page_token": request.page_token}


def series_options(request: kpi.QueryTimeSeriesRequest) -> dict[str, Any]:
    """The same of a query over time."""
    return options_of(request) | {
        "granularity": GRANULARITY_NAMES[request.granularity],
        "sparse": request.sparse,
        "include_distribution": request.include_distribution,
    }


def moments(bounds: kpi.TimeRange) -> tuple[date | datetime, date | datetime]:
    """The two dates or instants of a range."""
    if bounds.HasField("dates"):
        first, last = bounds.dates.start_date, bounds.dates.end_date
        return date(first.year, first.month, first.day), date(last.year, last.month, last.day)
    instants = bounds.instants
    return instants.start_time.ToDatetime(UTC), instants.end_time.ToDatetime(UTC)


# --- calls -----------------------------------------------------------------------------------------------------------


def once(method: Callable[[Telwerk, Any], Message]) -> Run:
    """A call with a single answer."""

    def run(telwerk: Telwerk, requests: Sequence[Any]) -> Iterator[Message]:
        yield method(telwerk, requests[0])

    return run


def page(method_of: Callable[[Stubs], Any]) -> Run:
    """A call that the client makes page by page."""
    return once(lambda telwerk, request: telwerk.run(ask(method_of, request)))


def ingest(telwerk: Telwerk, request: ingestion.IngestEventsRequest) -> Message:
    """See `Telwerk.ingest`."""
    return telwerk.ingest(request.account_id, request.events)


def stream(telwerk: Telwerk, requests: Sequence[ingestion.StreamEventsRequest]) -> Iterator[Message]:
    """See `Telwerk.stream`."""
    return telwerk.stream((request.account_id, request.events) for request in requests)


def series(telwerk: Telwerk, request: kpi.QueryTimeSeriesRequest) -> kpi.QueryTimeSeriesResponse:
    """See `Telwerk.series`."""
    return telwerk.series(request.account_id, request.kpi_ids, **series_options(request))


def totals(telwerk: Telwerk, request: kpi.QueryTotalsRequest) -> Message:
    """See `Telwerk.totals`."""
    return telwerk.totals(request.account_id, request.kpi_ids, **options_of(request))


def batch(telwerk: Telwerk, request: kpi.BatchQueryRequest) -> Message:
    """See `Telwerk.batch`."""
    queries = [getattr(one, one.WhichOneof("query")) for one in request.queries]
    return kpi.BatchQueryResponse(answers=map(batched, telwerk.batch(request.account_id, queries)))


def batched(answer: Any) -> kpi.BatchedAnswer:
    """What the client made of an answer of a batch, as it came."""
    match answer:
        case kpi.QueryTimeSeriesResponse():
            return kpi.BatchedAnswer(time_series=answer)
        case kpi.QueryTotalsResponse():
            return kpi.BatchedAnswer(totals=answer)
        case InvalidArgumentError(reason=reason, violations=violations, message=message):
            field = violations[0].field if violations else ""
            return kpi.BatchedAnswer(error=kpi.QueryError(reason=reason, field=field, message=message))
    raise AssertionError(answer)


def watch(telwerk: Telwerk, requests: Sequence[kpi.WatchTimeSeriesRequest]) -> Iterator[Message]:
    """See `Telwerk.watch`, whose answers are whole: each is told as what is different from the one before.

    That they are right as a whole is compared with what a query answers.
    """
    [request] = requests
    query = request.query
    before = None
    for answer in telwerk.watch(request.account_id, query.kpi_ids, **series_options(query)):
        asked = telwerk.series(request.account_id, query.kpi_ids, **series_options(query))
        if asked.series != answer.series or asked.answers != answer.answers:
            raise AssertionError(f"watched\n{answer}\nasked\n{asked}")
        if before is None:
            yield kpi.WatchTimeSeriesResponse(snapshot=answer)
        else:
            yield kpi.WatchTimeSeriesResponse(changes=difference(before, answer))
        before = answer


def watch_whole(telwerk: Telwerk, requests: Sequence[kpi.WatchTimeSeriesRequest]) -> Iterator[Message]:
    """The client's own watch as it is: whole answers, opened again where it broke."""
    [request] = requests
    patience = int(os.environ.get("TELWERK_PATIENCE_MS", "60000")) / 1_000
    options = series_options(request.query)
    yield from telwerk.watch(request.account_id, request.query.kpi_ids, patience_seconds=patience, **options)


def difference(before: kpi.QueryTimeSeriesResponse, after: kpi.QueryTimeSeriesResponse) -> kpi.TimeSeriesChanges:
    """The buckets whose counts differ."""
    old = {line.key.SerializeToString(deterministic=True): line.counts for line in before.series}
    lines = []
    for line in after.series:
        was = old.get(line.key.SerializeToString(deterministic=True), [0] * len(line.counts))
        changed = [index for index, (one, other) in enumerate(zip(was, line.counts, strict=True)) if one != other]
        counts = [line.counts[index] for index in changed]
        if changed:
            lines.append(kpi.Series(kpi_id=line.kpi_id, key=line.key, bucket_indexes=changed, counts=counts))
    return kpi.TimeSeriesChanges(series=lines, answers=after.answers, complete_until=after.complete_until)


def set_widget(telwerk: Telwerk, request: settings.SetWidgetSettingsRequest) -> Message:
    """See `Telwerk.set_widget_settings`."""
    kept = telwerk.set_widget_settings(request.account_id, request.settings)
    return settings.SetWidgetSettingsResponse(settings=kept)


def set_account(telwerk: Telwerk, request: settings.SetAccountSettingsRequest) -> Message:
    """See `Telwerk.set_account_settings`."""
    kept = telwerk.set_account_settings(request.account_id, request.settings)
    return settings.SetAccountSettingsResponse(settings=kept)


def get_account(telwerk: Telwerk, request: settings.GetAccountSettingsRequest) -> Message:
    """See `Telwerk.account_settings`."""
    return settings.GetAccountSettingsResponse(settings=telwerk.account_settings(request.account_id))


def set_names(telwerk: Telwerk, request: settings.SetDisplayNamesRequest) -> Message:
    """See `Telwerk.set_display_names`."""
    return telwerk.set_display_names(request.account_id, request.names, replace_all=request.replace_all)


def erase(telwerk: Telwerk, request: admin.EraseConversationRequest) -> Message:
    """See `Telwerk.erase_conversation`."""
    return telwerk.erase_conversation(request.account_id, request.conversation_id, keep_counts=request.keep_counts)


def purge(telwerk: Telwerk, request: admin.PurgeEventsRequest) -> Message:
    """See `Telwerk.purge_events`."""
    return telwerk.purge_events(request.account_id, request.before_time.ToDatetime(UTC))


def list_kpis(telwerk: Telwerk, request: kpi.ListKpisRequest) -> Message:
    """See `Telwerk.kpis`, which leaves the language out."""
    language = request.language_code or "en"
    return kpi.ListKpisResponse(kpis=telwerk.kpis(language), language_code=language)


CALLS = {
    "watch": Call(kpi.WatchTimeSeriesRequest, kpi.QueryTimeSeriesResponse, watch_whole),
    "IngestionService/IngestEvents": Call(ingestion.IngestEventsRequest, ingestion.IngestEventsResponse, once(ingest)),
    "IngestionService/StreamEvents": Call(ingestion.StreamEventsRequest, ingestion.StreamEventsResponse, stream),
    "KpiService/ListKpis": Call(kpi.ListKpisRequest, kpi.ListKpisResponse, once(list_kpis)),
    "KpiService/QueryTimeSeries": Call(kpi.QueryTimeSeriesRequest, kpi.QueryTimeSeriesResponse, once(series)),
    "KpiService/QueryTotals": Call(kpi.QueryTotalsRequest, kpi.QueryTotalsResponse, once(totals)),
    "KpiService/BatchQuery": Call(kpi.BatchQueryRequest, kpi.BatchQueryResponse, once(batch)),
    "KpiService/WatchTimeSeries": Call(kpi.WatchTimeSeriesRequest, kpi.WatchTimeSeriesResponse, watch),
    "KpiService/ExplainCount": Call(
        kpi.ExplainCountRequest, kpi.ExplainCountResponse, page(lambda stubs: stubs.kpis.ExplainCount)
    ),
    "KpiService/ListDimensionValues": Call(
        kpi.ListDimensionValuesRequest,
        kpi.ListDimensionValuesResponse,
        page(lambda stubs: stubs.kpis.ListDimensionValues),
    ),
    "SettingsService/SetWidgetSettings": Call(
        settings.SetWidgetSettingsRequest, settings.SetWidgetSettingsResponse, once(set_widget)
    ),
    "SettingsService/GetWidgetSettings": Call(
        settings.GetWidgetSettingsRequest,
        settings.GetWidgetSettingsResponse,
        page(lambda stubs: stubs.settings.GetWidgetSettings),
    ),
    "SettingsService/ListWidgetSettings": Call(
        settings.ListWidgetSettingsRequest,
        settings.ListWidgetSettingsResponse,
        page(lambda stubs: stubs.settings.ListWidgetSettings),
    ),
    "SettingsService/SetAccountSettings": Call(
        settings.SetAccountSettingsRequest, settings.SetAccountSettingsResponse, once(set_account)
    ),
    "SettingsService/GetAccountSettings": Call(
        settings.GetAccountSettingsRequest, settings.GetAccountSettingsResponse, once(get_account)
    ),
    "SettingsService/SetDisplayNames": Call(
        settings.SetDisplayNamesRequest, settings.SetDisplayNamesResponse, once(set_names)
    ),
    "SettingsService/ListDisplayNames": Call(
        settings.ListDisplayNamesRequest,
        settings.ListDisplayNamesResponse,
        page(lambda stubs: stubs.settings.ListDisplayNames),
    ),
    "AdminService/EraseConversation": Call(
        admin.EraseConversationRequest, admin.EraseConversationResponse, once(erase)
    ),
    "AdminService/PurgeEvents": Call(admin.PurgeEventsRequest, admin.PurgeEventsResponse, once(purge)),
}
"""By their names in a scenario."""
