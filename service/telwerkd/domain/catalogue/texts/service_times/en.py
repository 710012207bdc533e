"""The help texts of the service times in English; the other languages say the same."""

from collections.abc import Mapping

from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.catalogue.texts import KpiText

_ONLY_OPEN = (
    "Only the time within the opening hours of the widget counts, or else within those of the account; they are the "
    "ones that held when the time began to run. What lies wholly outside them counts as zero. Without opening hours "
    "nothing is counted."
)

# R-SERVICE-1, R-SERVICE-2, R-SERVICE-5, R-SERVICE-7
TEXTS: Mapping[Kpi, KpiText] = {
    Kpi.FIRST_RESPONSE_TIME: KpiText(
        name="First response time within opening hours",
        what="How long contacts in live conversations wait for the first answer of an operator while you are open.",
        unit="Milliseconds",
        when=f"As the first response time. {_ONLY_OPEN}",
        why="What is written at night says little about your operators. This is the time that they could do something "
        "about.",
        example="You open at 9:00. A live conversation begins at 8:50 with a message of the contact, and an operator "
        "answers at 9:02: two minutes.",
    ),
    Kpi.RESPONSE_TIME: KpiText(
        name="Response time within opening hours",
        what="How long contacts wait for an answer of an operator while you are open.",
        unit="Milliseconds",
        when=f"As the response time. {_ONLY_OPEN}",
        why="Shows how fast you answer whenever you are there, nights and weekends left out.",
        example="You are open on weekdays from 9:00 to 17:00. A contact writes on Friday at 16:50, and an operator "
        "answers on Monday at 9:05: fifteen minutes.",
    ),
    Kpi.CONVERSATION_DURATION: KpiText(
        name="Conversation duration within opening hours",
        what="How long conversations take from the first message to the end while you are open.",
        unit="Milliseconds",
        when=f"As the conversation duration. {_ONLY_OPEN}",
        why="Makes conversations that span nights and weekends comparable with those that do not.",
        example="You are open from 9:00 to 17:00. A contact writes at 16:00, an operator answers, and the conversation "
        "is ended at 9:30 the next day: one hour and a half.",
    ),
}
