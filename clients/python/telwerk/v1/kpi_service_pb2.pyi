import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from telwerk.v1 import event_pb2 as _event_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ValueKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VALUE_KIND_UNSPECIFIED: _ClassVar[ValueKind]
    VALUE_KIND_NONE: _ClassVar[ValueKind]
    VALUE_KIND_STARS: _ClassVar[ValueKind]
    VALUE_KIND_INACTIVITY_ACTION: _ClassVar[ValueKind]
    VALUE_KIND_OFFLINE_ASSIGNMENT: _ClassVar[ValueKind]
    VALUE_KIND_GOAL: _ClassVar[ValueKind]
    VALUE_KIND_TOPIC_SET: _ClassVar[ValueKind]
    VALUE_KIND_SURVEY_ANSWER: _ClassVar[ValueKind]

class Revisability(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REVISABILITY_UNSPECIFIED: _ClassVar[Revisability]
    REVISABILITY_FROZEN: _ClassVar[Revisability]
    REVISABILITY_REVISABLE: _ClassVar[Revisability]

class OfflineAssignment(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OFFLINE_ASSIGNMENT_UNSPECIFIED: _ClassVar[OfflineAssignment]
    OFFLINE_ASSIGNMENT_ASSIGNED: _ClassVar[OfflineAssignment]
    OFFLINE_ASSIGNMENT_NO_OPERATOR_AVAILABLE: _ClassVar[OfflineAssignment]

class Dimension(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DIMENSION_UNSPECIFIED: _ClassVar[Dimension]
    DIMENSION_OPERATOR: _ClassVar[Dimension]
    DIMENSION_OPERATOR_GROUP: _ClassVar[Dimension]
    DIMENSION_WIDGET: _ClassVar[Dimension]
    DIMENSION_VALUE: _ClassVar[Dimension]
    DIMENSION_TOPIC: _ClassVar[Dimension]

class Granularity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GRANULARITY_UNSPECIFIED: _ClassVar[Granularity]
    GRANULARITY_QUARTER_HOUR: _ClassVar[Granularity]
    GRANULARITY_HOUR: _ClassVar[Granularity]
    GRANULARITY_DAY: _ClassVar[Granularity]
    GRANULARITY_WEEK: _ClassVar[Granularity]
    GRANULARITY_MONTH: _ClassVar[Granularity]
    GRANULARITY_QUARTER: _ClassVar[Granularity]
    GRANULARITY_YEAR: _ClassVar[Granularity]

class Availability(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AVAILABILITY_UNSPECIFIED: _ClassVar[Availability]
    AVAILABILITY_AVAILABLE: _ClassVar[Availability]
    AVAILABILITY_NOT_ENABLED: _ClassVar[Availability]
VALUE_KIND_UNSPECIFIED: ValueKind
VALUE_KIND_NONE: ValueKind
VALUE_KIND_STARS: ValueKind
VALUE_KIND_INACTIVITY_ACTION: ValueKind
VALUE_KIND_OFFLINE_ASSIGNMENT: ValueKind
VALUE_KIND_GOAL: ValueKind
VALUE_KIND_TOPIC_SET: ValueKind
VALUE_KIND_SURVEY_ANSWER: ValueKind
REVISABILITY_UNSPECIFIED: Revisability
REVISABILITY_FROZEN: Revisability
REVISABILITY_REVISABLE: Revisability
OFFLINE_ASSIGNMENT_UNSPECIFIED: OfflineAssignment
OFFLINE_ASSIGNMENT_ASSIGNED: OfflineAssignment
OFFLINE_ASSIGNMENT_NO_OPERATOR_AVAILABLE: OfflineAssignment
DIMENSION_UNSPECIFIED: Dimension
DIMENSION_OPERATOR: Dimension
DIMENSION_OPERATOR_GROUP: Dimension
DIMENSION_WIDGET: Dimension
DIMENSION_VALUE: Dimension
DIMENSION_TOPIC: Dimension
GRANULARITY_UNSPECIFIED: Granularity
GRANULARITY_QUARTER_HOUR: Granularity
GRANULARITY_HOUR: Granularity
GRANULARITY_DAY: Granularity
GRANULARITY_WEEK: Granularity
GRANULARITY_MONTH: Granularity
GRANULARITY_QUARTER: Granularity
GRANULARITY_YEAR: Granularity
AVAILABILITY_UNSPECIFIED: Availability
AVAILABILITY_AVAILABLE: Availability
AVAILABILITY_NOT_ENABLED: Availability

class ListKpisRequest(_message.Message):
    __slots__ = ("language_code",)
    LANGUAGE_CODE_FIELD_NUMBER: _ClassVar[int]
    language_code: str
    def __init__(self, language_code: _Optional[str] = ...) -> None: ...

class ListKpisResponse(_message.Message):
    __slots__ = ("kpis", "language_code")
    KPIS_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_CODE_FIELD_NUMBER: _ClassVar[int]
    kpis: _containers.RepeatedCompositeFieldContainer[Kpi]
    language_code: str
    def __init__(self, kpis: _Optional[_Iterable[_Union[Kpi, _Mapping]]] = ..., language_code: _Optional[str] = ...) -> None: ...

class Kpi(_message.Message):
    __slots__ = ("kpi_id", "number", "display_name", "section", "what", "unit", "when", "why", "example", "dimensions", "value_kind", "revisability", "has_mean", "values")
    KPI_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    SECTION_FIELD_NUMBER: _ClassVar[int]
    WHAT_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    WHEN_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    EXAMPLE_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    VALUE_KIND_FIELD_NUMBER: _ClassVar[int]
    REVISABILITY_FIELD_NUMBER: _ClassVar[int]
    HAS_MEAN_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    kpi_id: str
    number: int
    display_name: str
    section: str
    what: str
    unit: str
    when: str
    why: str
    example: str
    dimensions: _containers.RepeatedScalarFieldContainer[Dimension]
    value_kind: ValueKind
    revisability: Revisability
    has_mean: bool
    values: _containers.RepeatedCompositeFieldContainer[ValueInfo]
    def __init__(self, kpi_id: _Optional[str] = ..., number: _Optional[int] = ..., display_name: _Optional[str] = ..., section: _Optional[str] = ..., what: _Optional[str] = ..., unit: _Optional[str] = ..., when: _Optional[str] = ..., why: _Optional[str] = ..., example: _Optional[str] = ..., dimensions: _Optional[_Iterable[_Union[Dimension, str]]] = ..., value_kind: _Optional[_Union[ValueKind, str]] = ..., revisability: _Optional[_Union[Revisability, str]] = ..., has_mean: bool = ..., values: _Optional[_Iterable[_Union[ValueInfo, _Mapping]]] = ...) -> None: ...

class ValueInfo(_message.Message):
    __slots__ = ("value", "display_name", "description")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    value: Value
    display_name: str
    description: str
    def __init__(self, value: _Optional[_Union[Value, _Mapping]] = ..., display_name: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class Value(_message.Message):
    __slots__ = ("stars", "action", "offline_assignment", "goal_id", "topics", "answer")
    STARS_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    OFFLINE_ASSIGNMENT_FIELD_NUMBER: _ClassVar[int]
    GOAL_ID_FIELD_NUMBER: _ClassVar[int]
    TOPICS_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    stars: int
    action: _event_pb2.InactivityAction
    offline_assignment: OfflineAssignment
    goal_id: str
    topics: TopicSet
    answer: _event_pb2.SurveyAnswer
    def __init__(self, stars: _Optional[int] = ..., action: _Optional[_Union[_event_pb2.InactivityAction, str]] = ..., offline_assignment: _Optional[_Union[OfflineAssignment, str]] = ..., goal_id: _Optional[str] = ..., topics: _Optional[_Union[TopicSet, _Mapping]] = ..., answer: _Optional[_Union[_event_pb2.SurveyAnswer, _Mapping]] = ...) -> None: ...

class TopicSet(_message.Message):
    __slots__ = ("topic_ids",)
    TOPIC_IDS_FIELD_NUMBER: _ClassVar[int]
    topic_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, topic_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class TimeRange(_message.Message):
    __slots__ = ("instants", "dates")
    INSTANTS_FIELD_NUMBER: _ClassVar[int]
    DATES_FIELD_NUMBER: _ClassVar[int]
    instants: InstantRange
    dates: DateRange
    def __init__(self, instants: _Optional[_Union[InstantRange, _Mapping]] = ..., dates: _Optional[_Union[DateRange, _Mapping]] = ...) -> None: ...

class InstantRange(_message.Message):
    __slots__ = ("start_time", "end_time")
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class DateRange(_message.Message):
    __slots__ = ("start_date", "end_date")
    START_DATE_FIELD_NUMBER: _ClassVar[int]
    END_DATE_FIELD_NUMBER: _ClassVar[int]
    start_date: CalendarDate
    end_date: CalendarDate
    def __init__(self, start_date: _Optional[_Union[CalendarDate, _Mapping]] = ..., end_date: _Optional[_Union[CalendarDate, _Mapping]] = ...) -> None: ...

class CalendarDate(_message.Message):
    __slots__ = ("year", "month", "day")
    YEAR_FIELD_NUMBER: _ClassVar[int]
    MONTH_FIELD_NUMBER: _ClassVar[int]
    DAY_FIELD_NUMBER: _ClassVar[int]
    year: int
    month: int
    day: int
    def __init__(self, year: _Optional[int] = ..., month: _Optional[int] = ..., day: _Optional[int] = ...) -> None: ...

class Filter(_message.Message):
    __slots__ = ("operators", "operator_groups", "widgets", "values", "topics")
    OPERATORS_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_GROUPS_FIELD_NUMBER: _ClassVar[int]
    WIDGETS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    TOPICS_FIELD_NUMBER: _ClassVar[int]
    operators: IdFilter
    operator_groups: IdFilter
    widgets: IdFilter
    values: ValueFilter
    topics: TopicFilter
    def __init__(self, operators: _Optional[_Union[IdFilter, _Mapping]] = ..., operator_groups: _Optional[_Union[IdFilter, _Mapping]] = ..., widgets: _Optional[_Union[IdFilter, _Mapping]] = ..., values: _Optional[_Union[ValueFilter, _Mapping]] = ..., topics: _Optional[_Union[TopicFilter, _Mapping]] = ...) -> None: ...

class IdFilter(_message.Message):
    __slots__ = ("any_of", "none_of")
    ANY_OF_FIELD_NUMBER: _ClassVar[int]
    NONE_OF_FIELD_NUMBER: _ClassVar[int]
    any_of: _containers.RepeatedScalarFieldContainer[str]
    none_of: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, any_of: _Optional[_Iterable[str]] = ..., none_of: _Optional[_Iterable[str]] = ...) -> None: ...

class ValueFilter(_message.Message):
    __slots__ = ("any_of", "none_of")
    ANY_OF_FIELD_NUMBER: _ClassVar[int]
    NONE_OF_FIELD_NUMBER: _ClassVar[int]
    any_of: _containers.RepeatedCompositeFieldContainer[Value]
    none_of: _containers.RepeatedCompositeFieldContainer[Value]
    def __init__(self, any_of: _Optional[_Iterable[_Union[Value, _Mapping]]] = ..., none_of: _Optional[_Iterable[_Union[Value, _Mapping]]] = ...) -> None: ...

class TopicFilter(_message.Message):
    __slots__ = ("any_of", "all_of", "none_of")
    ANY_OF_FIELD_NUMBER: _ClassVar[int]
    ALL_OF_FIELD_NUMBER: _ClassVar[int]
    NONE_OF_FIELD_NUMBER: _ClassVar[int]
    any_of: _containers.RepeatedScalarFieldContainer[str]
    all_of: _containers.RepeatedScalarFieldContainer[str]
    none_of: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, any_of: _Optional[_Iterable[str]] = ..., all_of: _Optional[_Iterable[str]] = ..., none_of: _Optional[_Iterable[str]] = ...) -> None: ...

class QueryTimeSeriesRequest(_message.Message):
    __slots__ = ("account_id", "kpi_ids", "range", "granularity", "time_zone", "filter", "group_by", "sparse", "include_distribution")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    KPI_IDS_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    GRANULARITY_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    GROUP_BY_FIELD_NUMBER: _ClassVar[int]
    SPARSE_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_DISTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    kpi_ids: _containers.RepeatedScalarFieldContainer[str]
    range: TimeRange
    granularity: Granularity
    time_zone: str
    filter: Filter
    group_by: _containers.RepeatedScalarFieldContainer[Dimension]
    sparse: bool
    include_distribution: bool
    def __init__(self, account_id: _Optional[str] = ..., kpi_ids: _Optional[_Iterable[str]] = ..., range: _Optional[_Union[TimeRange, _Mapping]] = ..., granularity: _Optional[_Union[Granularity, str]] = ..., time_zone: _Optional[str] = ..., filter: _Optional[_Union[Filter, _Mapping]] = ..., group_by: _Optional[_Iterable[_Union[Dimension, str]]] = ..., sparse: bool = ..., include_distribution: bool = ...) -> None: ...

class QueryTimeSeriesResponse(_message.Message):
    __slots__ = ("bucket_start_seconds", "end_seconds", "first_bucket_clipped", "last_bucket_clipped", "series", "answers", "time_zone", "complete_until")
    BUCKET_START_SECONDS_FIELD_NUMBER: _ClassVar[int]
    END_SECONDS_FIELD_NUMBER: _ClassVar[int]
    FIRST_BUCKET_CLIPPED_FIELD_NUMBER: _ClassVar[int]
    LAST_BUCKET_CLIPPED_FIELD_NUMBER: _ClassVar[int]
    SERIES_FIELD_NUMBER: _ClassVar[int]
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_UNTIL_FIELD_NUMBER: _ClassVar[int]
    bucket_start_seconds: _containers.RepeatedScalarFieldContainer[int]
    end_seconds: int
    first_bucket_clipped: bool
    last_bucket_clipped: bool
    series: _containers.RepeatedCompositeFieldContainer[Series]
    answers: _containers.RepeatedCompositeFieldContainer[KpiAnswer]
    time_zone: str
    complete_until: _timestamp_pb2.Timestamp
    def __init__(self, bucket_start_seconds: _Optional[_Iterable[int]] = ..., end_seconds: _Optional[int] = ..., first_bucket_clipped: bool = ..., last_bucket_clipped: bool = ..., series: _Optional[_Iterable[_Union[Series, _Mapping]]] = ..., answers: _Optional[_Iterable[_Union[KpiAnswer, _Mapping]]] = ..., time_zone: _Optional[str] = ..., complete_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class KpiAnswer(_message.Message):
    __slots__ = ("kpi_id", "unit", "held_back_count", "availability", "overlapping")
    KPI_ID_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    HELD_BACK_COUNT_FIELD_NUMBER: _ClassVar[int]
    AVAILABILITY_FIELD_NUMBER: _ClassVar[int]
    OVERLAPPING_FIELD_NUMBER: _ClassVar[int]
    kpi_id: str
    unit: str
    held_back_count: int
    availability: Availability
    overlapping: bool
    def __init__(self, kpi_id: _Optional[str] = ..., unit: _Optional[str] = ..., held_back_count: _Optional[int] = ..., availability: _Optional[_Union[Availability, str]] = ..., overlapping: bool = ...) -> None: ...

class Key(_message.Message):
    __slots__ = ("operator_id", "operator_group_id", "widget_id", "value", "topic_id")
    OPERATOR_ID_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    WIDGET_ID_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    TOPIC_ID_FIELD_NUMBER: _ClassVar[int]
    operator_id: str
    operator_group_id: str
    widget_id: str
    value: Value
    topic_id: str
    def __init__(self, operator_id: _Optional[str] = ..., operator_group_id: _Optional[str] = ..., widget_id: _Optional[str] = ..., value: _Optional[_Union[Value, _Mapping]] = ..., topic_id: _Optional[str] = ...) -> None: ...

class Series(_message.Message):
    __slots__ = ("kpi_id", "key", "bucket_indexes", "counts", "sums", "distribution")
    KPI_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    BUCKET_INDEXES_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    SUMS_FIELD_NUMBER: _ClassVar[int]
    DISTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    kpi_id: str
    key: Key
    bucket_indexes: _containers.RepeatedScalarFieldContainer[int]
    counts: _containers.RepeatedScalarFieldContainer[int]
    sums: _containers.RepeatedScalarFieldContainer[int]
    distribution: _containers.RepeatedCompositeFieldContainer[Distribution]
    def __init__(self, kpi_id: _Optional[str] = ..., key: _Optional[_Union[Key, _Mapping]] = ..., bucket_indexes: _Optional[_Iterable[int]] = ..., counts: _Optional[_Iterable[int]] = ..., sums: _Optional[_Iterable[int]] = ..., distribution: _Optional[_Iterable[_Union[Distribution, _Mapping]]] = ...) -> None: ...

class Distribution(_message.Message):
    __slots__ = ("value", "counts")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    value: Value
    counts: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, value: _Optional[_Union[Value, _Mapping]] = ..., counts: _Optional[_Iterable[int]] = ...) -> None: ...

class QueryTotalsRequest(_message.Message):
    __slots__ = ("account_id", "kpi_ids", "range", "time_zone", "filter", "group_by")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    KPI_IDS_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    GROUP_BY_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    kpi_ids: _containers.RepeatedScalarFieldContainer[str]
    range: TimeRange
    time_zone: str
    filter: Filter
    group_by: _containers.RepeatedScalarFieldContainer[Dimension]
    def __init__(self, account_id: _Optional[str] = ..., kpi_ids: _Optional[_Iterable[str]] = ..., range: _Optional[_Union[TimeRange, _Mapping]] = ..., time_zone: _Optional[str] = ..., filter: _Optional[_Union[Filter, _Mapping]] = ..., group_by: _Optional[_Iterable[_Union[Dimension, str]]] = ...) -> None: ...

class QueryTotalsResponse(_message.Message):
    __slots__ = ("totals", "answers", "time_zone", "complete_until")
    TOTALS_FIELD_NUMBER: _ClassVar[int]
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_UNTIL_FIELD_NUMBER: _ClassVar[int]
    totals: _containers.RepeatedCompositeFieldContainer[Total]
    answers: _containers.RepeatedCompositeFieldContainer[KpiAnswer]
    time_zone: str
    complete_until: _timestamp_pb2.Timestamp
    def __init__(self, totals: _Optional[_Iterable[_Union[Total, _Mapping]]] = ..., answers: _Optional[_Iterable[_Union[KpiAnswer, _Mapping]]] = ..., time_zone: _Optional[str] = ..., complete_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Total(_message.Message):
    __slots__ = ("kpi_id", "key", "count", "sum", "mean", "distribution")
    KPI_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    SUM_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    DISTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    kpi_id: str
    key: Key
    count: int
    sum: int
    mean: float
    distribution: _containers.RepeatedCompositeFieldContainer[ValueCount]
    def __init__(self, kpi_id: _Optional[str] = ..., key: _Optional[_Union[Key, _Mapping]] = ..., count: _Optional[int] = ..., sum: _Optional[int] = ..., mean: _Optional[float] = ..., distribution: _Optional[_Iterable[_Union[ValueCount, _Mapping]]] = ...) -> None: ...

class ValueCount(_message.Message):
    __slots__ = ("value", "count")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    value: Value
    count: int
    def __init__(self, value: _Optional[_Union[Value, _Mapping]] = ..., count: _Optional[int] = ...) -> None: ...
