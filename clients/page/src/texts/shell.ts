/** The words around the views: navigation, periods, filters, and the states in which there is nothing to show. */
import type { FailureKind } from "../api/errors.ts";
import type { Preset } from "../state/period.ts";
import type { DimensionName, GranularityName, Language, ViewName } from "../state/view.ts";

export interface ShellTexts {
  readonly views: Readonly<Record<Exclude<ViewName, "why">, string>>;
  readonly why: string;
  readonly presets: Readonly<Record<Preset, string>>;
  readonly custom: string;
  readonly from: string;
  readonly to: string;
  readonly apply: string;
  readonly period: string;
  readonly granularity: string;
  readonly granularities: Readonly<Record<GranularityName, string>>;
  readonly comparedWith: string;
  readonly upToNow: string;
  readonly filters: string;
  readonly addFilter: string;
  readonly removeFilter: (what: string) => string;
  readonly clearFilters: string;
  readonly search: string;
  readonly moreMatches: string;
  readonly noMatches: string;
  readonly dimensions: Readonly<Record<DimensionName, string>>;
  readonly nobody: string;
  readonly rest: string;
  readonly serviceTimes: string;
  readonly rates: string;
  readonly account: string;
  readonly otherAccount: string;
  readonly accountWanted: string;
  readonly accountHelp: string;
  readonly open: string;
  readonly key: string;
  readonly keyWanted: string;
  readonly keyHelp: string;
  readonly keyRefused: string;
  readonly signIn: string;
  readonly forgetKey: string;
  readonly language: string;
  readonly theme: string;
  readonly light: string;
  readonly dark: string;
  readonly system: string;
  readonly live: string;
  readonly liveOn: string;
  readonly liveConnecting: string;
  readonly liveLost: string;
  readonly print: string;
  readonly loading: string;
  readonly retry: string;
  readonly failures: Readonly<Record<FailureKind, string>>;
  readonly empty: string;
  readonly emptyHelp: string;
  readonly completeUntil: (instant: string) => string;
  readonly completeUntilHelp: string;
  readonly heldBack: (count: string, metric: string) => string;
  readonly timesIn: (zone: string) => string;
  readonly zoneUnknown: (zone: string) => string;
  readonly clockWrong: (duration: string) => string;
  readonly skip: string;
  readonly notYetCounted: string;
  readonly notEnabled: string;
  readonly knownFrom: (instant: string) => string;
  readonly notFiltered: (dimensions: string) => string;
}

const en: ShellTexts = {
  views: { overview: "Overview", compare: "Compare", metric: "One KPI" },
  why: "Why?",
  presets: {
    today: "Today",
    "7d": "Last 7 days",
    "28d": "Last 28 days",
    "this-week": "This week",
    "last-week": "Last week",
    "this-month": "This month",
    "last-month": "Last month",
    "this-quarter": "This quarter",
    "last-quarter": "Last quarter",
    "this-year": "This year",
  },
  custom: "Other days",
  from: "From",
  to: "To",
  apply: "Apply",
  period: "Period",
  granularity: "Steps",
  granularities: {
    auto: "Automatic",
    "quarter-hour": "Quarter-hours",
    hour: "Hours",
    day: "Days",
    week: "Weeks",
    month: "Months",
    quarter: "Quarters",
    year: "Years",
  },
  comparedWith: "compared with",
  upToNow: "up to the same time",
  filters: "Filters",
  addFilter: "Filter",
  removeFilter: (what) => `Remove filter ${what}`,
  clearFilters: "Clear filters",
  search: "Type to search",
  moreMatches: "More match: type on",
  noMatches: "Nothing matches",
  dimensions: {
    operator: "Operator",
    group: "Group",
    widget: "Widget",
    value: "Value",
    topic: "Topic",
    question: "Question",
  },
  nobody: "Nobody",
  rest: "All others",
  serviceTimes: "Within opening hours",
  rates: "Rates",
  account: "Account",
  otherAccount: "Another account",
  accountWanted: "Which account?",
  accountHelp: "The id under which your chat platform sends its events, such as demo.",
  open: "Open",
  key: "Key",
  keyWanted: "This server asks for a key",
  keyHelp: "A key (tw_…) or a token from whoever runs the server. It is kept until you close this tab.",
  keyRefused: "The server does not accept this key, or no longer.",
  signIn: "Use this key",
  forgetKey: "Forget the key",
  language: "Language",
  theme: "Colours",
  light: "Light",
  dark: "Dark",
  system: "As the system",
  live: "Live",
  liveOn: "Live: the numbers move as events arrive",
  liveConnecting: "Connecting…",
  liveLost: "Connection lost; trying again",
  print: "Print",
  loading: "Loading…",
  retry: "Try again",
  failures: {
    key: "A key is needed",
    permission: "Your key may not read this account",
    unreachable: "The server cannot be reached",
    busy: "The server is busy, or your account has used up its share for the moment",
    refused: "This cannot be asked",
    other: "Something went wrong",
  },
  empty: "Nothing was counted in this period",
  emptyHelp: "Choose a longer period, fewer filters, or check the account's id.",
  completeUntil: (instant) => `Complete until ${instant}`,
  completeUntilHelp:
    "No response limit that ends before this is still open. Late events may still correct what lies before.",
  heldBack: (count, metric) => `${metric}: ${count} held back until their conversation's first message`,
  timesIn: (zone) => `Times in ${zone}`,
  zoneUnknown: (zone) =>
    `Your browser does not know the time zone ${zone}: times are shown in UTC; the days are the account's.`,
  clockWrong: (duration) => `This computer's clock is wrong by ${duration}. The server's is used.`,
  skip: "To the numbers",
  notYetCounted: "Not counted yet: the server's operator can have it counted from what is stored (telwerkd rebuild).",
  notEnabled: "Not enabled on the chosen widgets",
  knownFrom: (instant) => `Known from ${instant} on`,
  notFiltered: (dimensions) => `Cannot be filtered by: ${dimensions}`,
};

const nl: ShellTexts = {
  views: { overview: "Overzicht", compare: "Vergelijken", metric: "Eén KPI" },
  why: "Waarom?",
  presets: {
    today: "Vandaag",
    "7d": "Laatste 7 dagen",
    "28d": "Laatste 28 dagen",
    "this-week": "Deze week",
    "last-week": "Vorige week",
    "this-month": "Deze maand",
    "last-month": "Vorige maand",
    "this-quarter": "Dit kwartaal",
    "last-quarter": "Vorig kwartaal",
    "this-year": "Dit jaar",
  },
  custom: "Andere dagen",
  from: "Van",
  to: "Tot en met",
  apply: "Toepassen",
  period: "Periode",
  granularity: "Stappen",
  granularities: {
    auto: "Automatisch",
    "quarter-hour": "Kwartieren",
    hour: "Uren",
    day: "Dagen",
    week: "Weken",
    month: "Maanden",
    quarter: "Kwartalen",
    year: "Jaren",
  },
  comparedWith: "vergeleken met",
  upToNow: "tot hetzelfde tijdstip",
  filters: "Filters",
  addFilter: "Filter",
  removeFilter: (what) => `Filter ${what} verwijderen`,
  clearFilters: "Filters wissen",
  search: "Typ om te zoeken",
  moreMatches: "Er zijn er meer: typ verder",
  noMatches: "Niets gevonden",
  dimensions: {
    operator: "Operator",
    group: "Groep",
    widget: "Widget",
    value: "Waarde",
    topic: "Onderwerp",
    question: "Vraag",
  },
  nobody: "Niemand",
  rest: "Alle andere",
  serviceTimes: "Binnen openingstijden",
  rates: "Verhoudingen",
  account: "Account",
  otherAccount: "Ander account",
  accountWanted: "Welk account?",
  accountHelp: "De id waaronder uw chatplatform zijn gebeurtenissen stuurt, zoals demo.",
  open: "Openen",
  key: "Sleutel",
  keyWanted: "Deze server vraagt om een sleutel",
  keyHelp: "Een sleutel (tw_…) of token van wie de server beheert. Hij wordt bewaard tot u dit tabblad sluit.",
  keyRefused: "De server aanvaardt deze sleutel niet, of niet meer.",
  signIn: "Deze sleutel gebruiken",
  forgetKey: "Sleutel vergeten",
  language: "Taal",
  theme: "Kleuren",
  light: "Licht",
  dark: "Donker",
  system: "Zoals het systeem",
  live: "Live",
  liveOn: "Live: de getallen bewegen mee met de gebeurtenissen",
  liveConnecting: "Verbinden…",
  liveLost: "Verbinding verbroken; nieuwe poging volgt",
  print: "Afdrukken",
  loading: "Laden…",
  retry: "Opnieuw proberen",
  failures: {
    key: "Er is een sleutel nodig",
    permission: "Uw sleutel mag dit account niet lezen",
    unreachable: "De server is niet bereikbaar",
    busy: "De server is bezet, of uw account heeft zijn deel voor nu verbruikt",
    refused: "Dit kan niet gevraagd worden",
    other: "Er ging iets mis",
  },
  empty: "In deze periode is niets geteld",
  emptyHelp: "Kies een langere periode, minder filters, of controleer de id van het account.",
  completeUntil: (instant) => `Volledig tot ${instant}`,
  completeUntilHelp:
    "Geen reactielimiet die hiervoor eindigt staat nog open. Late gebeurtenissen kunnen wat ervoor ligt nog corrigeren.",
  heldBack: (count, metric) => `${metric}: ${count} vastgehouden tot het eerste bericht van het gesprek`,
  timesIn: (zone) => `Tijden in ${zone}`,
  zoneUnknown: (zone) =>
    `Uw browser kent de tijdzone ${zone} niet: tijden staan in UTC; de dagen zijn die van het account.`,
  clockWrong: (duration) => `De klok van deze computer loopt ${duration} verkeerd. Die van de server geldt.`,
  skip: "Naar de getallen",
  notYetCounted: "Nog niet geteld: de beheerder van de server kan het uit de opslag laten tellen (telwerkd rebuild).",
  notEnabled: "Niet ingeschakeld op de gekozen widgets",
  knownFrom: (instant) => `Bekend vanaf ${instant}`,
  notFiltered: (dimensions) => `Kan niet gefilterd worden op: ${dimensions}`,
};

const de: ShellTexts = {
  views: { overview: "Übersicht", compare: "Vergleichen", metric: "Ein KPI" },
  why: "Warum?",
  presets: {
    today: "Heute",
    "7d": "Letzte 7 Tage",
    "28d": "Letzte 28 Tage",
    "this-week": "Diese Woche",
    "last-week": "Letzte Woche",
    "this-month": "Dieser Monat",
    "last-month": "Letzter Monat",
    "this-quarter": "Dieses Quartal",
    "last-quarter": "Letztes Quartal",
    "this-year": "Dieses Jahr",
  },
  custom: "Andere Tage",
  from: "Von",
  to: "Bis",
  apply: "Anwenden",
  period: "Zeitraum",
  granularity: "Schritte",
  granularities: {
    auto: "Automatisch",
    "quarter-hour": "Viertelstunden",
    hour: "Stunden",
    day: "Tage",
    week: "Wochen",
    month: "Monate",
    quarter: "Quartale",
    year: "Jahre",
  },
  comparedWith: "verglichen mit",
  upToNow: "bis zur gleichen Zeit",
  filters: "Filter",
  addFilter: "Filter",
  removeFilter: (what) => `Filter ${what} entfernen`,
  clearFilters: "Filter löschen",
  search: "Zum Suchen tippen",
  moreMatches: "Es gibt mehr: weitertippen",
  noMatches: "Nichts gefunden",
  dimensions: {
    operator: "Operator",
    group: "Gruppe",
    widget: "Widget",
    value: "Wert",
    topic: "Thema",
    question: "Frage",
  },
  nobody: "Niemand",
  rest: "Alle anderen",
  serviceTimes: "Innerhalb der Öffnungszeiten",
  rates: "Quoten",
  account: "Konto",
  otherAccount: "Anderes Konto",
  accountWanted: "Welches Konto?",
  accountHelp: "Die ID, unter der Ihre Chat-Plattform ihre Ereignisse sendet, etwa demo.",
  open: "Öffnen",
  key: "Schlüssel",
  keyWanted: "Dieser Server verlangt einen Schlüssel",
  keyHelp:
    "Ein Schlüssel (tw_…) oder Token von den Betreibern des Servers. Er wird behalten, bis Sie diesen Tab schließen.",
  keyRefused: "Der Server nimmt diesen Schlüssel nicht an, oder nicht mehr.",
  signIn: "Diesen Schlüssel verwenden",
  forgetKey: "Schlüssel vergessen",
  language: "Sprache",
  theme: "Farben",
  light: "Hell",
  dark: "Dunkel",
  system: "Wie das System",
  live: "Live",
  liveOn: "Live: die Zahlen bewegen sich mit den Ereignissen",
  liveConnecting: "Verbinden…",
  liveLost: "Verbindung verloren; neuer Versuch folgt",
  print: "Drucken",
  loading: "Laden…",
  retry: "Noch einmal versuchen",
  failures: {
    key: "Ein Schlüssel wird gebraucht",
    permission: "Ihr Schlüssel darf dieses Konto nicht lesen",
    unreachable: "Der Server ist nicht erreichbar",
    busy: "Der Server ist ausgelastet, oder Ihr Konto hat seinen Anteil für den Augenblick verbraucht",
    refused: "Das kann nicht gefragt werden",
    other: "Etwas ist schiefgegangen",
  },
  empty: "In diesem Zeitraum wurde nichts gezählt",
  emptyHelp: "Wählen Sie einen längeren Zeitraum, weniger Filter, oder prüfen Sie die ID des Kontos.",
  completeUntil: (instant) => `Vollständig bis ${instant}`,
  completeUntilHelp:
    "Keine Antwortfrist, die davor endet, ist noch offen. Späte Ereignisse können noch berichtigen, was davor liegt.",
  heldBack: (count, metric) => `${metric}: ${count} zurückgehalten bis zur ersten Nachricht des Gesprächs`,
  timesIn: (zone) => `Zeiten in ${zone}`,
  zoneUnknown: (zone) =>
    `Ihr Browser kennt die Zeitzone ${zone} nicht: Zeiten stehen in UTC; die Tage sind die des Kontos.`,
  clockWrong: (duration) => `Die Uhr dieses Computers geht um ${duration} falsch. Es gilt die des Servers.`,
  skip: "Zu den Zahlen",
  notYetCounted:
    "Noch nicht gezählt: die Betreiber des Servers können es aus dem Gespeicherten zählen lassen (telwerkd rebuild).",
  notEnabled: "Auf den gewählten Widgets nicht eingeschaltet",
  knownFrom: (instant) => `Bekannt ab ${instant}`,
  notFiltered: (dimensions) => `Nicht filterbar nach: ${dimensions}`,
};

export const SHELL: Readonly<Record<Language, ShellTexts>> = { en, nl, de };
