"""Batches of events that wait to be stored."""

import asyncio

from telwerkd.application.batches import Submitted
from telwerkd.application.ingest.pending import Pending
from telwerkd.domain.conversation.events import Event, Kind, Message, PostChatSurveyAnswered, Sender, SurveyAnswer
from telwerkd.domain.ids import AccountId, ConversationId, EventId, Micros, WidgetId

BIG, SMALL, OTHER = AccountId("big"), AccountId("small"), AccountId("other")
HELLO = Message(Sender.CONTACT)


def events(count: int, kind: Kind = HELLO, conversations: int = 1) -> list[Submitted]:
    return [
        Submitted(ConversationId(f"c{n % conversations}"), Event(EventId(f"e{n}"), Micros(n), 0, WidgetId("web"), kind))
        for n in range(count)
    ]


def survey(answers: int) -> PostChatSurveyAnswered:
    return PostChatSurveyAnswered(tuple(SurveyAnswer(f"q{n}", "o") for n in range(answers)))


def pending(account: AccountId, batch: list[Submitted]) -> Pending:
    return Pending(account, batch, asyncio.get_running_loop().create_future())
