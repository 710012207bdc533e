"""Whose call it is, and whether that account may make it now: the first thing that every service asks."""

from telwerkd.application.rates import AccountRates
from telwerkd.domain.ids import AccountId
from telwerkd.transport.codec.fields import FieldReader


class Callers:
    """Reads the account of requests, and counts what accounts ask for."""

    def __init__(self, fields: FieldReader, rates: AccountRates) -> None:
        self.fields = fields
        self._rates = rates

    def account(self, account_id: str, *, calls: int = 1, events: int = 0, is_query: bool = False) -> AccountId:
        """The account, of which a call with what it brings is counted.

        Raises:
            FieldError: it is no id.
            QuotaExceededError: the account is beyond one of its limits; nothing is counted.
        """
        account = AccountId(self.fields.id("account_id", account_id))
        self._rates.admit(account, calls=calls, events=events, is_query=is_query)
        return account
