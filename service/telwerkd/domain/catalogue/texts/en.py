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
