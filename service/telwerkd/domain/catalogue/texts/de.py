"""The help texts in German."""

from telwerkd.domain.catalogue.specs import Kpi, Section
from telwerkd.domain.catalogue.texts import Headings, KpiText, SectionText, Texts, ValueText

_SECTIONS = {
    Section.QUALITY: SectionText(
        "Qualität",
        "Was Zahlen über die Güte Ihres Service verraten. Besonders aufschlussreich ist der Vergleich von Operatoren "
        "oder Operatorgruppen untereinander.",
    ),
    Section.GOALS_TOPICS_SURVEYS: SectionText(
        "Ziele, Themen, Umfragen",
        "Zu welchen Zielen Ihre Gespräche führen, worüber Ihre Kontakte sprechen und wie sie Ihre Umfragen "
        "beantworten: alles, was Sie brauchen, um Ihren Service gut zu organisieren.",
    ),
}

_STARS = (
    ValueText("1 Stern", "Die schlechteste Bewertung."),
    ValueText("2 Sterne"),
    ValueText("3 Sterne"),
    ValueText("4 Sterne"),
    ValueText("5 Sterne", "Die beste Bewertung."),
)

_ACTIONS = (
    ValueText(
        'Neues oder unbeantwortetes Gespräch auf "nicht zugewiesen" gesetzt',
        'Ein Gespräch blieb länger "neu" oder "offen", als es das Widget zulässt, und der zugewiesene Operator '
        "reagierte nicht. Damit der Kontakt nicht weiter warten musste, wurde die Zuweisung aufgehoben; alle "
        "verfügbaren Operatoren wurden benachrichtigt, dass jemand einspringen muss.",
    ),
    ValueText(
        "Neues oder unbeantwortetes Gespräch neu zugewiesen",
        'Ein Gespräch blieb länger "neu" oder "offen", als es das Widget zulässt, und der zugewiesene Operator '
        "reagierte nicht. Damit der Kontakt nicht weiter warten musste, bekam es ein anderer verfügbarer Operator.",
    ),
    ValueText(
        "Neues oder unbeantwortetes Gespräch nicht neu zugewiesen",
        'Ein Gespräch blieb länger "neu" oder "offen", als es das Widget zulässt, und der zugewiesene Operator '
        "reagierte nicht. Niemand sonst konnte es übernehmen, weil kein anderer Operator einen freien Chat-Slot hatte. "
        "Kommt das oft vor, setzen Sie mehr Operatoren ein oder geben Sie den vorhandenen mehr Chat-Slots.",
    ),
    ValueText(
        "Inaktivitätsnachricht gesendet",
        "Der Operator eines Live-Gesprächs brauchte länger für eine Antwort, als es das Widget zulässt. Der Kontakt "
        "wurde darüber informiert.",
    ),
    ValueText(
        "Live-Gespräch neu zugewiesen",
        "Der Operator eines Live-Gesprächs brauchte länger für eine Antwort, als es das Widget zulässt. Damit der "
        "Kontakt nicht weiter warten musste, übernahm ein anderer verfügbarer Operator. Das zählt auch dann, wenn "
        "zuvor schon die Inaktivitätsnachricht gesendet wurde.",
    ),
    ValueText(
        "Live-Gespräch nicht neu zugewiesen",
        "Der Operator eines Live-Gesprächs brauchte länger für eine Antwort, als es das Widget zulässt. Niemand sonst "
        "konnte es übernehmen, weil kein anderer Operator einen freien Chat-Slot hatte.",
    ),
    ValueText(
        "Fortgesetztes Gespräch neu zugewiesen",
        "Ein Kontakt setzte ein Gespräch fort, während der zuletzt zugewiesene Operator nicht verfügbar war. Ein "
        "anderer Operator bekam es.",
    ),
    ValueText(
        "Fortgesetztes Gespräch nicht neu zugewiesen",
        "Ein Kontakt setzte ein Gespräch fort, während der zuletzt zugewiesene Operator nicht verfügbar war. Niemand "
        "sonst konnte es übernehmen, weil kein anderer Operator einen freien Chat-Slot hatte.",
    ),
)

_OFFLINE_ASSIGNMENTS = (
    ValueText("Zugewiesen", "Der Kontakt wurde einem anderen, verfügbaren Operator zugewiesen."),
    ValueText(
        "Kein Operator verfügbar", "Der Kontakt konnte niemandem zugewiesen werden: Kein Operator war verfügbar."
    ),
)

_KPIS = {
    Kpi.SATISFACTION_SCORE: KpiText(
        name="Zufriedenheitswert",
        what="Wie viele Sterne Ihre Kontakte Ihren Operatoren im Durchschnitt geben.",
        unit="Sternebewertungen (1 bis 5)",
        when="Immer wenn ein Kontakt ein Gespräch bewertet. Ein Gespräch kann mehrmals bewertet werden, und jede "
        "Bewertung zählt. Eine Bewertung in einem Moment, in dem kein Operator zugewiesen ist, bleibt außer Acht.",
        why="Drückt in Zahlen aus, wie zufrieden Ihre Kontakte mit Ihren Operatoren und Ihrem Support per Chat sind.",
        values=_STARS,
    ),
    Kpi.FEEDBACK_COUNT: KpiText(
        name="Anzahl der Feedbacks",
        what="Wie oft Ihre Kontakte Feedback geben.",
        unit="Feedbacks",
        when="Immer wenn ein Kontakt Feedback gibt. Zu einem Gespräch kann es mehrere Feedbacks geben, und jedes "
        "zählt. Feedback in einem Moment, in dem kein Operator zugewiesen ist, bleibt außer Acht.",
        why="Feedback geben Menschen vor allem, wenn der Service auffallend gut oder auffallend schlecht war. Hier "
        "sehen Sie, wie oft das der Fall ist.",
    ),
    Kpi.UNANSWERED_LIVE_CONVERSATIONS: KpiText(
        name="Unbeantwortete Live-Gespräche",
        what="Wie viele Gespräche keine Antwort eines Operators bekamen, obwohl Kontakt und Operator eine Zeit lang "
        "gleichzeitig online waren.",
        unit="Gespräche",
        when="Wenn ein Live-Gespräch das Zeitlimit aus den Einstellungen seines Widgets erreicht und kein Operator "
        "darin eine Nachricht gesendet hat. Das Limit läuft ab dem Moment, in dem das Gespräch live wird, oder ab der "
        "ersten Nachricht des Kontakts, falls diese später kommt. Nichts wird gezählt, wenn das Gespräch bis dahin "
        "beendet oder nicht mehr live ist. Ein Gespräch zählt höchstens einmal, und es bleibt gezählt, auch wenn ein "
        "Operator später antwortet.",
        why="Zeigt, wann Ihre Operatoren Kontakte ohne Antwort lassen, obwohl sie da sind. Geschieht das zu oft, haben "
        "sie vielleicht mehr Gespräche auf einmal, als sie sofort beantworten können.",
        example="Ein Gespräch erreicht einen verfügbaren Operator, und das Zeitlimit läuft ab, bevor er etwas "
        "geschrieben hat.",
    ),
    Kpi.UNANSWERED_ENDED_CONVERSATIONS: KpiText(
        name="Unbeantwortete beendete Gespräche",
        what="Wie viele Gespräche ohne eine einzige Nachricht eines Operators enden.",
        unit="Gespräche",
        when='Wenn ein Gespräch auf "Beendet" gesetzt wird und nie ein Operator darin eine Nachricht gesendet hat. Ein '
        "Gespräch zählt höchstens einmal, und es bleibt gezählt, auch wenn ein Operator später antwortet oder der "
        "Kontakt es fortsetzt. Es kann außerdem als unbeantwortetes Live-Gespräch gezählt sein.",
        why="Manche Gespräche bleiben zu Recht unbeantwortet: Trolle etwa, oder Menschen, die Ihre Website mit einer "
        "anderen verwechseln. Ist die Zahl aber auffallend hoch, lohnt es sich, Ihre Operatoren zu fragen.",
        example="Ein Kontakt beginnt ein Gespräch und schreibt. Niemand antwortet, und am nächsten Morgen setzt ein "
        'Operator das Gespräch auf "Beendet", ohne selbst etwas geschrieben zu haben.',
    ),
    Kpi.INACTIVITY_ACTIONS: KpiText(
        name="Ausgeführte Inaktivitätsaktionen",
        what="Wie oft die einzelnen Aktionen des Inaktivitätsschutzes ausgelöst wurden. Welche Aktionen vorkommen "
        "können, hängt von den Einstellungen Ihrer Widgets ab.",
        unit="Inaktivitätsaktionen",
        when="Immer wenn eine Inaktivitätsaktion ausgelöst wird oder fehlschlägt. Daten gibt es nur für Widgets, in "
        "denen mindestens eine Inaktivitätsaktion eingeschaltet ist.",
        why="Zeigt, wann und wie oft Ihr Inaktivitätsschutz eingreift und wie gut er wirkt.",
        example="Ein Kontakt schreibt, und der zugewiesene Operator antwortet nicht rechtzeitig. Deshalb bekommt der "
        "Kontakt die Inaktivitätsnachricht.",
        values=_ACTIONS,
    ),
    Kpi.OFFLINE_ASSIGNMENTS: KpiText(
        name="Offline-Zuweisungen wiederkehrender Kontakte",
        what="Wie oft wiederkehrende Kontakte ein Gespräch fortsetzen, dessen Operator nicht verfügbar ist. Zwei Werte "
        "zeigen, wie es ausging: Ein anderer Operator bekam den Kontakt, oder niemand war verfügbar.",
        unit="Inaktivitätsaktionen",
        when="Immer wenn ein Kontakt ein Gespräch fortsetzt, dessen Operator gerade nicht verfügbar ist, und das "
        "Gespräch einem anderen Operator oder aber niemandem zugewiesen werden kann.",
        why="Zeigt, wie zuverlässig wiederkehrende Kontakte zu jemand anderem gelangen, wenn ihr eigener Operator "
        "nicht da ist.",
        example="Ein Kontakt schreibt erneut, während der zugewiesene Operator nicht verfügbar ist. Wie im "
        "Inaktivitätsschutz eingestellt, geht das Gespräch an einen anderen, der verfügbar ist.",
        values=_OFFLINE_ASSIGNMENTS,
    ),
    Kpi.GOALS_REACHED: KpiText(
        name="Erreichte Ziele",
        what="Wann und wie oft Ihre Gespräche zu den Zielen Ihrer Widgets führen.",
        unit="Ziele",
        when="Immer wenn ein Kontakt während eines Gesprächs die URL eines Ziels des Widgets besucht; jeder Besuch "
        "zählt. Ein Operator muss zugewiesen und mindestens eine Nachricht gesendet worden sein. Das Gespräch "
        "muss in diesem Moment nicht live sein: Die Quelle spricht von Live-Gesprächen, wo sie sagt, was gemessen "
        "wird, nennt das aber nicht unter den Bedingungen. Zwischen dem Ende eines Gesprächs und seiner Fortsetzung "
        "wird nichts gezählt.",
        why="So verfolgen Sie die Ziele, die Sie für ein Widget festgelegt haben, und sehen, was Ihr Service bewirkt.",
        example="Sie legen Ihre Preisseite als Ziel fest. Ein Kontakt ruft die Seite während des Gesprächs auf, von "
        "selbst oder weil ihn ein Operator dorthin geführt hat: Das Ziel ist erreicht.",
    ),
    Kpi.CONVERSATION_TOPICS: KpiText(
        name="Gesprächsthemen",
        what="Wann und wie oft ein Thema oder eine Kombination von Themen einem Gespräch zugewiesen wird.",
        unit="Themenzuweisungen",
        when="Wenn ein Gespräch mit einem oder mehreren Themen versehen wird. Es muss begonnen haben: Was vor der "
        "ersten Nachricht zugewiesen wird, wird bis dahin zurückgehalten und dann für den Moment der Zuweisung "
        "gezählt. Ändern Sie die Themen später, so ersetzen die neuen in den Daten die früheren.",
        why="Zeigt, was Ihre Kontakte mehr beschäftigt und was weniger.",
        example='Ein Gespräch bekommt das Thema "Preise", später "Preise" und "Lieferung". Von da an zählt nur noch '
        "die Kombination der beiden, zum Zeitpunkt der Änderung.",
    ),
    Kpi.PRE_CHAT_SURVEY_RESULTS: KpiText(
        name="Ergebnisse der Umfrage vor dem Gespräch",
        what="Wann und wie oft Kontakte die einzelnen Antworten Ihrer Umfrage vor dem Gespräch wählen.",
        unit="Umfrageantworten",
        when="Wenn ein Kontakt die Umfrage vor dem Gespräch abschließt; jede Antwort zählt. Gezählt wird für den "
        "Moment des Abschlusses, zu sehen ist es aber erst, wenn das Gespräch im Message Center erscheint, also mit "
        "seiner ersten Nachricht, auch wenn diese später kommt.",
        why="Liefert Ihnen verlässliche Umfrageergebnisse, denn jede Antwort wird gezählt.",
    ),
    Kpi.POST_CHAT_SURVEY_RESULTS: KpiText(
        name="Ergebnisse der Umfrage nach dem Gespräch",
        what="Wann und wie oft Kontakte die einzelnen Antworten Ihrer Umfrage nach dem Gespräch wählen.",
        unit="Umfrageantworten",
        when="Wenn ein Kontakt die Umfrage nach dem Gespräch beantwortet; jede Antwort zählt.",
        why="Liefert Ihnen verlässliche Umfrageergebnisse, denn jede Antwort wird gezählt.",
    ),
}

_HEADINGS = Headings(
    what="Was wird gemessen?",
    unit="Einheit",
    when="Wann wird gezählt?",
    why="Warum ist das nützlich?",
    example="Beispiel",
    values="Werte",
)

TEXTS = Texts(_HEADINGS, _SECTIONS, _KPIS)
