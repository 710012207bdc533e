"""The help texts of the rates in German."""

from collections.abc import Mapping

from telwerkd.domain.catalogue.texts import KpiText

_RECEIVED_WHEN = (
    "unter dem Bruchstrich steht jedes Gespräch, das einen Operator erreicht hat, einmal, bei dem Operator, der es "
    "bekam. Beides kann von verschiedenen Tagen und Operatoren stammen, und mehreres aus einem Gespräch: Die Quote "
    "kann daher über 1 liegen."
)

TEXTS: Mapping[str, KpiText] = {
    "live_answer_rate": KpiText(
        name="Anteil rechtzeitig beantworteter Live-Gespräche",
        what="Welchen Teil der Live-Gespräche ein Operator innerhalb des Zeitlimits des Widgets beantwortet hat.",
        unit="Beantwortete Live-Gespräche je entschiedenem",
        when="Über dem Bruchstrich steht jedes Live-Gespräch, das rechtzeitig beantwortet wurde; darunter stehen diese "
        "und die unbeantworteten Live-Gespräche. Ein Gespräch, dessen Limit nie entschieden wurde, weil es rechtzeitig "
        "endete oder keines hatte, steht in keinem von beiden.",
        why="Zeigt, wie gut die Zahl der Operatoren zur Zahl der Live-Gespräche passt, wie viel auch zu tun war.",
        example="45 rechtzeitig beantwortet und 5 nicht: 45 von 50, also 90 %.",
    ),
    "unanswered_ended_rate": KpiText(
        name="Anteil ohne Antwort beendeter Gespräche",
        what="Welcher Teil der beendeten Gespräche nie eine Nachricht eines Operators hatte.",
        unit="Unbeantwortet beendete Gespräche je beendetem",
        when="Über dem Bruchstrich steht jedes Gespräch, das unbeantwortet beendet wurde; darunter jedes Gespräch, das "
        "zum ersten Mal beendet wurde.",
        why="Eine Zahl unbeantworteter Gespräche sagt wenig, solange man nicht weiß, wie viele es insgesamt waren.",
    ),
    "offline_reassignment_rate": KpiText(
        name="Zurückgekehrte Kontakte, die einen anderen Operator erreichten",
        what="Welcher Teil der Kontakte, die in Abwesenheit ihres Operators zurückkehrten, an einen anderen ging.",
        unit="Neu zugewiesene Gespräche je zurückgekehrtem Kontakt mit abwesendem Operator",
        when="Über dem Bruchstrich steht jedes solche Gespräch, das einem anderen Operator zugewiesen wurde; darunter "
        "stehen diese und jene, für die kein Operator verfügbar war.",
        why="Zeigt, ob genug Chat-Plätze frei sind, wenn ein Operator abwesend ist.",
    ),
    "rating_rate": KpiText(
        name="Bewertungen je Gespräch",
        what="Wie viele Bewertungen Kontakte je Gespräch geben, das ein Operator bekam.",
        unit="Bewertungen je erhaltenem Gespräch",
        when="Über dem Bruchstrich steht jede Bewertung, die für den Zufriedenheitswert zählt; " + _RECEIVED_WHEN,
        why="Sagt, auf wie vielen Gesprächen der Zufriedenheitswert beruht.",
    ),
    "feedback_rate": KpiText(
        name="Feedback je Gespräch",
        what="Wie viel Feedback Kontakte je Gespräch hinterlassen, das ein Operator bekam.",
        unit="Feedbacks je erhaltenem Gespräch",
        when="Über dem Bruchstrich steht jedes Feedback, das zählt; " + _RECEIVED_WHEN,
        why="Macht das Feedback voller und ruhiger Zeiten und das einzelner Operatoren vergleichbar.",
    ),
    "goal_rate": KpiText(
        name="Ziele je Gespräch",
        what="Wie viele Ziele Kontakte je Gespräch erreichen, das ein Operator bekam.",
        unit="Ziele je erhaltenem Gespräch",
        when="Über dem Bruchstrich steht jedes erreichte Ziel, das zählt; "
        + _RECEIVED_WHEN
        + " Nach Zielen wird jedes "
        "Ziel durch alle Gespräche der Zeile geteilt.",
        why="Sagt, was Gespräche einbringen, wie viele es auch sind.",
    ),
    "topic_rate": KpiText(
        name="Gespräche mit Themen",
        what="Welchem Teil der begonnenen Gespräche Themen zugewiesen sind.",
        unit="Themenzuweisungen je begonnenem Gespräch",
        when="Über dem Bruchstrich steht jede Themenzuweisung, die zählt; darunter jedes begonnene Gespräch bei dem, "
        "der dann zugewiesen war, meist niemand. Beides kann von verschiedenen Tagen stammen: Die Quote kann daher "
        "über 1 liegen. Nach Themen wird jedes Thema durch alle Gespräche der Zeile geteilt.",
        why="Zeigt, welche Themen schneller wachsen als die Zahl der Gespräche, und ob Themen gepflegt werden.",
    ),
}
