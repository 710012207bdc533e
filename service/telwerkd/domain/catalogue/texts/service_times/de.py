"""The help texts of the service times in German."""

from collections.abc import Mapping

from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.catalogue.texts import KpiText

_ONLY_OPEN = (
    "Es zählt nur die Zeit innerhalb der Öffnungszeiten des Widgets oder, wenn es keine hat, derer des Kontos; es "
    "gelten die, die galten, als die Zeit zu laufen begann. Was ganz außerhalb liegt, zählt als null. Ohne "
    "Öffnungszeiten wird nichts gezählt."
)

# R-SERVICE-1, R-SERVICE-2, R-SERVICE-5, R-SERVICE-7
TEXTS: Mapping[Kpi, KpiText] = {
    Kpi.FIRST_RESPONSE_TIME: KpiText(
        name="Zeit bis zur ersten Antwort innerhalb der Öffnungszeiten",
        what="Wie lange Kontakte in Live-Gesprächen auf die erste Antwort eines Operators warten, während Sie geöffnet "
        "haben.",
        unit="Millisekunden",
        when=f"Wie bei der Zeit bis zur ersten Antwort. {_ONLY_OPEN}",
        why="Was nachts geschrieben wird, sagt wenig über Ihre Operatoren. Dies ist die Zeit, in der sie etwas tun "
        "konnten.",
        example="Sie öffnen um 9:00. Ein Live-Gespräch beginnt um 8:50 mit einer Nachricht des Kontakts, ein Operator "
        "antwortet um 9:02: zwei Minuten.",
    ),
    Kpi.RESPONSE_TIME: KpiText(
        name="Antwortzeit innerhalb der Öffnungszeiten",
        what="Wie lange Kontakte auf eine Antwort eines Operators warten, während Sie geöffnet haben.",
        unit="Millisekunden",
        when=f"Wie bei der Antwortzeit. {_ONLY_OPEN}",
        why="Zeigt, wie schnell Sie antworten, wenn Sie da sind, ohne Nächte und Wochenenden.",
        example="Sie haben werktags von 9:00 bis 17:00 geöffnet. Ein Kontakt schreibt am Freitag um 16:50, ein "
        "Operator antwortet am Montag um 9:05: fünfzehn Minuten.",
    ),
    Kpi.CONVERSATION_DURATION: KpiText(
        name="Gesprächsdauer innerhalb der Öffnungszeiten",
        what="Wie lange Gespräche von der ersten Nachricht bis zum Ende dauern, während Sie geöffnet haben.",
        unit="Millisekunden",
        when=f"Wie bei der Gesprächsdauer. {_ONLY_OPEN}",
        why="Macht Gespräche, die über Nächte und Wochenenden gehen, mit den anderen vergleichbar.",
        example="Sie haben von 9:00 bis 17:00 geöffnet. Ein Kontakt schreibt um 16:00, ein Operator antwortet, und das "
        "Gespräch wird am nächsten Tag um 9:30 beendet: anderthalb Stunden.",
    ),
}
