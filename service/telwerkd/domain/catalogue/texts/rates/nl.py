"""The help texts of the rates in Dutch."""

from collections.abc import Mapping

from telwerkd.domain.catalogue.texts import KpiText

_RECEIVED_WHEN = (
    "onder de streep staat elk gesprek dat een operator bereikte, één keer, bij de operator die het kreeg. Beide "
    "kunnen van verschillende dagen en operators zijn, en meerdere van één gesprek: de verhouding kan dus boven 1 "
    "uitkomen."
)

TEXTS: Mapping[str, KpiText] = {
    "live_answer_rate": KpiText(
        name="Aandeel op tijd beantwoorde live-gesprekken",
        what="Welk deel van de live-gesprekken een operator binnen de tijdslimiet van de widget beantwoordde.",
        unit="Beantwoorde live-gesprekken per beslist gesprek",
        when="Boven de streep staat elk live-gesprek dat op tijd werd beantwoord; eronder staan deze en de "
        "onbeantwoorde live-gesprekken. Een gesprek waarvan de limiet nooit werd beslist, omdat het op tijd eindigde "
        "of geen limiet had, staat in geen van beide.",
        why="Laat zien hoe goed het aantal operators past bij het aantal live-gesprekken, hoe druk het ook was.",
        example="45 op tijd beantwoord en 5 niet: 45 van de 50, oftewel 90%.",
    ),
    "unanswered_ended_rate": KpiText(
        name="Aandeel zonder antwoord beëindigde gesprekken",
        what="Welk deel van de beëindigde gesprekken nooit een bericht van een operator had.",
        unit="Onbeantwoord beëindigde gesprekken per beëindigd gesprek",
        when="Boven de streep staat elk gesprek dat onbeantwoord werd beëindigd; eronder elk gesprek dat voor het "
        "eerst werd beëindigd.",
        why="Een aantal onbeantwoorde gesprekken zegt weinig zolang u niet weet hoeveel het er in totaal waren.",
    ),
    "offline_reassignment_rate": KpiText(
        name="Teruggekeerde contacten die een andere operator bereikten",
        what="Welk deel van de contacten die terugkeerden terwijl hun operator afwezig was, naar een ander ging.",
        unit="Opnieuw toegewezen gesprekken per teruggekeerd contact met afwezige operator",
        when="Boven de streep staat elk zo'n gesprek dat aan een andere operator werd toegewezen; eronder staan deze "
        "en die waarvoor geen operator beschikbaar was.",
        why="Laat zien of er genoeg vrije chatplaatsen zijn als een operator afwezig is.",
    ),
    "rating_rate": KpiText(
        name="Beoordelingen per gesprek",
        what="Hoeveel beoordelingen contacten geven per gesprek dat een operator kreeg.",
        unit="Beoordelingen per ontvangen gesprek",
        when="Boven de streep staat elke beoordeling die voor de tevredenheidsscore telt; " + _RECEIVED_WHEN,
        why="Vertelt op hoeveel gesprekken de tevredenheidsscore berust.",
    ),
    "feedback_rate": KpiText(
        name="Feedback per gesprek",
        what="Hoeveel feedback contacten achterlaten per gesprek dat een operator kreeg.",
        unit="Feedbackitems per ontvangen gesprek",
        when="Boven de streep staat elk feedbackitem dat telt; " + _RECEIVED_WHEN,
        why="Maakt de feedback van drukke en rustige tijden, en van operators, vergelijkbaar.",
    ),
    "goal_rate": KpiText(
        name="Doelen per gesprek",
        what="Hoeveel doelen contacten bereiken per gesprek dat een operator kreeg.",
        unit="Doelen per ontvangen gesprek",
        when="Boven de streep staat elk bereikt doel dat telt; " + _RECEIVED_WHEN + " Per doel wordt elk doel gedeeld "
        "door alle gesprekken van de rij.",
        why="Vertelt wat gesprekken opleveren, hoeveel het er ook zijn.",
    ),
    "topic_rate": KpiText(
        name="Gesprekken met onderwerpen",
        what="Aan welk deel van de begonnen gesprekken onderwerpen zijn toegewezen.",
        unit="Toewijzingen van onderwerpen per begonnen gesprek",
        when="Boven de streep staat elke toewijzing van onderwerpen die telt; eronder elk begonnen gesprek, bij wie "
        "toen was toegewezen, meestal niemand. Beide kunnen van verschillende dagen zijn: de verhouding kan dus boven "
        "1 uitkomen. Per onderwerp wordt elk onderwerp gedeeld door alle gesprekken van de rij.",
        why="Laat zien welke onderwerpen sneller groeien dan het aantal gesprekken, en of het taggen wordt "
        "bijgehouden.",
    ),
}
