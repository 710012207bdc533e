import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from telwerk.v1 import event_pb2 as _event_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WidgetSettings(_message.Message):
    __slots__ = ("widget_id", "effective_time", "live_limit", "goals", "enabled_actions")
    WIDGET_ID_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_TIME_FIELD_NUMBER: _ClassVar[int]
    LIVE_LIMIT_FIELD_NUMBER: _ClassVar[int]
    GOALS_FIELD_NUMBER: _ClassVar[int]
    ENABLED_ACTIONS_FIELD_NUMBER: _ClassVar[int]
    widget_id: str
    effective_time: _timestamp_pb2.Timestamp
    live_limit: _duration_pb2.Duration
    goals: _containers.RepeatedCompositeFieldContainer[Goal]
    enabled_actions: _containers.RepeatedScalarFieldContainer[_event_pb2.InactivityAction]
    def __init__(self, widget_id: _Optional[str] = ..., effective_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., live_limit: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., goals: _Optional[_Iterable[_Union[Goal, _Mapping]]] = ..., enabled_actions: _Optional[_Iterable[_Union[_event_pb2.InactivityAction, str]]] = ...) -> None: ...

class Goal(_message.Message):
    __slots__ = ("goal_id", "url")
    GOAL_ID_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    goal_id: str
    url: str
    def __init__(self, goal_id: _Optional[str] = ..., url: _Optional[str] = ...) -> None: ...

class SetWidgetSettingsRequest(_message.Message):
    __slots__ = ("account_id", "settings")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    settings: WidgetSettings
    def __init__(self, account_id: _Optional[str] = ..., settings: _Optional[_Union[WidgetSettings, _Mapping]] = ...) -> None: ...

class SetWidgetSettingsResponse(_message.Message):
    __slots__ = ("settings",)
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    settings: WidgetSettings
    def __init__(self, settings: _Optional[_Union[WidgetSettings, _Mapping]] = ...) -> None: ...

class GetWidgetSettingsRequest(_message.Message):
    __slots__ = ("account_id", "widget_id")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    WIDGET_ID_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    widget_id: str
    def __init__(self, account_id: _Optional[str] = ..., widget_id: _Optional[str] = ...) -> None: ...

class GetWidgetSettingsResponse(_message.Message):
    __slots__ = ("versions",)
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedCompositeFieldContainer[WidgetSettings]
    def __init__(self, versions: _Optional[_Iterable[_Union[WidgetSettings, _Mapping]]] = ...) -> None: ...

class ListWidgetSettingsRequest(_message.Message):
    __slots__ = ("account_id",)
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    def __init__(self, account_id: _Optional[str] = ...) -> None: ...

class ListWidgetSettingsResponse(_message.Message):
    __slots__ = ("settings",)
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    settings: _containers.RepeatedCompositeFieldContainer[WidgetSettings]
    def __init__(self, settings: _Optional[_Iterable[_Union[WidgetSettings, _Mapping]]] = ...) -> None: ...

class AccountSettings(_message.Message):
    __slots__ = ("time_zone",)
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    time_zone: str
    def __init__(self, time_zone: _Optional[str] = ...) -> None: ...

class SetAccountSettingsRequest(_message.Message):
    __slots__ = ("account_id", "settings")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    settings: AccountSettings
    def __init__(self, account_id: _Optional[str] = ..., settings: _Optional[_Union[AccountSettings, _Mapping]] = ...) -> None: ...

class SetAccountSettingsResponse(_message.Message):
    __slots__ = ("settings",)
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    settings: AccountSettings
    def __init__(self, settings: _Optional[_Union[AccountSettings, _Mapping]] = ...) -> None: ...

class GetAccountSettingsRequest(_message.Message):
    __slots__ = ("account_id",)
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    def __init__(self, account_id: _Optional[str] = ...) -> None: ...

class GetAccountSettingsResponse(_message.Message):
    __slots__ = ("settings",)
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    settings: AccountSettings
    def __init__(self, settings: _Optional[_Union[AccountSettings, _Mapping]] = ...) -> None: ...
