"""The help texts of the rates in English; the other languages say the same."""

from collections.abc import Mapping

from telwerkd.domain.catalogue.texts import KpiText

_RECEIVED_WHEN = (
    "below the line stands each conversation that reached an operator, once, for the operator who received it. The two "
    "may be of different days and operators, and several may be of one conversation: so the rate may exceed 1."
)

TEXTS: Mapping[str, KpiText] = {
    "live_answer_rate": KpiText(
        name="Share of live conversations answered in time",
        what="Which part of the live conversations an operator answered within the time limit of the widget.",
        unit="Answered live conversations per decided one",
        when="Above the line stands each live conversation that was answered in time; below it, these and the "
        "unanswered live conversations. A conversation whose limit was never decided, as it ended in time or had no "
        "limit, is in neither.",
        why="Tells how well the number of operators fits the number of live conversations, however busy the day was.",
        example="45 answered in time and 5 not: 45 of 50, or 90%.",
    ),
    "unanswered_ended_rate": KpiText(
        name="Share of conversations ended without an answer",
        what="Which part of the conversations that ended had never had a message of an operator.",
        unit="Unanswered ended conversations per ended one",
        when="Above the line stands each conversation that was ended unanswered; below it, each conversation that was "
        "ended for the first time.",
        why="A number of unanswered conversations says little without how many there were.",
    ),
    "offline_reassignment_rate": KpiText(
        name="Returning contacts who reached another operator",
        what="Which part of the contacts who returned while their operator was away was given to another operator.",
        unit="Reassigned conversations per returning contact whose operator was away",
        when="Above the line stands each such conversation that was assigned to another operator; below it, these and "
        "those for which no operator was available.",
        why="Shows whether there are enough free chat slots when an operator is away.",
    ),
    "rating_rate": KpiText(
        name="Ratings per conversation",
        what="How many ratings contacts give per conversation that an operator received.",
        unit="Ratings per received conversation",
        when="Above the line stands each rating that counts for the satisfaction score; " + _RECEIVED_WHEN,
        why="Tells on how many conversations the satisfaction score rests.",
    ),
    "feedback_rate": KpiText(
        name="Feedback per conversation",
        what="How many pieces of feedback contacts leave per conversation that an operator received.",
        unit="Feedback items per received conversation",
        when="Above the line stands each feedback item that counts; " + _RECEIVED_WHEN,
        why="Makes the feedback of busy and quiet times, and of operators, comparable.",
    ),
    "goal_rate": KpiText(
        name="Goals per conversation",
        what="How many goals contacts reach per conversation that an operator received.",
        unit="Goals per received conversation",
        when="Above the line stands each goal reached that counts; " + _RECEIVED_WHEN + " By goal, every goal is "
        "divided by all conversations of the row.",
        why="Tells what conversations are worth, whatever their number.",
    ),
    "topic_rate": KpiText(
        name="Tagged conversations",
        what="Which part of the conversations that started is tagged with topics.",
        unit="Topic assignments per started conversation",
        when="Above the line stands each assignment of topics that counts; below it, each conversation that started, "
        "for whoever was assigned then, mostly nobody. The two may be of different days: so the rate may exceed 1. By "
        "topic, every topic is divided by all conversations of the row.",
        why="Shows which topics grow faster than the number of conversations, and whether tagging is kept up.",
    ),
}
