"""Whose call it is, and whether that account may make it now: the first thing that every service asks."""

from telwerkd.application.sharing.account_turns import CallTurns
from telwerkd.application.sharing.quotas import AccountRates
from telwerkd.domain.ids import AccountId
from telwerkd.transport.codec.fields import FieldReader


class Callers:
    """Reads the account of requests, counts what accounts ask for, and lets them begin by turns."""

    def __init__(self, fields: FieldReader, rates: AccountRates, turns: CallTurns) -> None:
        self.fields = fields
        self._rates = rates
        self.sharing = turns.sharing
        self.events = turns.events
        self.questions = turns.questions

    def account(self, account_id: str, *, calls: int = 1, events: int = 0, is_query: bool = False) -> AccountId:
        """The account, of which a call with what it brings is counted.

        Raises:
            FieldError: it is no id.
            QuotaExceededError: the account is beyond one of its limits; nothing is counted.
        """
        account = AccountId(self.fields.id("account_id", account_id))
        self._rates.admit(account, calls=calls, events=events, is_query=is_query)
        self.sharing.called(account)
        return account
