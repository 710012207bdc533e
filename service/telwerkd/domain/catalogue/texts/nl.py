"""The help texts in Dutch: in words of our own, with the terms of the sources."""

from telwerkd.domain.catalogue.specs import Kpi, Section
from telwerkd.domain.catalogue.texts import Headings, KpiText, SectionText, Texts, ValueText

_SECTIONS = {
    Section.QUALITY: SectionText(
        "Kwaliteit",
        "Wat cijfers over de kwaliteit van uw service vertellen. Het meest leert u door operators, of operatorgroepen, "
        "met elkaar te vergelijken.",
    ),
    Section.GOALS_TOPICS_SURVEYS: SectionText(
        "Doelstellingen, onderwerpen, enquêtes",
        "Tot welke doelen uw gesprekken leiden, waarover uw contacten het hebben en hoe zij uw enquêtes invullen: wat "
        "u nodig heeft om uw service goed in te richten.",
    ),
    Section.CONVERSATIONS: SectionText(
        "Gesprekken en reactietijden",
        "Hoeveel gesprekken en berichten er zijn, hoe snel uw operators antwoorden en hoe lang iets duurt: het geheel "
        "waarvan de andere cijfers een deel zijn.",
    ),
}

_STARS = (
    ValueText("1 ster", "De laagste beoordeling."),
    ValueText("2 sterren"),
    ValueText("3 sterren"),
    ValueText("4 sterren"),
    ValueText("5 sterren", "De hoogste beoordeling."),
)

_ACTIONS = (
    ValueText(
        'Nieuw of onbeantwoord gesprek op "niet toegewezen" ingesteld',
        'Een gesprek stond langer op "nieuw" of "open" dan de widget toelaat, en de toegewezen operator deed er niets '
        "mee. Om het contact niet langer te laten wachten is de toewijzing ingetrokken; alle beschikbare operators "
        "kregen bericht dat iemand het moet oppakken.",
    ),
    ValueText(
        "Nieuw of onbeantwoord gesprek opnieuw toegewezen",
        'Een gesprek stond langer op "nieuw" of "open" dan de widget toelaat, en de toegewezen operator deed er niets '
        "mee. Om het contact niet langer te laten wachten ging het naar een andere beschikbare operator.",
    ),
    ValueText(
        "Nieuw of onbeantwoord gesprek niet opnieuw toegewezen",
        'Een gesprek stond langer op "nieuw" of "open" dan de widget toelaat, en de toegewezen operator deed er niets '
        "mee. Niemand anders kon het overnemen: geen enkele andere operator had een chat-slot vrij. Komt dit vaak "
        "voor, zet dan meer operators in of geef de huidige operators meer chat-slots.",
    ),
    ValueText(
        "Inactiviteitsbericht verzonden",
        "De operator van een live-gesprek deed langer over een antwoord dan de widget toelaat. Het contact heeft daar "
        "bericht van gekregen.",
    ),
    ValueText(
        "Live-gesprek opnieuw toegewezen",
        "De operator van een live-gesprek deed langer over een antwoord dan de widget toelaat. Om het contact niet "
        "langer te laten wachten heeft een andere beschikbare operator het overgenomen. Dit telt ook als het "
        "inactiviteitsbericht al eerder was verzonden.",
    ),
    ValueText(
        "Live-gesprek niet opnieuw toegewezen",
        "De operator van een live-gesprek deed langer over een antwoord dan de widget toelaat. Niemand anders kon het "
        "overnemen: geen enkele andere operator had een chat-slot vrij.",
    ),
    ValueText(
        "Voortgezet gesprek opnieuw toegewezen",
        "Een contact zette een gesprek voort op een moment dat de laatst toegewezen operator er niet was. Een andere "
        "operator heeft het gekregen.",
    ),
    ValueText(
        "Voortgezet gesprek niet opnieuw toegewezen",
        "Een contact zette een gesprek voort op een moment dat de laatst toegewezen operator er niet was. Niemand "
        "anders kon het overnemen: geen enkele andere operator had een chat-slot vrij.",
    ),
)

_OFFLINE_ASSIGNMENTS = (
    ValueText("Toegewezen", "Het contact is bij een andere operator terechtgekomen, die wel beschikbaar was."),
    ValueText("Geen operator beschikbaar", "Het contact kon bij niemand terecht: er was geen operator beschikbaar."),
)

_SENDERS = (ValueText("Contact"), ValueText("Operator"), ValueText("Bot", "Een bot of een andere automatisering."))

_CONVERSATION_ENDS = (
    ValueText("Eerste einde", "Het gesprek was nog nooit beëindigd."),
    ValueText("Opnieuw beëindigd", "Het gesprek was al eens beëindigd, en het contact heeft het voortgezet."),
)

_KPIS = {
    Kpi.SATISFACTION_SCORE: KpiText(
        name="Tevredenheidsscore",
        what="Hoeveel sterren uw contacten uw operators gemiddeld geven.",
        unit="Sterbeoordelingen (1 tot 5)",
        when="Telkens als een contact een gesprek beoordeelt. Eén gesprek kan vaker worden beoordeeld, en elke "
        "beoordeling telt. Een beoordeling op een moment dat er geen operator is toegewezen, blijft buiten "
        "beschouwing.",
        why="Drukt in een cijfer uit hoe tevreden uw contacten zijn over uw operators en over uw hulp via de chat.",
        values=_STARS,
    ),
    Kpi.FEEDBACK_COUNT: KpiText(
        name="Feedbackaantal",
        what="Hoe vaak uw contacten feedback achterlaten.",
        unit="Feedback",
        when="Telkens als een contact feedback geeft. Bij één gesprek kan dat vaker gebeuren, en elke keer telt. "
        "Feedback op een moment dat er geen operator is toegewezen, blijft buiten beschouwing.",
        why="Mensen geven vooral feedback als de service opvallend goed of juist opvallend slecht was. Hier ziet u hoe "
        "vaak zij dat zo beleven.",
    ),
    Kpi.UNANSWERED_LIVE_CONVERSATIONS: KpiText(
        name="Onbeantwoorde live-gesprekken",
        what="Hoeveel gesprekken geen antwoord van een operator kregen, hoewel contact en operator een tijdlang "
        "tegelijk online waren.",
        unit="Gesprekken",
        when="Zodra een live-gesprek de tijdslimiet uit de instellingen van zijn widget bereikt en geen operator er "
        "een bericht in heeft gestuurd. De limiet loopt vanaf het moment dat het gesprek live is, of vanaf het eerste "
        "bericht van het contact als dat later komt. Er wordt niets geteld als het gesprek dan al is beëindigd of niet "
        "meer live is. Een gesprek telt hooguit één keer, en blijft meetellen als een operator later nog antwoordt.",
        why="Laat zien wanneer uw operators contacten zonder antwoord laten terwijl ze er wel zijn. Gebeurt dat te "
        "vaak, dan hebben zij misschien meer gesprekken tegelijk dan ze direct aankunnen.",
        example="Een gesprek komt bij een operator die beschikbaar is, en de tijdslimiet verstrijkt voordat die iets "
        "heeft geschreven.",
    ),
    Kpi.UNANSWERED_ENDED_CONVERSATIONS: KpiText(
        name="Onbeantwoorde beëindigde gesprekken",
        what="Hoeveel gesprekken aflopen zonder één enkel bericht van een operator.",
        unit="Gesprekken",
        when='Zodra een gesprek op "Beëindigd" komt te staan en geen operator er ooit een bericht in heeft gestuurd. '
        "Een gesprek telt hooguit één keer, en blijft meetellen als een operator later nog antwoordt of het contact "
        "het voortzet. Het kan daarnaast als onbeantwoord live-gesprek zijn geteld.",
        why="Soms blijft een gesprek terecht onbeantwoord: bij trollen, of bij mensen die uw website voor een andere "
        "aanzien. Maar is het aantal opvallend hoog, dan loont het om uw operators ernaar te vragen.",
        example="Een contact begint een gesprek en schrijft. Niemand antwoordt, en de volgende ochtend zet een "
        'operator het gesprek op "Beëindigd" zonder zelf iets te hebben geschreven.',
    ),
    Kpi.INACTIVITY_ACTIONS: KpiText(
        name="Uitgevoerde inactiviteitsacties",
        what="Hoe vaak elke actie van de inactiviteitsbescherming in werking trad. Welke acties kunnen voorkomen, "
        "hangt af van de instellingen van uw widgets.",
        unit="Acties voor inactiviteitsbescherming",
        when="Telkens als een inactiviteitsactie wordt uitgevoerd of mislukt. Er zijn alleen gegevens van widgets "
        "waarop minstens één inactiviteitsactie aanstaat.",
        why="Laat zien wanneer en hoe vaak uw inactiviteitsbescherming ingrijpt, en wat dat uithaalt.",
        example="Een contact schrijft, en de toegewezen operator antwoordt niet op tijd. Daarom krijgt het contact het "
        "inactiviteitsbericht.",
        values=_ACTIONS,
    ),
    Kpi.OFFLINE_ASSIGNMENTS: KpiText(
        name="Offline-toewijzingen van terugkerende contacten",
        what="Hoe vaak terugkerende contacten een gesprek voortzetten waarvan de operator niet beschikbaar is. Twee "
        "waarden laten zien hoe dat afliep: een andere operator kreeg het contact, of er was niemand beschikbaar.",
        unit="Acties voor inactiviteitsbescherming",
        when="Telkens als een contact een gesprek voortzet terwijl de operator ervan niet beschikbaar is, en het "
        "gesprek aan een andere operator of juist aan niemand kan worden toegewezen.",
        why="Laat zien hoe betrouwbaar terugkerende contacten bij iemand anders terechtkomen als hun eigen operator "
        "er niet is.",
        example="Een contact schrijft opnieuw op een moment dat de toegewezen operator er niet is. Zoals in de "
        "inactiviteitsbescherming is ingesteld, gaat het gesprek naar een operator die er wel is.",
        values=_OFFLINE_ASSIGNMENTS,
    ),
    Kpi.GOALS_REACHED: KpiText(
        name="Bereikte doelen",
        what="Wanneer en hoe vaak uw gesprekken tot de doelen van uw widgets leiden.",
        unit="Doelen",
        when="Telkens als een contact tijdens een gesprek de URL van een doel van de widget bezoekt; elk bezoek telt. "
        "Er moet een operator zijn toegewezen en minstens één bericht zijn verstuurd. Het gesprek hoeft op dat "
        "moment niet live te zijn: de bron spreekt van live-gesprekken waar zij zegt wat wordt gemeten, maar noemt dat "
        "niet onder de voorwaarden. Tussen het einde van een gesprek en de voortzetting ervan wordt niets geteld.",
        why="Zo volgt u de doelen die u voor een widget heeft bepaald, en ziet u wat uw service oplevert.",
        example="U maakt van uw prijspagina een doel. Een contact komt tijdens het gesprek op die pagina, uit zichzelf "
        "of omdat een operator de weg wees: het doel is bereikt.",
    ),
    Kpi.CONVERSATION_TOPICS: KpiText(
        name="Gespreksonderwerpen",
        what="Wanneer en hoe vaak een onderwerp, of een combinatie van onderwerpen, aan een gesprek wordt gegeven.",
        unit="Onderwerptoewijzingen",
        when="Zodra een gesprek een of meer onderwerpen krijgt. Het moet wel begonnen zijn: wat vóór het eerste "
        "bericht wordt toegewezen, wordt tot dan vastgehouden en daarna geteld op het moment van toewijzen. "
        "Verandert u de onderwerpen later, dan komen de nieuwe in de cijfers in de plaats van de eerdere.",
        why="Laat zien wat uw contacten meer bezighoudt, en wat minder.",
        example='Een gesprek krijgt het onderwerp "Prijzen", en later "Prijzen" en "Levering". Vanaf dan telt alleen '
        "de combinatie van die twee, op het moment van de wijziging.",
    ),
    Kpi.PRE_CHAT_SURVEY_RESULTS: KpiText(
        name="Resultaten van de enquête vóór het gesprek",
        what="Wanneer en hoe vaak contacten elk van de antwoorden kiezen in uw enquête vóór het gesprek.",
        unit="Enquête-antwoorden",
        when="Zodra een contact de enquête vóór het gesprek heeft afgerond; elk antwoord telt. Het telt op het moment "
        "van afronden, maar is pas te zien zodra het gesprek in het Message Center staat, dus bij het eerste "
        "bericht, ook als dat later komt.",
        why="Levert representatieve resultaten van uw enquêtes op, want elk antwoord telt mee.",
    ),
    Kpi.POST_CHAT_SURVEY_RESULTS: KpiText(
        name="Resultaten van de enquête na het gesprek",
        what="Wanneer en hoe vaak contacten elk van de antwoorden kiezen in uw enquête na het gesprek.",
        unit="Enquête-antwoorden",
        when="Zodra een contact de enquête na het gesprek invult; elk antwoord telt.",
        why="Levert representatieve resultaten van uw enquêtes op, want elk antwoord telt mee.",
    ),
    Kpi.CONVERSATIONS_STARTED: KpiText(
        name="Begonnen gesprekken",
        what="Hoeveel gesprekken er beginnen, en wie ze begint: contacten, operators of bots.",
        unit="Gesprekken",
        when="Bij het eerste bericht van een gesprek, van wie het ook komt. Een gesprek telt één keer. Het hoort bij "
        "wie op dat moment is toegewezen, meestal dus bij niemand, en verhuist niet mee als het later wordt "
        "toegewezen.",
        why="Laat zien hoeveel uw contacten van u vragen, en wanneer. Aan dit cijfer meet u de meeste andere af.",
        example="Een bot begroet een bezoeker, die niet reageert: een gesprek dat een bot is begonnen. Schrijft de "
        "bezoeker een uur later, dan is het nog steeds hetzelfde gesprek.",
        values=_SENDERS,
    ),
    Kpi.CONVERSATIONS_ENDED: KpiText(
        name="Beëindigde gesprekken",
        what="Hoe vaak gesprekken worden beëindigd, voor het eerst of opnieuw nadat het contact ze heeft voortgezet.",
        unit="Gesprekken",
        when='Telkens als een gesprek op "Beëindigd" komt te staan dat nog niet beëindigd was, ook als niemand er '
        "ooit in heeft geschreven.",
        why="Laat zien hoeveel er wordt afgehandeld, en hoe vaak contacten terugkomen op iets dat klaar leek.",
        example='Een operator zet een gesprek op "Beëindigd". De volgende dag zet het contact het voort, en het wordt '
        "nog een keer beëindigd: één eerste einde, en één gesprek dat opnieuw is beëindigd.",
        values=_CONVERSATION_ENDS,
    ),
    Kpi.LIVE_CONVERSATIONS_ANSWERED: KpiText(
        name="Op tijd beantwoorde live-gesprekken",
        what="Hoeveel live-gesprekken een operator binnen de tijdslimiet van de widget heeft beantwoord.",
        unit="Gesprekken",
        when="Zodra een operator een bericht stuurt terwijl de tijdslimiet van een live-gesprek loopt. Een gesprek "
        "telt hooguit één keer, voor de operator die schreef, en nooit ook als onbeantwoord live-gesprek. Er wordt "
        "niets geteld als er geen limiet liep: de widget heeft er geen, het contact had nog niet geschreven, of een "
        "operator had al eerder geantwoord.",
        why="Samen met de onbeantwoorde live-gesprekken zijn dit alle gesprekken waarvan de limiet is beslist. Het "
        "aandeel erin zegt hoe goed u waarmaakt wat uw widget belooft.",
        example="Een contact schrijft in een live-gesprek met een limiet van één minuut. Na veertig seconden "
        "antwoordt een operator.",
    ),
    Kpi.FIRST_RESPONSE_TIME: KpiText(
        name="Tijd tot het eerste antwoord",
        what="Hoe lang contacten in live-gesprekken op het eerste antwoord van een operator wachten.",
        unit="Milliseconden",
        when="Zodra een operator een wachtend contact voor het eerst antwoordt sinds het gesprek live is; telkens als "
        "het live wordt, is er weer een eerste antwoord. De tijd loopt vanaf het bericht van het contact, of vanaf "
        "het moment dat het gesprek live werd als dat later was. Hij hoort bij de operator die schreef.",
        why="Dit merken contacten het eerst. Een paar heel lange wachttijden vallen in een gemiddelde nauwelijks op: "
        "kijk naar de mediaan, en naar de tijd waarbinnen negen van de tien antwoord hebben.",
        example="Een contact schrijft om 9:00:00, het gesprek wordt om 9:00:10 live, en een operator antwoordt om "
        "9:00:45: het eerste antwoord kostte 35 seconden.",
    ),
    Kpi.RESPONSE_TIME: KpiText(
        name="Reactietijd",
        what="Hoe lang contacten in het hele verloop van een gesprek op antwoord van een operator wachten.",
        unit="Milliseconden",
        when="Telkens als een operator een wachtend contact antwoordt, live of niet. De tijd loopt vanaf het eerste "
        "bericht dat het contact sinds het vorige antwoord heeft gestuurd. Een bericht van een bot is geen antwoord. "
        "Eindigt het gesprek voordat iemand antwoordt, dan wordt er niets geteld. De tijd hoort bij de operator die "
        "schreef.",
        why="Laat zien of er ook na het eerste antwoord nog naar contacten wordt omgekeken.",
        example="Een contact stuurt binnen een minuut drie berichten, het eerste om 14:00. Een operator antwoordt om "
        "14:05 met twee berichten: één reactie, na vijf minuten.",
    ),
    Kpi.LIVE_SESSION_DURATION: KpiText(
        name="Duur van live-sessies",
        what="Hoe lang contact en operator in een gesprek tegelijk online zijn.",
        unit="Milliseconden",
        when="Zodra een gesprek niet meer live is, omdat een van beiden offline ging of omdat het werd beëindigd; of "
        "er iemand schreef, maakt niet uit. Wordt een gesprek vaker live, dan telt elke keer.",
        why="Laat zien hoeveel tijd van uw operators live-gesprekken vragen.",
        example="Een gesprek is live van 10:00 tot 10:12, en nog eens van 11:30 tot 11:33: twee sessies, samen "
        "vijftien minuten.",
    ),
    Kpi.CONVERSATION_DURATION: KpiText(
        name="Gespreksduur",
        what="Hoe lang gesprekken duren, van het eerste bericht tot het einde.",
        unit="Milliseconden",
        when='Zodra een gesprek op "Beëindigd" komt te staan waarin een operator een bericht heeft gestuurd. Een '
        "voortgezet gesprek wordt opnieuw gemeten, vanaf het eerste bericht daarna; was dat er niet, of geen van een "
        "operator, dan wordt er niets geteld.",
        why="Laat zien hoe lang het duurt voordat een kwestie is afgehandeld, en welke groepen de lange hebben.",
        example="Een contact schrijft om 9:00, een operator antwoordt, en om 9:20 wordt het gesprek beëindigd: "
        "twintig minuten. De volgende dag zet het contact het voort en bedankt om 8:00, een operator antwoordt en "
        "beëindigt het om 8:01: één minuut.",
    ),
    Kpi.MESSAGES: KpiText(
        name="Berichten",
        what="Hoeveel berichten contacten, operators en bots sturen.",
        unit="Berichten",
        when="Bij elk bericht. Het hoort bij de operator die het schreef, en anders bij degene die is toegewezen.",
        why="Laat zien hoeveel er wordt geschreven, hoeveel berichten een gesprek kost en hoeveel bots u daarvan uit "
        "handen nemen.",
        values=_SENDERS,
    ),
    Kpi.REASSIGNMENTS: KpiText(
        name="Overdrachten",
        what="Hoe vaak een gesprek van de ene operator rechtstreeks naar de andere gaat.",
        unit="Overdrachten",
        when="Telkens als een andere operator wordt toegewezen terwijl er een is toegewezen. Het telt voor de "
        "operator die het gesprek daarvoor had. Was er tussendoor niemand toegewezen, of verandert alleen de groep, "
        "dan wordt er niets geteld.",
        why="Contacten vertellen niet graag alles twee keer. Een hoog aantal kan betekenen dat gesprekken eerst bij de "
        "verkeerde groep komen, of dat operators er te veel hebben.",
        example="Anna heeft een gesprek en geeft het door aan Ben: één overdracht, geteld voor Anna.",
    ),
    Kpi.CONVERSATIONS_RECEIVED: KpiText(
        name="Door operators ontvangen gesprekken",
        what="Hoeveel gesprekken een operator bereiken, meteen of na een bot.",
        unit="Gesprekken",
        when="Zodra een gesprek is begonnen en er voor het eerst een operator is toegewezen. Het telt één keer, voor "
        "die operator en die groep, ook als het later wordt doorgegeven.",
        why="Laat zien met hoeveel gesprekken uw operators te maken kregen; wat bots alleen afhandelen, hoort daar "
        "niet bij. Beoordelingen, feedback en doelen ziet u het best daarnaast.",
        example="Een bot antwoordt een contact en kan niet helpen. Hij draagt het gesprek over, en Anna wordt "
        "toegewezen: één ontvangen gesprek, voor Anna.",
    ),
}

_HEADINGS = Headings(
    what="Wat wordt hiermee gemeten?",
    unit="Eenheid",
    when="Wanneer wordt het geteld?",
    why="Waarom is het nuttig?",
    example="Voorbeeld",
    values="Waarden",
)

TEXTS = Texts(_HEADINGS, _SECTIONS, _KPIS)
