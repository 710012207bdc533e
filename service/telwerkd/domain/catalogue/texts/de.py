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
    Section.CONVERSATIONS: SectionText(
        "Gespräche und Antwortzeiten",
        "Wie viele Gespräche und Nachrichten es gibt, wie schnell Ihre Operatoren antworten und wie lange etwas "
        "dauert: das Ganze, von dem die anderen Zahlen ein Teil sind.",
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

_SENDERS = (ValueText("Kontakt"), ValueText("Operator"), ValueText("Bot", "Ein Bot oder eine andere Automatik."))

_CONVERSATION_ENDS = (
    ValueText("Erstes Ende", "Das Gespräch war noch nie beendet worden."),
    ValueText("Erneut beendet", "Das Gespräch war schon einmal beendet, und der Kontakt hat es fortgesetzt."),
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
    Kpi.CONVERSATIONS_STARTED: KpiText(
        name="Begonnene Gespräche",
        what="Wie viele Gespräche beginnen und wer sie beginnt: Kontakte, Operatoren oder Bots.",
        unit="Gespräche",
        when="Mit der ersten Nachricht eines Gesprächs, von wem sie auch kommt. Ein Gespräch zählt einmal. Es gehört "
        "dem, der in diesem Moment zugewiesen ist, also meist niemandem, und wandert bei einer späteren Zuweisung "
        "nicht mit.",
        why="Zeigt, wie viel Ihre Kontakte von Ihnen wollen und wann. An dieser Zahl lassen sich die meisten anderen "
        "messen.",
        example="Ein Bot begrüßt eine Besucherin, die nicht reagiert: ein Gespräch, das ein Bot begonnen hat. Schreibt "
        "sie eine Stunde später, ist es noch immer dasselbe.",
        values=_SENDERS,
    ),
    Kpi.CONVERSATIONS_ENDED: KpiText(
        name="Beendete Gespräche",
        what="Wie oft Gespräche beendet werden, zum ersten Mal oder erneut, nachdem der Kontakt sie fortgesetzt hat.",
        unit="Gespräche",
        when='Immer wenn ein Gespräch auf "Beendet" gesetzt wird, das es nicht schon war, auch wenn nie jemand darin '
        "geschrieben hat.",
        why="Zeigt, wie viel erledigt wird und wie oft Kontakte auf etwas zurückkommen, das erledigt schien.",
        example='Ein Operator setzt ein Gespräch auf "Beendet". Am nächsten Tag setzt der Kontakt es fort, und es wird '
        "noch einmal beendet: ein erstes Ende und ein erneut beendetes Gespräch.",
        values=_CONVERSATION_ENDS,
    ),
    Kpi.LIVE_CONVERSATIONS_ANSWERED: KpiText(
        name="Rechtzeitig beantwortete Live-Gespräche",
        what="Wie viele Live-Gespräche ein Operator innerhalb des Zeitlimits seines Widgets beantwortet hat.",
        unit="Gespräche",
        when="Wenn ein Operator eine Nachricht sendet, während das Zeitlimit eines Live-Gesprächs läuft. Ein Gespräch "
        "zählt höchstens einmal, für den Operator, der geschrieben hat, und nie zugleich als unbeantwortetes "
        "Live-Gespräch. Nichts wird gezählt, wenn kein Limit lief: weil das Widget keines hat, der Kontakt noch nicht "
        "geschrieben oder ein Operator schon vorher geantwortet hatte.",
        why="Zusammen mit den unbeantworteten Live-Gesprächen sind das alle, deren Limit sich entschieden hat. Der "
        "Anteil daran sagt, wie gut Sie halten, was Ihr Widget verspricht.",
        example="Ein Kontakt schreibt in einem Live-Gespräch mit einem Limit von einer Minute. Nach vierzig Sekunden "
        "antwortet ein Operator.",
    ),
    Kpi.FIRST_RESPONSE_TIME: KpiText(
        name="Zeit bis zur ersten Antwort",
        what="Wie lange Kontakte in Live-Gesprächen auf die erste Antwort eines Operators warten.",
        unit="Millisekunden",
        when="Wenn ein Operator einem wartenden Kontakt zum ersten Mal antwortet, seit das Gespräch live ist; jedes "
        "Mal, wenn es live wird, gibt es wieder eine erste Antwort. Die Zeit läuft ab der Nachricht des Kontakts, "
        "oder ab dem Moment, in dem das Gespräch live wurde, falls das später war. Sie gehört dem Operator, der "
        "geschrieben hat.",
        why="Das spüren Kontakte als Erstes. Wenige sehr lange Wartezeiten fallen im Mittelwert kaum auf: Sehen Sie "
        "auf den Median und auf die Zeit, in der neun von zehn eine Antwort haben.",
        example="Ein Kontakt schreibt um 9:00:00, das Gespräch wird um 9:00:10 live, und ein Operator antwortet um "
        "9:00:45: Die erste Antwort brauchte 35 Sekunden.",
    ),
    Kpi.RESPONSE_TIME: KpiText(
        name="Antwortzeit",
        what="Wie lange Kontakte im ganzen Verlauf eines Gesprächs auf Antworten eines Operators warten.",
        unit="Millisekunden",
        when="Immer wenn ein Operator einem wartenden Kontakt antwortet, live oder nicht. Die Zeit läuft ab der "
        "ersten Nachricht, die der Kontakt seit der letzten Antwort gesendet hat. Die Nachricht eines Bots ist keine "
        "Antwort. Endet das Gespräch, bevor jemand antwortet, wird nichts gezählt. Sie gehört dem Operator, der "
        "geschrieben hat.",
        why="Zeigt, ob man sich um Kontakte auch dann noch kümmert, wenn die erste Antwort gegeben ist.",
        example="Ein Kontakt schreibt innerhalb einer Minute drei Nachrichten, die erste um 14:00. Ein Operator "
        "antwortet um 14:05 mit zwei Nachrichten: eine Antwort, nach fünf Minuten.",
    ),
    Kpi.LIVE_SESSION_DURATION: KpiText(
        name="Dauer der Live-Sitzungen",
        what="Wie lange Kontakt und Operator in einem Gespräch gleichzeitig online sind.",
        unit="Millisekunden",
        when="Wenn ein Gespräch nicht mehr live ist, weil einer von beiden offline ging oder weil es beendet wurde; ob "
        "jemand geschrieben hat, spielt keine Rolle. Wird ein Gespräch mehrmals live, zählt jedes Mal.",
        why="Zeigt, wie viel Zeit Ihrer Operatoren die Live-Gespräche brauchen.",
        example="Ein Gespräch ist von 10:00 bis 10:12 live und noch einmal von 11:30 bis 11:33: zwei Sitzungen, "
        "zusammen fünfzehn Minuten.",
    ),
    Kpi.CONVERSATION_DURATION: KpiText(
        name="Gesprächsdauer",
        what="Wie lange Gespräche von der ersten Nachricht bis zum Ende dauern.",
        unit="Millisekunden",
        when='Wenn ein Gespräch auf "Beendet" gesetzt wird, in dem ein Operator eine Nachricht gesendet hat. Ein '
        "fortgesetztes Gespräch wird neu gemessen, ab der ersten Nachricht seitdem; gab es keine, oder keine eines "
        "Operators, wird nichts gezählt.",
        why="Zeigt, wie lange es dauert, bis ein Anliegen erledigt ist, und welche Gruppen die langwierigen haben.",
        example="Ein Kontakt schreibt um 9:00, ein Operator antwortet, und um 9:20 wird das Gespräch beendet: zwanzig "
        "Minuten. Am nächsten Tag setzt der Kontakt es fort und bedankt sich um 8:00, ein Operator antwortet und "
        "beendet es um 8:01: eine Minute.",
    ),
    Kpi.MESSAGES: KpiText(
        name="Nachrichten",
        what="Wie viele Nachrichten Kontakte, Operatoren und Bots senden.",
        unit="Nachrichten",
        when="Mit jeder Nachricht. Sie gehört dem Operator, der sie geschrieben hat, sonst dem, der zugewiesen ist.",
        why="Zeigt, wie viel geschrieben wird, wie viele Nachrichten ein Gespräch braucht und wie viel davon Bots "
        "Ihnen abnehmen.",
        values=_SENDERS,
    ),
    Kpi.REASSIGNMENTS: KpiText(
        name="Weitergaben",
        what="Wie oft ein Gespräch von einem Operator direkt zu einem anderen geht.",
        unit="Weitergaben",
        when="Immer wenn ein anderer Operator zugewiesen wird, während einer zugewiesen ist. Gezählt wird für den, "
        "der das Gespräch vorher hatte. War dazwischen niemand zugewiesen, oder ändert sich nur die Gruppe, wird "
        "nichts gezählt.",
        why="Kontakte erzählen ungern alles zweimal. Eine hohe Zahl kann heißen, dass Gespräche zuerst bei der "
        "falschen Gruppe landen oder dass Operatoren zu viele davon haben.",
        example="Anna hat ein Gespräch und gibt es an Ben weiter: eine Weitergabe, gezählt für Anna.",
    ),
    Kpi.CONVERSATIONS_RECEIVED: KpiText(
        name="Von Operatoren erhaltene Gespräche",
        what="Wie viele Gespräche einen Operator erreichen, sei es sofort oder nach einem Bot.",
        unit="Gespräche",
        when="Wenn ein Gespräch begonnen hat und zum ersten Mal ein Operator zugewiesen ist. Es zählt einmal, für "
        "diesen Operator und diese Gruppe, auch wenn es später weitergegeben wird.",
        why="Zeigt, mit wie vielen Gesprächen Ihre Operatoren zu tun hatten; was Bots allein erledigen, ist nicht "
        "dabei. Bewertungen, Feedback und Ziele sieht man am besten daneben.",
        example="Ein Bot antwortet einem Kontakt und kann nicht helfen. Er gibt das Gespräch ab, und Anna wird "
        "zugewiesen: ein erhaltenes Gespräch, für Anna.",
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
