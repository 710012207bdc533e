"""The help texts of the service times in Dutch."""

from collections.abc import Mapping

from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.catalogue.texts import KpiText

_ONLY_OPEN = (
    "Alleen de tijd binnen de openingstijden van de widget telt, of anders binnen die van het account; het zijn de "
    "openingstijden die golden toen de tijd begon te lopen. Wat er helemaal buiten ligt, telt als nul. Zonder "
    "openingstijden wordt er niets geteld."
)

# R-SERVICE-1, R-SERVICE-2, R-SERVICE-5, R-SERVICE-7
TEXTS: Mapping[Kpi, KpiText] = {
    Kpi.FIRST_RESPONSE_TIME: KpiText(
        name="Tijd tot het eerste antwoord binnen openingstijden",
        what="Hoe lang contacten in live-gesprekken op het eerste antwoord van een operator wachten terwijl u open "
        "bent.",
        unit="Milliseconden",
        when=f"Zoals bij de tijd tot het eerste antwoord. {_ONLY_OPEN}",
        why="Wat 's nachts wordt geschreven, zegt weinig over uw operators. Dit is de tijd waarin ze iets konden doen.",
        example="U gaat om 9:00 open. Een live-gesprek begint om 8:50 met een bericht van het contact, en een "
        "operator antwoordt om 9:02: twee minuten.",
    ),
    Kpi.RESPONSE_TIME: KpiText(
        name="Reactietijd binnen openingstijden",
        what="Hoe lang contacten op een antwoord van een operator wachten terwijl u open bent.",
        unit="Milliseconden",
        when=f"Zoals bij de reactietijd. {_ONLY_OPEN}",
        why="Laat zien hoe snel u antwoordt als u er bent, zonder nachten en weekenden.",
        example="U bent op werkdagen van 9:00 tot 17:00 open. Een contact schrijft op vrijdag om 16:50, en een "
        "operator antwoordt op maandag om 9:05: vijftien minuten.",
    ),
    Kpi.CONVERSATION_DURATION: KpiText(
        name="Gespreksduur binnen openingstijden",
        what="Hoe lang gesprekken duren van het eerste bericht tot het einde terwijl u open bent.",
        unit="Milliseconden",
        when=f"Zoals bij de gespreksduur. {_ONLY_OPEN}",
        why="Maakt gesprekken die over nachten en weekenden gaan, vergelijkbaar met de andere.",
        example="U bent van 9:00 tot 17:00 open. Een contact schrijft om 16:00, een operator antwoordt, en het "
        "gesprek wordt de volgende dag om 9:30 beëindigd: anderhalf uur.",
    ),
}
