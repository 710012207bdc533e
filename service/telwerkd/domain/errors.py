"""Everything that can go wrong by a caller's doing or a machine's, in one tree.

    TelwerkError
    ├── InvalidArgumentError     the request cannot be right; names the fields
    │   └── LimitExceededError   it is larger than this server takes; names the limit
    ├── UnauthenticatedError     no key or token, or none that counts
    ├── PermissionDeniedError    a known key without the grant
    ├── NotFoundError            what was named is not there
    ├── QuotaExceededError       right, but this account or caller uses its whole share just now; names the limit
    └── UnavailableError         right, but not now: send it again after a while

`Reason` is the catalogue of what clients can tell apart (`ErrorInfo.reason`, `Rejection.reason`); the transport maps
the classes to gRPC statuses. `RequestPart` is what can be wrong; which field of a request says it, the transport adds.
"""

import enum
from collections.abc import Sequence

import msgspec

DOMAIN = "telwerk"
"""`ErrorInfo.domain` of every error."""


class Reason(enum.Enum):
    """What clients can tell apart. Names are part of the contract: add, never rename."""

    INVALID_REQUEST = "a field of the request is wrong"
    INVALID_EVENT = "a field of the event is wrong"
    EVENT_ID_REUSED = "the event's id is taken by another content"
    LIMIT_EXCEEDED = "larger than a limit of this server"
    BEFORE_HORIZON = "the event is older than what was purged"
    CONVERSATION_ERASED = "the conversation was erased"
    PAGE_TOKEN_INVALID = "the page token is not of this query"  # noqa: S105  # a text
    TOO_MANY_VALUES = "the account has too many distinct values of one kind"
    CONVERSATION_FULL = "the conversation has too many events, or too much in it waits for others"
    UNKNOWN_KPI = "no KPI has this id"
    NOT_YET_COUNTED = "the account is not counted by rules that have the KPI"
    AS_OF_UNKNOWN = "what was known at that instant cannot be told"
    NO_DURATIONS = "the KPI counts no durations, so there are no percentiles and no histogram of it"
    INVALID_PERCENTILE = "a percentile is not a number from 0 to 1"
    UNKNOWN_DIMENSION = "the KPI does not have this dimension"
    UNKNOWN_TIME_ZONE = "not an IANA time zone"
    WIDGET_SETTINGS_NOT_FOUND = "the widget has no settings"
    KEY_MISSING = "no API key was sent"
    KEY_UNKNOWN = "the API key is not known"
    TOKEN_INVALID = "the token proves nothing here"  # noqa: S105  # a text
    TOKEN_EXPIRED = "the token has expired"  # noqa: S105  # a text
    TOKEN_KEYS_UNAVAILABLE = "the keys of the token's issuer cannot be fetched"  # noqa: S105  # a text
    ACCOUNT_NOT_GRANTED = "the API key, or the token, does not grant the account"
    ROLE_NOT_GRANTED = "the API key, or the token, does not grant the role"
    DATABASE_UNAVAILABLE = "the database does not answer"
    RULES_UNKNOWN = "the account is counted by newer rules than this server knows"
    OVERLOADED = "too much is waiting to be stored, or held in memory"
    QUOTA_EXCEEDED = "the account, or the caller, uses its whole share of what all share"
    SLOW_READER = "a watch was not read for too long"
    SLOW_REQUEST = "a call was opened, and its request did not come in time"
    SHUTTING_DOWN = "the server is stopping"
    INTERNAL = "a defect of the server"


class RequestPart(enum.Enum):
    """What of a question or an event can be wrong, in the words of the domain."""

    KPI = "KPI"
    TIME_ZONE = "time zone"
    RANGE = "range"
    PREVIOUS_PERIOD = "previous period"
    COMPARED_RANGE = "compared range"
    GRANULARITY = "granularity"
    GROUPING = "grouping"
    FILTER = "filter"
    FILTERED_VALUES = "filtered values"
    ORDER_MEASURE = "measure of the order"
    PERCENTILES = "percentiles"
    HISTOGRAM = "histogram"
    CONVERSATION = "conversation"
    EVENT_ID = "event id"
    OCCUR_TIME = "time of the event"
    HORIZON = "horizon"
    AS_OF = "instant of which what was known is asked"
    WIDGET_SETTINGS = "settings of a widget"
    DISPLAY_NAMES = "display names"


class FieldViolation(msgspec.Struct, frozen=True):
    """What is wrong, and with what: a part of a question, or in the transport a field, as a path in the request."""

    field: RequestPart | str
    description: str

    def __str__(self) -> str:
        field = self.field.value if isinstance(self.field, RequestPart) else self.field
        return f"{field}: {self.description}"


class TelwerkError(Exception):
    """The root. Its text is for people and safe to show to the caller."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class InvalidArgumentError(TelwerkError):
    """The request cannot be right, whatever the server's state."""

    def __init__(self, violations: Sequence[FieldViolation], reason: Reason = Reason.INVALID_REQUEST) -> None:
        super().__init__(reason, "; ".join(map(str, violations)))
        self.violations = tuple(violations)

    @classmethod
    def of(
        cls, field: RequestPart | str, description: str, reason: Reason = Reason.INVALID_REQUEST
    ) -> "InvalidArgumentError":
        """Returns the error of one violation: of one request part, or of one field."""
        return cls([FieldViolation(field, description)], reason)


class LimitExceededError(InvalidArgumentError):
    """The request is larger than this server takes."""

    def __init__(self, field: RequestPart | str, description: str) -> None:
        super().__init__([FieldViolation(field, description)], Reason.LIMIT_EXCEEDED)


class UnauthenticatedError(TelwerkError):
    """No key or token was sent, or none that counts."""


class PermissionDeniedError(TelwerkError):
    """The key or token is right, but grants neither this account nor this role.

    `account` is the one that was asked for; empty where the role alone was looked at.
    """

    def __init__(self, reason: Reason, message: str, account: str = "") -> None:
        super().__init__(reason, message)
        self.account = account


class NotFoundError(TelwerkError):
    """What was named is not there."""


class QuotaExceededError(TelwerkError):
    """The account, or the caller, uses its whole share of what all share. Others are served; nothing was stored.

    `limit` is the name of the setting, which is in the text too.
    """

    def __init__(self, limit: str, message: str, retry_after_seconds: float) -> None:
        super().__init__(Reason.QUOTA_EXCEEDED, message)
        self.limit = limit
        self.retry_after_seconds = retry_after_seconds


class UnavailableError(TelwerkError):
    """Right, but not now. Nothing is known to be stored; sending it again is safe."""

    @property
    def is_of_one_account(self) -> bool:
        """Whether the database answers, and other accounts are served."""
        return self.reason is Reason.RULES_UNKNOWN

    def __init__(self, reason: Reason, message: str, retry_after_seconds: float) -> None:
        super().__init__(reason, message)
        self.retry_after_seconds = retry_after_seconds
