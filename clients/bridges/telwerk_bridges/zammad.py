"""Zammad: what the webhooks of its triggers and schedulers tell, with their default payload.

Follows Zammad's admin documentation, "Webhook" (https://admin-docs.zammad.org/en/latest/manage/webhook.html) with its
pages "Webhook Payload" and "Adding Webhooks", and its public source: the webhook job, the records of the payload, the
times of closing and of the owner, and the seeds of states, article types and senders.

    ticket    its state, owner and group, as they are when the job runs; `updated_at` is how new that is
    article   somebody sent a message, if an article is what the trigger ran for

A payload tells no change, only what became of it: a change counts at the `updated_at` of the first state that shows
it. `close_at` and `last_close_at` are when the ticket was closed for the first and the last time, and
`last_owner_update_at` is an instant since which the owner has been the same, however late the job runs. What Zammad
does at once, it does in this order: the ticket with its group and owner, then the article; so who owns a ticket and
writes in it in the same second wrote as its owner. A retried job builds its payload anew, so `X-Zammad-Delivery` says
nothing of what is in it, and is not looked at.

Ids: all of Zammad is one widget (`zammad`); a user is an operator (`agent-5`, never a name or an address), a group a
group (`group-3`). User 1 is Zammad itself: nobody as an owner, a bot as an author. Instants are cut to milliseconds.
"""

import hashlib
import hmac
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from telwerk import events
from telwerk_bridges.observations import (
    GROUP,
    LABELS,
    OPERATOR,
    RESOLVED,
    SEPARATOR,
    STATUS,
    Message,
    Observation,
)
from telwerk_bridges.payload import Node, PayloadError
from telwerk_bridges.platform import Delivery, PlatformType, SignatureError
from telwerk_bridges.register import Change

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)

_SYSTEM_USER: Final = 1
_OPEN: Final = "open"
_CLOSED: Final = "closed"
_GONE: Final = frozenset({"merged", "removed"})
"""Not closed, by Zammad's own times of closing, and not taken up again: it goes on in another ticket, or nowhere."""

_SENDERS: Final = ("", "agent", "customer", "system")
"""By the ids that Zammad gives them."""
_AT_ONCE_MS: Final = 1_000
"""A state that is this new was made together with the ticket, or with the article, that the webhook is about."""
_NOTE: Final = "note"
"""The type of article that is no communication; a customer's reply on the website is one all the same."""


class Zammad:
    """See the module.

    `secrets` are the signature tokens of the webhooks that deliver here. `bot_agents` are the ids of users who are no
    persons: a bot uses their access token. `closed_states` are the names of the states that end a conversation.
    `topic_fields` are those of the ticket whose values are topics.
    """

    def __init__(
        self,
        *secrets: str,
        bot_agents: Collection[int] = (),
        closed_states: Collection[str] = (),
        topic_fields: Collection[str] = (),
        prefix: str = "",
    ) -> None:
        self._secrets = [secret.strip().encode() for secret in secrets]
        self._bots = {_SYSTEM_USER, *bot_agents}
        self._closed_states = {state.strip().lower() for state in closed_states} or {_CLOSED}
        self._topic_fields = list(topic_fields) or ["tags"]
        self._prefix = prefix

    def verify(self, headers: Mapping[str, str], body: bytes, now_seconds: float) -> None:  # noqa: ARG002 - no time is signed
        """As `Platform.verify`: an HMAC-SHA1 over the body. Zammad signs no time: a replay tells the same once more."""
        signature = headers.get("x-hub-signature", "").strip().encode()
        proofs = [b"sha1=" + hmac.digest(secret, body, hashlib.sha1).hex().encode() for secret in self._secrets]
        # All are compared, whichever it is.
        if True not in [hmac.compare_digest(proof, signature) for proof in proofs]:
            raise SignatureError("x-hub-signature is not that of this webhook's signature token")

    def read(self, payload: Node, received_at: int) -> Delivery | None:  # noqa: ARG002 - the payload has every instant
        """As `Platform.read`."""
        ticket, article = payload["ticket"], payload["article"]
        if not ticket.is_there:
            raise PayloadError("ticket is missing: the webhook must have Zammad's default payload")
        number, at = ticket["id"].number(), _millis(ticket["updated_at"])
        observations: set[Observation] = {*self._statuses(ticket, at), *self._topics(ticket, at)}
        sent_at = None
        # Without an article there is an empty object.
        if article.is_there and article["id"].is_there:
            sent_at = _millis(article["created_at"])
            if sender := self._sender_of(article):
                observations.add(Message(article["id"].number(), sent_at, sender))
        observations.update(self._assignments(ticket, at, _author_of(article), sent_at))
        return Delivery(f"{self._prefix}zammad-{number}", f"{self._prefix}zammad", frozenset(observations))

    def _statuses(self, ticket: Node, at: int) -> Iterator[Change]:
        closings = [_millis(ticket[name]) for name in ("close_at", "last_close_at") if ticket[name].is_there]
        if ticket["created_at"].is_there:
            # Not ended in the beginning; a ticket that is created as closed is closed a moment before.
            first = min([_millis(ticket["created_at"]), *closings])
            yield Change(STATUS, first - 1, "exact", _OPEN, _OPEN)
        for closed_at in closings:
            yield Change(STATUS, closed_at, "exact", RESOLVED)
        state = _name(ticket["state"])
        if state in self._closed_states:
            yield Change(STATUS, at, "exact", RESOLVED)
        elif state not in _GONE:
            yield Change(STATUS, at, "exact", _OPEN)

    def _assignments(self, ticket: Node, at: int, author: int | None, sent_at: int | None) -> Iterator[Change]:
        created_at = _millis(ticket["created_at"]) if ticket["created_at"].is_there else at
        since = {at, min(created_at, at) if at - created_at <= _AT_ONCE_MS else at}
        if (group := _reference(ticket, "group")) is not None:
            value = f"{self._prefix}group-{group}" if group else ""
            yield from (Change(GROUP, instant, "exact", value) for instant in since)
        if (owner := _reference(ticket, "owner")) is None:
            return
        if owner and owner != _SYSTEM_USER and ticket["last_owner_update_at"].is_there:
            since.add(min(at, _millis(ticket["last_owner_update_at"])))
        if sent_at is not None and owner == author and 0 <= at - sent_at <= _AT_ONCE_MS:
            since.add(sent_at - 1)
        value = f"{self._prefix}agent-{owner}" if owner and owner not in self._bots else ""
        yield from (Change(OPERATOR, instant, "exact", value) for instant in since)

    def _topics(self, ticket: Node, at: int) -> Iterator[Change]:
        """Where the payload has a field of topics: tags are not in the default payload."""
        names = ticket.value if isinstance(ticket.value, dict) else {}
        fields = [name for name in self._topic_fields if name in names]
        if fields:
            topics = {topic for name in fields for topic in _listed(ticket[name])}
            yield Change(LABELS, at, "exact", SEPARATOR.join(sorted(topics)))

    def _sender_of(self, article: Node) -> events.SenderName | None:
        """Who sent it; None for what is no message to or from the contact."""
        if article["internal"].flag():
            return None
        sender = article["sender"]
        name = _name(sender) if sender.is_there else _named(article["sender_id"], _SENDERS)
        if name == "customer":
            return "contact"
        if name not in _SENDERS:
            raise PayloadError(f"{sender.path} is neither Agent, Customer nor System")
        if _name(article["type"]) == _NOTE:
            return None
        is_person = name == "agent" and _author_of(article) not in self._bots
        return "operator" if is_person else "bot"


TYPE: Final = PlatformType("zammad", Zammad, {"bot_agents": int, "closed_states": str, "topic_fields": str})


def _author_of(article: Node) -> int | None:
    author = article["created_by_id"]
    return author.number() if author.is_there else None


def _reference(ticket: Node, name: str) -> int | None:
    """The id of an owner or a group, 0 for nobody; None where the payload does not say."""
    given, whole = ticket[f"{name}_id"], ticket[name].object()["id"]
    if given.is_there or whole.is_there:
        return (given if given.is_there else whole).number()
    return 0 if isinstance(ticket.value, dict) and f"{name}_id" in ticket.value else None


def _name(node: Node) -> str:
    """The name of a thing, in small letters; it must be there."""
    found = node["name"] if isinstance(node.value, dict) else node
    name = found.text().strip().lower()
    if not name:
        raise PayloadError(f"{node.path} is missing")
    return name


def _named(node: Node, names: Sequence[str]) -> str:
    number = node.number()
    return names[number] if 0 < number < len(names) else str(number)


def _listed(node: Node) -> Iterator[str]:
    """The values of a field: one, several, or several with commas between them."""
    texts = node.name().split(",") if isinstance(node.value, str) else [item.name() for item in node.items()]
    yield from (text.strip() for text in texts if text.strip())


def _millis(node: Node) -> int:
    return (node.instant() - _EPOCH) // _MILLISECOND
