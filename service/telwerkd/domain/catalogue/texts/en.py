"""The help texts in English. Beside each KPI stand the rules that it tells of; the other languages say the same."""

from telwerkd.domain.catalogue.specs import Kpi, Section
from telwerkd.domain.catalogue.texts import Headings, KpiText, SectionText, Texts, ValueText

_SECTIONS = {
    Section.QUALITY: SectionText(
        "Quality",
        "How good your service is, as far as numbers can tell. Most telling when you compare operators, or operator "
        "groups, with one another.",
    ),
    Section.GOALS_TOPICS_SURVEYS: SectionText(
        "Goals, topics, surveys",
        "Which goals your conversations lead to, what your contacts talk about, and how they answer your surveys: what "
        "you need to organise your service well.",
    ),
    Section.CONVERSATIONS: SectionText(
        "Conversations and response times",
        "How many conversations and messages there are, how quickly your operators answer, and how long things take: "
        "what the other numbers are a part of.",
    ),
}

_STARS = (
    ValueText("1 star", "The worst rating."),
    ValueText("2 stars"),
    ValueText("3 stars"),
    ValueText("4 stars"),
    ValueText("5 stars", "The best rating."),
)

_ACTIONS = (
    ValueText(
        "New or unanswered conversation set to unassigned",
        'A conversation stayed "new" or "open" for longer than the widget allows, and its operator did not react. So '
        "that the contact need not wait any longer, it was taken from the operator, and all available operators were "
        "told that somebody has to step in.",
    ),
    ValueText(
        "New or unanswered conversation reassigned",
        'A conversation stayed "new" or "open" for longer than the widget allows, and its operator did not react. So '
        "that the contact need not wait any longer, it was given to another available operator.",
    ),
    ValueText(
        "New or unanswered conversation not reassigned",
        'A conversation stayed "new" or "open" for longer than the widget allows, and its operator did not react. It '
        "could not be given to anybody else, as no other operator had a free chat slot. If this happens often, add "
        "operators, or give those you have more chat slots.",
    ),
    ValueText(
        "Inactivity message sent",
        "The operator of a live conversation took longer to answer than the widget allows, and the contact was told "
        "so.",
    ),
    ValueText(
        "Live conversation reassigned",
        "The operator of a live conversation took longer to answer than the widget allows. So that the contact need "
        "not wait any longer, another available operator got it. This is also counted when the inactivity message had "
        "been sent before.",
    ),
    ValueText(
        "Live conversation not reassigned",
        "The operator of a live conversation took longer to answer than the widget allows, but no other operator had a "
        "free chat slot, so it could not be given to anybody else.",
    ),
    ValueText(
        "Resumed conversation reassigned",
        "A contact resumed a conversation while the operator who had it last was not available. Another operator got "
        "it.",
    ),
    ValueText(
        "Resumed conversation not reassigned",
        "A contact resumed a conversation while the operator who had it last was not available, but no other operator "
        "had a free chat slot, so it could not be given to anybody else.",
    ),
)

_OFFLINE_ASSIGNMENTS = (
    ValueText("Assigned", "The contact was given to another operator, who was available."),
    ValueText("No operator available", "The contact could not be given to anybody, as no operator was available."),
)

_SENDERS = (ValueText("Contact"), ValueText("Operator"), ValueText("Bot", "A bot or another automation."))

_CONVERSATION_ENDS = (
    ValueText("First end", "The conversation had never ended before."),
    ValueText("Ended again", "The conversation had ended before, and the contact resumed it."),
)

_KPIS = {
    # R-KPI1-1, R-KPI1-2
    Kpi.SATISFACTION_SCORE: KpiText(
        name="Satisfaction score",
        what="How many stars your contacts give your operators on average.",
        unit="Star ratings (1 to 5)",
        when="Whenever a contact rates a conversation. A conversation can be rated several times, and each rating "
        "counts. A rating given while no operator is assigned is left out.",
        why="Puts a number on how content your contacts are with your operators and with your support by chat.",
        values=_STARS,
    ),
    # R-KPI2-1, R-KPI2-2
    Kpi.FEEDBACK_COUNT: KpiText(
        name="Feedback count",
        what="How often your contacts leave feedback.",
        unit="Feedback items",
        when="Whenever a contact leaves feedback. A conversation can get several items, and each one counts. Feedback "
        "left while no operator is assigned is left out.",
        why="People tend to leave feedback when service was remarkably good or remarkably bad. This tells you how "
        "often they feel so.",
    ),
    # R-KPI3-1, R-KPI3-2, R-KPI3-3, R-KPI3-9, R-FROZEN-1
    Kpi.UNANSWERED_LIVE_CONVERSATIONS: KpiText(
        name="Unanswered live conversations",
        what="How many conversations got no answer from an operator although contact and operator were online at the "
        "same time for a while.",
        unit="Conversations",
        when="When a live conversation reaches the time limit in its widget's settings and no operator has sent a "
        "message in it. The limit runs from the moment the conversation goes live, or from the contact's first message "
        "if that comes later. Nothing is counted if by then the conversation has ended or is no longer live. A "
        "conversation is counted once at most, and stays counted if an operator answers later.",
        why="Shows when your operators leave contacts without an answer although they are there. If it happens too "
        "often, they may have more conversations at a time than they can answer at once.",
        example="A conversation reaches an operator who is available, and the time limit passes before the operator "
        "has written anything.",
    ),
    # R-KPI4-1, R-KPI4-2, R-FROZEN-1, R-FROZEN-2
    Kpi.UNANSWERED_ENDED_CONVERSATIONS: KpiText(
        name="Unanswered ended conversations",
        what="How many conversations end without a single message from an operator.",
        unit="Conversations",
        when='When a conversation is set to "Ended" and no operator has ever sent a message in it. A conversation is '
        "counted once at most, and stays counted if an operator answers later or the contact resumes it. It may be "
        "counted as an unanswered live conversation as well.",
        why="Some conversations are rightly left unanswered: trolls, or people who took your website for another. But "
        "if the number is strikingly high, it is worth asking your operators.",
        example="A contact starts a conversation and writes. Nobody answers, and the next morning an operator sets the "
        'conversation to "Ended" without having written anything.',
    ),
    # R-KPI5-1, R-KPI5-3
    Kpi.INACTIVITY_ACTIONS: KpiText(
        name="Inactivity actions performed",
        what="How often each action of the inactivity protection came into play. Which actions can occur depends on "
        "the settings of your widgets.",
        unit="Inactivity actions",
        when="Whenever an inactivity action fires or fails. There is data only for widgets that have at least one "
        "inactivity action enabled.",
        why="Shows when and how often your inactivity protection steps in, and how well it works.",
        example="A contact writes, and the assigned operator does not answer in time. So the contact is sent the "
        "inactivity message.",
        values=_ACTIONS,
    ),
    # R-KPI6-1
    Kpi.OFFLINE_ASSIGNMENTS: KpiText(
        name="Offline assignments of returning contacts",
        what="How often returning contacts resume a conversation whose operator is not available. Two values tell how "
        "that went: another operator got the contact, or nobody was available.",
        unit="Inactivity actions",
        when="Whenever a contact resumes a conversation while its operator is not available, and the conversation is "
        "given to another operator or cannot be given to anybody.",
        why="Shows how reliably returning contacts get to somebody else when their own operator is away.",
        example="A contact writes again while the assigned operator is not available. As the inactivity protection is "
        "set up to do, the conversation goes to another operator who is available.",
        values=_OFFLINE_ASSIGNMENTS,
    ),
    # R-KPI7-1, R-KPI7-3, R-KPI7-4, R-KPI7-5, R-KPI7-6
    Kpi.GOALS_REACHED: KpiText(
        name="Goals reached",
        what="When, and how often, your conversations lead to the goals of your widgets.",
        unit="Goals",
        when="Whenever a contact visits the URL of one of the widget's goals during a conversation; every visit "
        "counts. An operator must be assigned, and at least one message must have been sent. The "
        "conversation need not be live at that moment: the source speaks of live conversations where it says what is "
        "measured, but does not list that among its conditions. Between the end of a conversation and its resumption "
        "nothing is counted.",
        why="Lets you follow the goals that you set for a widget, and see what your service achieves.",
        example="You define your price page as a goal. A contact goes to that page during the conversation, by "
        "themselves or because an operator led them there: the goal is reached.",
    ),
    # R-KPI8-1, R-KPI8-2, R-KPI8-3, R-KPI8-5
    Kpi.CONVERSATION_TOPICS: KpiText(
        name="Conversation topics",
        what="When, and how often, a topic or a combination of topics is assigned to a conversation.",
        unit="Topic assignments",
        when="When a conversation is tagged with one or several topics. It must have begun: what is tagged before the "
        "first message is held back until there is one, and then counted for the moment of tagging. If you change the "
        "topics later, the new ones replace the earlier ones in the data.",
        why="Shows what your contacts care about more, and what less.",
        example='A conversation is tagged "Prices", and later "Prices" and "Delivery". From then on, only the '
        "combination of the two is counted, at the time of the change.",
    ),
    # R-KPI9-1, R-KPI9-2
    Kpi.PRE_CHAT_SURVEY_RESULTS: KpiText(
        name="Pre-chat survey results",
        what="When, and how often, contacts choose each answer of your survey before a conversation.",
        unit="Survey answers",
        when="When a contact completes the survey before a conversation; each answer counts. It is counted for the "
        "moment of completion, but shows only once the conversation appears in the message centre, that is, with its "
        "first message, even if that comes later.",
        why="Gives you survey results that you can rely on, as every answer is counted.",
    ),
    # R-KPI10-1, R-KPI10-2
    Kpi.POST_CHAT_SURVEY_RESULTS: KpiText(
        name="Post-chat survey results",
        what="When, and how often, contacts choose each answer of your survey after a conversation.",
        unit="Survey answers",
        when="When a contact answers the survey after a conversation; each answer counts.",
        why="Gives you survey results that you can rely on, as every answer is counted.",
    ),
    # R-KPI11-1, R-KPI11-2
    Kpi.CONVERSATIONS_STARTED: KpiText(
        name="Conversations started",
        what="How many conversations begin, and who begins them: contacts, operators or bots.",
        unit="Conversations",
        when="With the first message of a conversation, whoever sends it. A conversation is counted once. It belongs "
        "to whoever is assigned at that moment, which is mostly nobody, and is not moved when it is assigned later.",
        why="Shows how much your contacts ask of you, and when. It is the number to compare most others with.",
        example="A bot greets a visitor, who does not react: a conversation started by a bot. When the visitor writes "
        "an hour later, it is still the same one.",
        values=_SENDERS,
    ),
    # R-KPI12-1, R-KPI12-2, R-KPI12-3
    Kpi.CONVERSATIONS_ENDED: KpiText(
        name="Conversations ended",
        what="How often conversations are set to ended, for the first time or again after the contact resumed them.",
        unit="Conversations",
        when='Whenever a conversation is set to "Ended" that was not ended already, even if nobody ever wrote in it.',
        why="Shows how much work is done, and how often contacts come back to what seemed finished.",
        example='An operator sets a conversation to "Ended". The next day the contact resumes it, and it is ended once '
        "more: one first end, and one conversation ended again.",
        values=_CONVERSATION_ENDS,
    ),
    # R-KPI13-1, R-KPI13-2
    Kpi.LIVE_CONVERSATIONS_ANSWERED: KpiText(
        name="Live conversations answered in time",
        what="How many live conversations an operator answered within the time limit of the widget.",
        unit="Conversations",
        when="When an operator sends a message while the time limit of a live conversation is running. A conversation "
        "is counted once at most, for the operator who wrote, and never as an unanswered live conversation too. "
        "Nothing is counted if no limit was running: the widget has none, the contact had not written, or an operator "
        "had answered before.",
        why="Together with the unanswered live conversations it is the number of those whose limit was decided. The "
        "share of it tells how well you keep what your widget promises.",
        example="A contact writes in a live conversation with a limit of one minute. An operator answers after forty "
        "seconds.",
    ),
    # R-KPI14-1, R-KPI14-2, R-KPI14-3, R-KPI14-4
    Kpi.FIRST_RESPONSE_TIME: KpiText(
        name="First response time",
        what="How long contacts in live conversations wait for the first answer of an operator.",
        unit="Milliseconds",
        when="When an operator answers a waiting contact for the first time since the conversation went live; each "
        "time it goes live, there is another first answer. The time runs from the contact's message, or from the "
        "moment the conversation went live if that is later. It belongs to the operator who wrote.",
        why="It is what contacts feel first. Few very long waits hardly show in a mean: look at the median, and at the "
        "time within which nine of ten are answered.",
        example="A contact writes at 9:00:00, the conversation goes live at 9:00:10, and an operator answers at "
        "9:00:45: the first response took 35 seconds.",
    ),
    # R-KPI15-1, R-KPI15-2
    Kpi.RESPONSE_TIME: KpiText(
        name="Response time",
        what="How long contacts wait for an answer of an operator, in the whole of a conversation.",
        unit="Milliseconds",
        when="Whenever an operator answers a waiting contact, live or not. The time runs from the first message that "
        "the contact has sent since the last answer. A bot's message is no answer. If the conversation ends before "
        "anybody answers, nothing is counted. It belongs to the operator who wrote.",
        why="Shows whether contacts are still looked after once the first answer is given.",
        example="A contact writes three messages within a minute, the first at 14:00. An operator answers at 14:05 "
        "with two messages: one response, of five minutes.",
    ),
    # R-KPI16-1, R-KPI16-2
    Kpi.LIVE_SESSION_DURATION: KpiText(
        name="Live session duration",
        what="How long contact and operator are online in a conversation at the same time.",
        unit="Milliseconds",
        when="When a conversation is no longer live, because one of them went offline or because it ended; whether "
        "anybody wrote makes no difference. A conversation that goes live several times counts each time.",
        why="Shows how much of your operators' time live conversations take.",
        example="A conversation is live from 10:00 to 10:12, and again from 11:30 to 11:33: two sessions, fifteen "
        "minutes in all.",
    ),
    # R-KPI17-1, R-KPI17-2, R-KPI17-3
    Kpi.CONVERSATION_DURATION: KpiText(
        name="Conversation duration",
        what="How long conversations take from the first message to the end.",
        unit="Milliseconds",
        when='When a conversation is set to "Ended" in which an operator has sent a message. A conversation that was '
        "resumed is measured anew, from the first message since; if there was none, or none of an operator, nothing is "
        "counted.",
        why="Shows how long it takes until a matter is settled, and which groups have the matters that take long.",
        example="A contact writes at 9:00, an operator answers, and the conversation is ended at 9:20: twenty "
        "minutes. It is resumed the next day, the contact says thanks at 8:00, an operator replies and ends it at "
        "8:01: one minute.",
    ),
    # R-KPI18-1, R-KPI18-2
    Kpi.MESSAGES: KpiText(
        name="Messages",
        what="How many messages contacts, operators and bots send.",
        unit="Messages",
        when="With each message. It belongs to the operator who wrote it, or else to the one who is assigned.",
        why="Shows how much is written, how many messages a conversation takes, and how much of that bots do for you.",
        values=_SENDERS,
    ),
    # R-KPI19-1, R-KPI19-2, R-KPI19-3
    Kpi.REASSIGNMENTS: KpiText(
        name="Reassignments",
        what="How often a conversation goes from one operator directly to another.",
        unit="Reassignments",
        when="Whenever another operator is assigned while one is assigned. It is counted for the operator who had the "
        "conversation before. If it was unassigned in between, or if only the group changes, nothing is counted.",
        why="Contacts dislike to say everything twice. A high number may mean that conversations reach the wrong group "
        "first, or that operators have too many of them.",
        example="Anna has a conversation and passes it to Ben: one reassignment, counted for Anna.",
    ),
    # R-KPI20-1, R-KPI20-2
    Kpi.CONVERSATIONS_RECEIVED: KpiText(
        name="Conversations received by operators",
        what="How many conversations reach an operator, be it at once or after a bot.",
        unit="Conversations",
        when="When a conversation has begun and an operator is assigned for the first time. It is counted once, for "
        "that operator and group, even if it is passed on later.",
        why="Shows how many conversations your operators have had to deal with; what bots settle alone is not among "
        "them. Ratings, feedback and goals are best seen beside it.",
        example="A bot answers a contact and cannot help. It hands the conversation over, and Anna is assigned: one "
        "conversation received, by Anna.",
    ),
}

_HEADINGS = Headings(
    what="What is measured?",
    unit="Unit",
    when="When is it counted?",
    why="Why is it useful?",
    example="Example",
    values="Values",
)

TEXTS = Texts(_HEADINGS, _SECTIONS, _KPIS)
