"""Limits of single accounts, in place of those of all."""

from pydantic import BaseModel, ConfigDict, Field

from telwerkd.application.sharing.quotas import Rates


class OwnLimits(BaseModel):
    """Limits of one account, in place of those of all; by the same names."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    account_calls_per_second_max: float | None = Field(None, gt=0)
    account_events_per_second_max: float | None = Field(None, gt=0)
    account_query_ms_per_second_max: float | None = Field(None, gt=0)
    waiting_account_percent_max: int | None = Field(None, gt=0, le=100)
    watches_per_account_max: int | None = Field(None, gt=0)

    @property
    def rates(self) -> Rates:
        """Those in a second."""
        return Rates(**{name: getattr(self, name) for name in Rates.__struct_fields__})
