"""What is asked of the golden accounts: each question has a name that says what it is about, and changes nothing."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from telwerk.v1 import event_pb2 as pb, kpi_service_pb2 as kpi, settings_service_pb2 as settings
from tests.golden.world import ACME, DAY_ONE, ERASED, GROUPS, LATE_FROM, NOW, OPERATORS, PURGED, TOPICS, timestamp

OPERATOR, GROUP, WIDGET, VALUE, TOPIC, QUESTION = (
    kpi.DIMENSION_OPERATOR,
    kpi.DIMENSION_OPERATOR_GROUP,
    kpi.DIMENSION_WIDGET,
    kpi.DIMENSION_VALUE,
    kpi.DIMENSION_TOPIC,
    kpi.DIMENSION_QUESTION,
)
EVERYWHERE = [OPERATOR, GROUP, WIDGET]
DIMENSIONS = {
    "satisfaction_score": [*EVERYWHERE, VALUE],
    "feedback_count": EVERYWHERE,
    "unanswered_live_conversations": EVERYWHERE,
    "unanswered_ended_conversations": EVERYWHERE,
    "inactivity_actions": [*EVERYWHERE, VALUE],
    "offline_assignments": [*EVERYWHERE, VALUE],
    "goals_reached": [*EVERYWHERE, VALUE],
    "conversation_topics": [*EVERYWHERE, VALUE, TOPIC],
    "pre_chat_survey_results": [*EVERYWHERE, VALUE, QUESTION],
    "post_chat_survey_results": [*EVERYWHERE, VALUE, QUESTION],
}
KPIS = list(DIMENSIONS)
PART_TWO = [
    *("conversations_started", "conversations_ended", "live_conversations_answered", "first_response_time"),
    *("response_time", "live_session_duration", "conversation_duration", "messages", "reassignments"),
    "conversations_received",
]
DURATIONS = PART_TWO[3:7]
RATES = [
    *("live_answer_rate", "unanswered_ended_rate", "offline_reassignment_rate", "rating_rate"),
    *("feedback_rate", "goal_rate", "topic_rate"),
]
PART_TWO_MEASURES = kpi.ORDER_MEASURE_PERCENTILE
"""The first measure that orders by what part two of the rules brought."""
STARS, ACTIONS, TOPICAL = "satisfaction_score", "inactivity_actions", "conversation_topics"
ZONES = [
    "UTC",
    "Europe/Amsterdam",
    "Asia/Kathmandu",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Casablanca",
    "Etc/GMT-14",
]


class Question(NamedTuple):
    """A call that changes nothing."""

    name: str
    method: str
    request: Any


# --- the parts of a question -----------------------------------------------------------------------------------------


def date(year: int, month: int, day: int) -> kpi.CalendarDate:
    return kpi.CalendarDate(year=year, month=month, day=day)


def dates(start: tuple[int, int, int], end: tuple[int, int, int]) -> kpi.TimeRange:
    return kpi.TimeRange(dates=kpi.DateRange(start_date=date(*start), end_date=date(*end)))


def instants(start: int, end: int) -> kpi.TimeRange:
    return kpi.TimeRange(instants=kpi.InstantRange(start_time=timestamp(start), end_time=timestamp(end)))


COMPARED = kpi.Comparison(previous_period=True)
YEAR = dates((2025, 1, 1), (2026, 1, 1))
EVER = dates((2000, 1, 1), (2199, 12, 31))
MARCH = dates((2025, 3, 1), (2025, 4, 1))
RANGES = {
    "QUARTER_HOUR": dates((2025, 3, 28), (2025, 4, 1)),
    "HOUR": dates((2025, 3, 25), (2025, 4, 6)),
    "DAY": dates((2025, 10, 1), (2025, 11, 10)),
    "WEEK": dates((2025, 1, 1), (2025, 6, 18)),
    "MONTH": YEAR,
    "QUARTER": instants(DAY_ONE + 900, DAY_ONE + 390 * 86_400),
    "YEAR": dates((2024, 7, 1), (2026, 7, 1)),
}


def totals(name: str, *kpi_ids: str, **fields: Any) -> Question:
    asked = {"account_id": ACME, "kpi_ids": kpi_ids, "range": YEAR, **fields}
    return Question(f"totals/{name}", "KpiService/QueryTotals", kpi.QueryTotalsRequest(**asked))


def series(name: str, *kpi_ids: str, **fields: Any) -> Question:
    asked = {"account_id": ACME, "kpi_ids": kpi_ids, "range": YEAR, "granularity": kpi.GRANULARITY_MONTH, **fields}
    return Question(f"series/{name}", "KpiService/QueryTimeSeries", kpi.QueryTimeSeriesRequest(**asked))


def explanation(name: str, kpi_id: str, **fields: Any) -> Question:
    asked = {"account_id": ACME, "kpi_id": kpi_id, "range": YEAR, **fields}
    return Question(f"explain/{name}", "KpiService/ExplainCount", kpi.ExplainCountRequest(**asked))


def ids(*any_of: str, none_of: tuple[str, ...] = ()) -> kpi.IdFilter:
    return kpi.IdFilter(any_of=any_of, none_of=none_of)


def by_name(*dimensions: int) -> str:
    return "+".join(kpi.Dimension.Name(dimension).removeprefix("DIMENSION_").lower() for dimension in dimensions)


# --- the questions ---------------------------------------------------------------------------------------------------


def every_kpi() -> Iterator[Question]:
    """Each KPI plainly, by each of its dimensions and by several, compared, by pages, and explained."""
    for n, (kpi_id, dimensions) in enumerate(DIMENSIONS.items()):
        yield totals(kpi_id, kpi_id)
        yield totals(f"{kpi_id} ever", kpi_id, range=EVER, time_zone="UTC")
        for dimension in dimensions:
            yield totals(f"{kpi_id} by {by_name(dimension)}", kpi_id, group_by=[dimension])
        yield totals(f"{kpi_id} by all three", kpi_id, group_by=EVERYWHERE, page_size=40)
        yield totals(
            f"{kpi_id} compared by operator",
            kpi_id,
            group_by=[OPERATOR],
            range=dates((2025, 10, 1), (2026, 1, 1)),
            compare_to=kpi.Comparison(previous_period=True),
        )
        yield series(
            f"{kpi_id} by widget and last dimension",
            kpi_id,
            group_by=[WIDGET, dimensions[-1]] if dimensions[-1] != WIDGET else [GROUP, WIDGET],
            granularity=kpi.GRANULARITY_QUARTER,
        )
        yield series(
            f"{kpi_id} compared",
            kpi_id,
            range=MARCH,
            granularity=kpi.GRANULARITY_DAY,
            compare_to=kpi.Comparison(previous_period=True),
            include_distribution=True,
        )
        yield series(f"{kpi_id} by pages", kpi_id, group_by=[OPERATOR, GROUP], page_size=7)
        yield explanation(
            kpi_id, kpi_id, page_size=12, range=dates((2025, 3, 20), (2025, 4, 20)), time_zone=ZONES[n % len(ZONES)]
        )
        autumn = dates((2025, 10, 1), (2025, 11, 1))
        yield explanation(f"{kpi_id} of nobody", kpi_id, range=autumn, filter=kpi.Filter(operators=ids("")))


def every_granularity() -> Iterator[Question]:
    """Each granularity, of half of the KPIs, each time in another zone."""
    zone = 0
    for granularity, span in RANGES.items():
        for kpi_id in KPIS[len(granularity) % 2 :: 2]:
            zone += 1
            yield series(
                f"{kpi_id} {granularity} {ZONES[zone % len(ZONES)]}",
                kpi_id,
                range=span,
                granularity=kpi.Granularity.Value(f"GRANULARITY_{granularity}"),
                time_zone=ZONES[zone % len(ZONES)],
                sparse=zone % 2 == 0,
                include_distribution=zone % 3 == 0,
                group_by=[[], [OPERATOR], [WIDGET]][zone % 3],
            )


def every_zone() -> Iterator[Question]:
    """Days and hours about the changes of the clock, in each zone; buckets that a range cuts off."""
    for zone in ZONES:
        for what, span in (
            ("spring", dates((2025, 3, 29), (2025, 4, 7))),
            ("autumn", dates((2025, 10, 4), (2025, 10, 28))),
            ("November", dates((2025, 11, 1), (2025, 11, 4))),
        ):
            asked = {"range": span, "time_zone": zone, "granularity": kpi.GRANULARITY_HOUR, "sparse": True}
            yield series(f"hours in {what} {zone}", STARS, ACTIONS, "feedback_count", **asked)
            if what == "spring":
                yield totals(f"{what} {zone}", STARS, ACTIONS, range=span, time_zone=zone)
        clipped = instants(DAY_ONE + 17 * 86_400 + 900, DAY_ONE + 61 * 86_400 + 1_800)
        for granularity in (kpi.GRANULARITY_WEEK, kpi.GRANULARITY_MONTH):
            name = f"clipped {kpi.Granularity.Name(granularity)} {zone}"
            yield series(name, STARS, range=clipped, granularity=granularity, time_zone=zone)
    for granularity in (kpi.GRANULARITY_MONTH, kpi.GRANULARITY_QUARTER, kpi.GRANULARITY_YEAR):
        name = f"before and after everything {granularity}"
        yield series(name, *KPIS[:3], range=EVER, granularity=granularity, sparse=True, time_zone="Asia/Kathmandu")


def every_filter() -> Iterator[Question]:
    """Conditions on each dimension, alone and together."""
    where: dict[str, tuple[str, kpi.Filter]] = {
        "two operators": (STARS, kpi.Filter(operators=ids(*OPERATORS[:2]))),
        "not an operator": (STARS, kpi.Filter(operators=ids(none_of=("anna", "")))),
        "nobody or anna": (ACTIONS, kpi.Filter(operators=ids("", "anna"))),
        "a group": (ACTIONS, kpi.Filter(operator_groups=ids(GROUPS[0]))),
        "no group": (ACTIONS, kpi.Filter(operator_groups=ids(""))),
        "widgets": ("feedback_count", kpi.Filter(widgets=ids("web", "intranet"))),
        "an unknown widget": ("feedback_count", kpi.Filter(widgets=ids("nowhere"))),
        "all three": (
            "goals_reached",
            kpi.Filter(
                operators=ids(none_of=("dirk",)), operator_groups=ids(*GROUPS[:2]), widgets=ids("web", "shop", "help")
            ),
        ),
        "stars": (STARS, kpi.Filter(values=kpi.ValueFilter(any_of=[kpi.Value(stars=n) for n in (4, 5)]))),
        "no stars": (STARS, kpi.Filter(values=kpi.ValueFilter(none_of=[kpi.Value(stars=1)]))),
        "actions": (ACTIONS, kpi.Filter(values=kpi.ValueFilter(any_of=[kpi.Value(action=n) for n in (1, 7)]))),
        "outcome": (
            "offline_assignments",
            kpi.Filter(values=kpi.ValueFilter(any_of=[kpi.Value(offline_assignment=2)])),
        ),
        "goal": ("goals_reached", kpi.Filter(values=kpi.ValueFilter(none_of=[kpi.Value(goal_id="goal-1")]))),
        "answer": (
            "post_chat_survey_results",
            kpi.Filter(
                values=kpi.ValueFilter(any_of=[kpi.Value(answer=pb.SurveyAnswer(question_id="q1", option_id="yes"))])
            ),
        ),
        "question": ("pre_chat_survey_results", kpi.Filter(questions=ids("q-é", "q2"))),
        "no question": ("post_chat_survey_results", kpi.Filter(questions=ids(none_of=("q1",)))),
        "any topic": (TOPICAL, kpi.Filter(topics=kpi.TopicFilter(any_of=TOPICS[:2]))),
        "all topics": (TOPICAL, kpi.Filter(topics=kpi.TopicFilter(all_of=TOPICS[:2], none_of=["other"]))),
        "exact topics": (TOPICAL, kpi.Filter(topics=kpi.TopicFilter(exactly=kpi.TopicSet(topic_ids=["price"])))),
    }
    for name, (kpi_id, wanted) in where.items():
        yield totals(f"{kpi_id} of {name}", kpi_id, filter=wanted)
        yield totals(f"{kpi_id} of {name} by operator", kpi_id, filter=wanted, group_by=[OPERATOR])
        yield series(f"{kpi_id} of {name}", kpi_id, filter=wanted, group_by=[WIDGET], sparse=True)
        yield explanation(f"{kpi_id} of {name}", kpi_id, filter=wanted, range=dates((2025, 3, 1), (2025, 3, 11)))


def every_order() -> Iterator[Question]:
    """Each measure up and down, of totals, of series and of the largest; with what it cannot be asked of refused."""
    compared = kpi.Comparison(previous_period=True)
    span = dates((2025, 7, 1), (2026, 1, 1))
    for number in kpi.OrderMeasure.values()[1:PART_TWO_MEASURES]:
        measure = kpi.OrderMeasure.Name(number).removeprefix("ORDER_MEASURE_").lower()
        for descending in (False, True):
            order = kpi.OrderBy(measure=number, descending=descending, kpi_id=STARS)
            asked: dict[str, Any] = {"order_by": order, "range": span, "compare_to": compared}
            name = f"{measure} {'down' if descending else 'up'}"
            yield totals(f"ordered by {name}", STARS, "feedback_count", group_by=[OPERATOR, GROUP], **asked)
            yield totals(f"ordered by {name}, by pages", STARS, group_by=[OPERATOR, WIDGET], page_size=9, **asked)
            yield series(f"ordered by {name}", "feedback_count", STARS, group_by=[OPERATOR], **asked)
            top = kpi.Top(count=3, include_rest=True)
            yield totals(f"top by {name}", STARS, "feedback_count", group_by=[OPERATOR], top=top, **asked)
    for kpi_id, dimensions in DIMENSIONS.items():
        by = [GROUP, dimensions[-1]] if dimensions[-1] != WIDGET else [OPERATOR, WIDGET]
        for include_rest in (False, True):
            top = kpi.Top(count=2, include_rest=include_rest)
            yield totals(f"{kpi_id} top 2{', rest' * include_rest}", kpi_id, group_by=by, top=top)
            yield series(f"{kpi_id} top 2{', rest' * include_rest}", kpi_id, group_by=by, top=top)


def compared() -> Iterator[Question]:
    """With the period before, or any other of whatever length; days with days, months with months."""
    for what, span, other in (
        ("months", dates((2025, 6, 1), (2025, 9, 1)), None),
        ("days", dates((2025, 3, 10), (2025, 4, 20)), None),
        ("instants", instants(DAY_ONE + 90 * 86_400, DAY_ONE + 97 * 86_400), None),
        ("the year before", dates((2026, 1, 1), (2026, 2, 1)), dates((2025, 1, 1), (2025, 2, 1))),
        ("a shorter one", dates((2025, 5, 1), (2025, 6, 1)), dates((2025, 2, 1), (2025, 3, 1))),
        ("the future", dates((2025, 5, 1), (2025, 6, 1)), dates((2027, 5, 1), (2027, 6, 1))),
    ):
        period = kpi.Comparison(range=other) if other else kpi.Comparison(previous_period=True)
        for zone in ("", "America/St_Johns"):
            asked: dict[str, Any] = {"range": span, "compare_to": period, "time_zone": zone}
            yield totals(f"with {what} {zone}", STARS, ACTIONS, group_by=[GROUP], **asked)
            yield series(
                f"with {what} {zone}", STARS, TOPICAL, granularity=kpi.GRANULARITY_DAY, group_by=[WIDGET], **asked
            )


def several() -> Iterator[Question]:
    """Many KPIs in one question, many questions in one call, other accounts, and what is held back or not enabled."""
    yield totals("all KPIs", *KPIS)
    yield totals("all KPIs by widget", *KPIS, group_by=[WIDGET])
    yield series("all KPIs by operator", *KPIS, group_by=[OPERATOR], sparse=True)
    yield series("all KPIs by day", *KPIS, granularity=kpi.GRANULARITY_DAY, include_distribution=True)
    yield totals("actions where none are enabled", ACTIONS, filter=kpi.Filter(widgets=ids("help")))
    yield totals("actions where some are enabled", ACTIONS, "offline_assignments", group_by=[WIDGET])
    yield totals("one quarter-hour", *KPIS, range=instants(DAY_ONE + 87 * 86_400, DAY_ONE + 87 * 86_400 + 900))
    yield totals("the last days", *KPIS, range=instants(LATE_FROM, NOW))
    for account in (PURGED, ERASED, "nobody's"):
        yield totals(f"all KPIs of {account}", *KPIS, account_id=account, group_by=[OPERATOR])
        yield series(f"all KPIs of {account}", *KPIS, account_id=account)
        for kpi_id in KPIS[:: 1 if account != "nobody's" else 5]:
            yield explanation(f"{kpi_id} of {account}", kpi_id, account_id=account, page_size=50)
    some = [*every_order(), *compared()][::9]
    bad = series("without a granularity", STARS, granularity=0)
    queries = [
        kpi.BatchedQuery(**{"totals" if one.method.endswith("Totals") else "time_series": one.request})
        for one in (*some, bad)
    ]
    for name, batch in (("some", queries[:20]), ("one", queries[-1:]), ("mixed", [*queries[-3:], kpi.BatchedQuery()])):
        request = kpi.BatchQueryRequest(account_id=ACME, queries=batch)
        yield Question(f"batch/{name}", "KpiService/BatchQuery", request)


def catalogue() -> Iterator[Question]:
    for language in ("en", "nl", "de", "", "nl-BE", "fr", "DE"):
        request = kpi.ListKpisRequest(language_code=language)
        yield Question(f"kpis/{language or 'default'}", "KpiService/ListKpis", request)


def widget_settings() -> Iterator[Question]:
    for account in (ACME, PURGED, "nobody's"):
        for widget in ("web", "shop", "intranet"):
            request = settings.GetWidgetSettingsRequest(account_id=account, widget_id=widget, page_size=1)
            yield Question(f"settings/{widget} of {account}", "SettingsService/GetWidgetSettings", request)
        for size in (0, 2):
            listing = settings.ListWidgetSettingsRequest(account_id=account, page_size=size)
            yield Question(f"settings/all of {account} by {size}", "SettingsService/ListWidgetSettings", listing)
        zone = settings.GetAccountSettingsRequest(account_id=account)
        yield Question(f"settings/account {account}", "SettingsService/GetAccountSettings", zone)


def questions() -> Iterator[Question]:
    """All about part one of the rules. The answers stay the same whatever part two counts."""
    for some in (
        *(every_kpi, every_granularity, every_zone, every_filter, every_order, compared, several),
        *(catalogue, widget_settings),
    ):
        yield from some()


def part_two() -> Iterator[Question]:
    """What part two of the rules brought; an account that is counted by part one alone answers otherwise."""
    for kpi_id in PART_TWO:
        measured: dict[str, Any] = {"percentiles": [0.5, 0.9]} if kpi_id in DURATIONS else {}
        yield totals(f"{kpi_id} by operator and group", kpi_id, group_by=[OPERATOR, GROUP], **measured)
        yield series(kpi_id, kpi_id, group_by=[WIDGET], compare_to=COMPARED, **measured)
        yield explanation(kpi_id, kpi_id, page_size=12, range=dates((2025, 3, 20), (2025, 4, 20)))
    for kpi_id in DURATIONS:
        yield totals(f"{kpi_id} with a histogram", kpi_id, include_histogram=True, percentiles=[0.0, 1.0])
    yield totals("all of part two by widget", *PART_TWO, *RATES, group_by=[WIDGET])
    yield series("rates by operator", *RATES, group_by=[OPERATOR], sparse=True)
    weekdays: dict[str, Any] = {"group_by": [kpi.DIMENSION_WEEKDAY, kpi.DIMENSION_HOUR_OF_DAY]}
    yield totals("the time of the week", STARS, "messages", **weekdays)
    yield series("a granularity chosen by the server", STARS, granularity=kpi.GRANULARITY_AUTO)
    for account in (PURGED, ERASED, "nobody's"):
        yield totals(f"all of part two of {account}", *PART_TWO, *RATES, account_id=account, group_by=[OPERATOR])
    for number in kpi.OrderMeasure.values()[PART_TWO_MEASURES:]:
        measure = kpi.OrderMeasure.Name(number).removeprefix("ORDER_MEASURE_").lower()
        for kpi_id in (STARS, RATES[3], DURATIONS[0]):
            order = kpi.OrderBy(measure=number, descending=True, kpi_id=kpi_id)
            if number == PART_TWO_MEASURES:
                order.percentile = 0.5
            asked: dict[str, Any] = {"order_by": order, "compare_to": COMPARED}
            autumn = dates((2025, 7, 1), (2026, 1, 1))
            yield totals(f"{kpi_id} ordered by {measure}", kpi_id, group_by=[OPERATOR], range=autumn, **asked)
