/** The words of "why?". */
import type { Language } from "../state/view.ts";
import type { Part } from "../views/why_parts.ts";

export interface WhyTexts {
  readonly which: string;
  readonly whichHelp: string;
  readonly backTo: (view: string) => string;
  readonly medianOf: (count: string) => string;
  readonly meanOf: (count: string) => string;
  readonly ofBelow: (above: string, below: string) => string;
  readonly everything: string;
  readonly without: (dimensions: string) => string;
  readonly places: Readonly<Record<Part["place"], string>>;
  readonly madeOf: string;
  readonly counted: string;
  readonly leftOut: string;
  readonly shown: string;
  readonly countedSoFar: (counted: string, total: string, conversations: string) => string;
  readonly heldSoFar: (heldBack: string) => string;
  readonly countedAll: (total: string, conversations: string) => string;
  readonly leftOutSoFar: (events: string, conversations: string) => string;
  readonly leftOutHelp: string;
  readonly unexplainable: (count: string) => string;
  readonly moved: (total: string) => string;
  readonly again: string;
  readonly lookedThrough: (conversations: string) => string;
  readonly stop: string;
  readonly stopped: string;
  readonly more: string;
  readonly noneCounted: string;
  readonly noneYet: string;
  readonly noneLeftOut: string;
  readonly conversation: string;
  readonly leftOutToo: (count: number) => string;
  readonly course: string;
  readonly courseHelp: string;
  readonly courseMarked: string;
  readonly heldBack: string;
  readonly heldBackHelp: string;
  readonly time: string;
  readonly value: string;
  readonly duration: string;
  readonly event: string;
  readonly reason: string;
  readonly copyConversation: (id: string) => string;
  readonly copyEvent: (id: string) => string;
  readonly copyAll: (count: string) => string;
  readonly copied: (what: string) => string;
  readonly copiedAll: (count: string) => string;
  readonly notCopied: string;
  /** The rules in words, by their constants; what is not here is said in the server's words. */
  readonly rules: Readonly<Record<string, string>>;
}

const en: WhyTexts = {
  which: "Which number?",
  whichHelp: "Choose what to explain in this period, under these filters.",
  backTo: (view) => `Back to ${view}`,
  medianOf: (count) => `median of ${count}`,
  meanOf: (count) => `mean of ${count} ratings`,
  ofBelow: (above, below) => `${above} of ${below}`,
  everything: "everything",
  without: (dimensions) => `Explain it without the filter by ${dimensions}`,
  places: { number: "", above: "above the line", below: "below the line", both: "above and below the line" },
  madeOf: "What the rate is made of",
  counted: "Counted",
  leftOut: "Left out",
  shown: "What is listed",
  countedSoFar: (counted, total, conversations) => `${counted} of ${total} so far, in ${conversations} conversations`,
  heldSoFar: (heldBack) => `${heldBack} held back`,
  countedAll: (total, conversations) => `All ${total}, in ${conversations} conversations`,
  leftOutSoFar: (events, conversations) => `${events} events so far, in ${conversations} conversations`,
  leftOutHelp:
    "What looked as if it counted and did not, with the reason. Filters by operator, group and value do not apply here: that nobody was assigned is often just the reason.",
  unexplainable: (count) =>
    `${count} more are counted that no event explains any more: their events were purged, or their conversations erased.`,
  moved: (total) => `The number has moved: it is ${total} now.`,
  again: "List anew",
  lookedThrough: (conversations) => `Looking through the conversations… ${conversations} found so far`,
  stop: "Stop",
  stopped: "Stopped before anything was found.",
  more: "More",
  noneCounted: "Nothing was counted.",
  noneYet: "Nothing so far: there are more conversations to look through.",
  noneLeftOut: "Nothing was left out.",
  conversation: "Conversation",
  leftOutToo: (count) => (count === 1 ? "and 1 left out" : `and ${count} left out`),
  course: "What happened around it",
  courseHelp: "Everything that was counted of this conversation, from two hours before to two hours after.",
  courseMarked: "this one",
  heldBack: "held back",
  heldBackHelp: "Counts as soon as the conversation has its first message",
  time: "Time",
  value: "Value",
  duration: "Duration",
  event: "Event",
  reason: "Not counted because",
  copyConversation: (id) => `Copy the conversation's id ${id}`,
  copyEvent: (id) => `Copy the event's id ${id}`,
  copyAll: (count) => `Copy all ${count} conversation ids`,
  copied: (what) => `Copied: ${what}`,
  copiedAll: (count) => `Copied: ${count} conversation ids`,
  notCopied: "The browser does not allow copying here. Select the id and copy it by hand.",
  rules: {},
};

const nl: WhyTexts = {
  which: "Welk getal?",
  whichHelp: "Kies wat er uitgelegd moet worden in deze periode, met deze filters.",
  backTo: (view) => `Terug naar ${view}`,
  medianOf: (count) => `mediaan van ${count}`,
  meanOf: (count) => `gemiddelde van ${count} beoordelingen`,
  ofBelow: (above, below) => `${above} van ${below}`,
  everything: "alles",
  without: (dimensions) => `Uitleggen zonder filter op ${dimensions}`,
  places: { number: "", above: "boven de streep", below: "onder de streep", both: "boven en onder de streep" },
  madeOf: "Waaruit de verhouding bestaat",
  counted: "Geteld",
  leftOut: "Niet geteld",
  shown: "Wat er staat",
  countedSoFar: (counted, total, conversations) => `${counted} van ${total} tot zover, in ${conversations} gesprekken`,
  heldSoFar: (heldBack) => `${heldBack} vastgehouden`,
  countedAll: (total, conversations) => `Alle ${total}, in ${conversations} gesprekken`,
  leftOutSoFar: (events, conversations) => `${events} gebeurtenissen tot zover, in ${conversations} gesprekken`,
  leftOutHelp:
    "Wat leek te tellen en niet telde, met de reden. Filters op operator, groep en waarde gelden hier niet: dat niemand was toegewezen is vaak juist de reden.",
  unexplainable: (count) =>
    `Nog ${count} zijn geteld die geen gebeurtenis meer verklaart: hun gebeurtenissen zijn opgeruimd, of hun gesprekken gewist.`,
  moved: (total) => `Het getal is veranderd: het is nu ${total}.`,
  again: "Opnieuw tonen",
  lookedThrough: (conversations) => `Gesprekken doorzoeken… ${conversations} gevonden tot zover`,
  stop: "Stoppen",
  stopped: "Gestopt voordat er iets gevonden was.",
  more: "Meer",
  noneCounted: "Er is niets geteld.",
  noneYet: "Tot zover niets: er zijn nog gesprekken om te doorzoeken.",
  noneLeftOut: "Er is niets weggelaten.",
  conversation: "Gesprek",
  leftOutToo: (count) => `en ${count} niet geteld`,
  course: "Wat er omheen gebeurde",
  courseHelp: "Alles wat van dit gesprek is geteld, van twee uur ervoor tot twee uur erna.",
  courseMarked: "dit",
  heldBack: "vastgehouden",
  heldBackHelp: "Telt zodra het gesprek zijn eerste bericht heeft",
  time: "Tijd",
  value: "Waarde",
  duration: "Duur",
  event: "Gebeurtenis",
  reason: "Niet geteld omdat",
  copyConversation: (id) => `Id van gesprek ${id} kopiëren`,
  copyEvent: (id) => `Id van gebeurtenis ${id} kopiëren`,
  copyAll: (count) => `Alle ${count} gespreks-id's kopiëren`,
  copied: (what) => `Gekopieerd: ${what}`,
  copiedAll: (count) => `Gekopieerd: ${count} gespreks-id's`,
  notCopied: "De browser staat kopiëren hier niet toe. Selecteer de id en kopieer hem met de hand.",
  rules: {
    NO_OPERATOR: "er was geen operator toegewezen",
    NO_MESSAGE: "er was nog geen bericht gestuurd",
    BETWEEN_END_AND_RESUMPTION: "het gesprek was beëindigd en niet hervat",
    OPERATOR_HAD_ANSWERED: "een operator had een bericht gestuurd",
    ONCE_PER_CONVERSATION: "het gesprek was al geteld",
    EQUAL_SET: "dezelfde onderwerpen waren al gezet",
    NO_TOPICS: "er zijn geen onderwerpen",
    NO_GOAL_MATCHED: "de pagina past bij geen doel van de widget",
    NO_LIMIT_KNOWN: "de widget heeft geen tijdslimiet voor livegesprekken",
    ANSWERED_IN_TIME: "een operator antwoordde binnen de limiet",
    LEFT_LIVE_IN_TIME: "het gesprek verliet live binnen de limiet",
    ENDED_IN_TIME: "het gesprek eindigde binnen de limiet",
    CONTACT_HAD_NOT_WRITTEN: "de contactpersoon had niets geschreven terwijl het gesprek live was",
    LIMIT_HAD_PASSED: "de limiet was verstreken voordat een operator antwoordde",
    HAD_ENDED: "het gesprek was al beëindigd en niet hervat",
    NO_CONTACT_WAITED: "er wachtte geen contactpersoon op antwoord",
    NOT_LIVE: "het gesprek was niet live",
    STRETCH_HAD_BEEN_ANSWERED: "in dit livegedeelte was al een antwoord gegeven",
    ENDED_WITHOUT_ANSWER: "het gesprek eindigde voordat een operator antwoordde",
    NO_OPERATOR_WROTE: "geen operator had geschreven sinds het gesprek begon of werd hervat",
    NO_MESSAGE_SINCE_RESUMED: "er was geen bericht sinds het gesprek begon of werd hervat",
    UNASSIGNED_IN_BETWEEN: "tussendoor was geen operator toegewezen",
    SAME_OPERATOR: "dezelfde operator was al toegewezen",
    RECEIVED_BEFORE: "een operator had het gesprek al ontvangen",
    NO_OPENING_HOURS: "de widget had geen openingstijden toen het begon",
    PURGED: "waar het naar kijkt is onder eerdere regels opgeruimd",
    REPLACED: "nieuwere onderwerpen vervingen deze",
    RETRACTED: "de gebeurtenis is teruggenomen",
  },
};

const de: WhyTexts = {
  which: "Welche Zahl?",
  whichHelp: "Wählen Sie, was in diesem Zeitraum unter diesen Filtern erklärt werden soll.",
  backTo: (view) => `Zurück zu ${view}`,
  medianOf: (count) => `Median aus ${count}`,
  meanOf: (count) => `Mittel aus ${count} Bewertungen`,
  ofBelow: (above, below) => `${above} von ${below}`,
  everything: "alles",
  without: (dimensions) => `Ohne den Filter nach ${dimensions} erklären`,
  places: { number: "", above: "über dem Strich", below: "unter dem Strich", both: "über und unter dem Strich" },
  madeOf: "Woraus die Quote besteht",
  counted: "Gezählt",
  leftOut: "Nicht gezählt",
  shown: "Was aufgeführt ist",
  countedSoFar: (counted, total, conversations) =>
    `${counted} von ${total} bis hierher, in ${conversations} Gesprächen`,
  heldSoFar: (heldBack) => `${heldBack} zurückgehalten`,
  countedAll: (total, conversations) => `Alle ${total}, in ${conversations} Gesprächen`,
  leftOutSoFar: (events, conversations) => `${events} Ereignisse bis hierher, in ${conversations} Gesprächen`,
  leftOutHelp:
    "Was zu zählen schien und nicht zählte, mit dem Grund. Filter nach Operator, Gruppe und Wert gelten hier nicht: dass niemand zugewiesen war, ist oft gerade der Grund.",
  unexplainable: (count) =>
    `Weitere ${count} sind gezählt, die kein Ereignis mehr erklärt: ihre Ereignisse wurden bereinigt oder ihre Gespräche gelöscht.`,
  moved: (total) => `Die Zahl hat sich bewegt: sie ist jetzt ${total}.`,
  again: "Neu auflisten",
  lookedThrough: (conversations) => `Gespräche werden durchsucht… bis hierher ${conversations} gefunden`,
  stop: "Anhalten",
  stopped: "Angehalten, bevor etwas gefunden war.",
  more: "Mehr",
  noneCounted: "Es wurde nichts gezählt.",
  noneYet: "Bis hierher nichts: es gibt noch Gespräche zu durchsuchen.",
  noneLeftOut: "Es wurde nichts ausgelassen.",
  conversation: "Gespräch",
  leftOutToo: (count) => `und ${count} nicht gezählt`,
  course: "Was rundherum geschah",
  courseHelp: "Alles, was von diesem Gespräch gezählt wurde, von zwei Stunden davor bis zwei Stunden danach.",
  courseMarked: "dieses",
  heldBack: "zurückgehalten",
  heldBackHelp: "Zählt, sobald das Gespräch seine erste Nachricht hat",
  time: "Zeit",
  value: "Wert",
  duration: "Dauer",
  event: "Ereignis",
  reason: "Nicht gezählt, denn",
  copyConversation: (id) => `ID des Gesprächs ${id} kopieren`,
  copyEvent: (id) => `ID des Ereignisses ${id} kopieren`,
  copyAll: (count) => `Alle ${count} Gesprächs-IDs kopieren`,
  copied: (what) => `Kopiert: ${what}`,
  copiedAll: (count) => `Kopiert: ${count} Gesprächs-IDs`,
  notCopied: "Der Browser erlaubt das Kopieren hier nicht. Markieren Sie die ID und kopieren Sie sie von Hand.",
  rules: {
    NO_OPERATOR: "kein Operator war zugewiesen",
    NO_MESSAGE: "es war noch keine Nachricht gesendet",
    BETWEEN_END_AND_RESUMPTION: "das Gespräch war beendet und nicht wieder aufgenommen",
    OPERATOR_HAD_ANSWERED: "ein Operator hatte eine Nachricht gesendet",
    ONCE_PER_CONVERSATION: "das Gespräch war schon gezählt",
    EQUAL_SET: "dieselben Themen waren schon gesetzt",
    NO_TOPICS: "es sind keine Themen",
    NO_GOAL_MATCHED: "die Seite passt zu keinem Ziel des Widgets",
    NO_LIMIT_KNOWN: "das Widget hat kein Zeitlimit für Live-Gespräche",
    ANSWERED_IN_TIME: "ein Operator antwortete innerhalb des Limits",
    LEFT_LIVE_IN_TIME: "das Gespräch verließ den Live-Zustand innerhalb des Limits",
    ENDED_IN_TIME: "das Gespräch endete innerhalb des Limits",
    CONTACT_HAD_NOT_WRITTEN: "der Kontakt hatte nichts geschrieben, während das Gespräch live war",
    LIMIT_HAD_PASSED: "das Limit war verstrichen, bevor ein Operator antwortete",
    HAD_ENDED: "das Gespräch war schon beendet und nicht wieder aufgenommen",
    NO_CONTACT_WAITED: "kein Kontakt wartete auf eine Antwort",
    NOT_LIVE: "das Gespräch war nicht live",
    STRETCH_HAD_BEEN_ANSWERED: "in diesem Live-Abschnitt war schon geantwortet worden",
    ENDED_WITHOUT_ANSWER: "das Gespräch endete, bevor ein Operator antwortete",
    NO_OPERATOR_WROTE: "kein Operator hatte geschrieben, seit das Gespräch begann oder wieder aufgenommen wurde",
    NO_MESSAGE_SINCE_RESUMED: "keine Nachricht, seit das Gespräch begann oder wieder aufgenommen wurde",
    UNASSIGNED_IN_BETWEEN: "zwischendurch war kein Operator zugewiesen",
    SAME_OPERATOR: "derselbe Operator war schon zugewiesen",
    RECEIVED_BEFORE: "ein Operator hatte das Gespräch schon erhalten",
    NO_OPENING_HOURS: "das Widget hatte keine Öffnungszeiten, als es begann",
    PURGED: "was dafür gebraucht wird, wurde unter früheren Regeln bereinigt",
    REPLACED: "neuere Themen ersetzten diese",
    RETRACTED: "das Ereignis wurde zurückgenommen",
  },
};

export const WHY: Readonly<Record<Language, WhyTexts>> = { en, nl, de };
