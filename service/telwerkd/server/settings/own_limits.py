"""Limits of single accounts, which override the defaults."""

from pydantic import BaseModel, ConfigDict, Field

from telwerkd.application.sharing.quotas import Rates


class OwnLimits(BaseModel):
    """Limits of one account, which override the defaults of the same names."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    account_calls_per_second_max: float | None = Field(None, gt=0)
    account_events_per_second_max: float | None = Field(None, gt=0)
    account_query_ms_per_second_max: float | None = Field(None, gt=0)
    waiting_account_percent_max: int | None = Field(None, gt=0, le=100)
    watches_per_account_max: int | None = Field(None, gt=0)

    @property
    def rates(self) -> Rates:
        """The account's rate limits."""
        return Rates(**{name: getattr(self, name) for name in Rates.__struct_fields__})
