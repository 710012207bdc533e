"""The account of a call, with its rate limits and its scheduling turns: the first check of every service."""

from telwerkd.application.sharing.account_turns import CallTurns
from telwerkd.application.sharing.quotas import AccountRates
from telwerkd.domain.ids import AccountId
from telwerkd.transport.codec.fields import FieldReader


class Callers:
    """Reads the account of requests, applies rate limits, and has the queues of accounts' turns."""

    def __init__(self, fields: FieldReader, rates: AccountRates, turns: CallTurns) -> None:
        self.fields = fields
        self._rates = rates
        self.sharing = turns.sharing
        self.events = turns.events
        self.questions = turns.questions

    def account(self, account_id: str, *, calls: int = 1, events: int = 0, is_query: bool = False) -> AccountId:
        """Returns the account of a request, after counting the call towards the account's limits.

        Raises:
            FieldError: the account is no valid id.
            QuotaExceededError: the account has reached one of its limits; nothing is counted.
        """
        account = AccountId(self.fields.id("account_id", account_id))
        self._rates.admit(account, calls=calls, events=events, is_query=is_query)
        self.sharing.called(account)
        return account
