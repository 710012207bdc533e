/** The words of the frame around the views: navigation, periods, steps, filters. */
import type { Preset } from "../state/period.ts";
import type { DimensionName, GranularityName, Language, ViewName } from "../state/view.ts";
export interface FrameTexts {
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
  readonly comparedWith: (period: string) => string;
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
  readonly language: string;
  readonly theme: string;
  readonly light: string;
  readonly dark: string;
  readonly system: string;
  readonly live: string;
  readonly print: string;
  readonly copyLink: string;
  readonly copyLinkHelp: string;
  readonly linkCopied: string;
  readonly linkNotCopied: string;
  readonly skip: string;
}

const en: FrameTexts = {
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
  comparedWith: (period) => `Compared with ${period}`,
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
  language: "Language",
  theme: "Colours",
  light: "Light",
  dark: "Dark",
  system: "As the system",
  live: "Live",
  print: "Print",
  copyLink: "Copy link",
  copyLinkHelp: "A link to exactly what you see, in this language",
  linkCopied: "Link copied",
  linkNotCopied: "The browser does not allow copying here: copy the address by hand.",
  skip: "To the numbers",
};

const nl: FrameTexts = {
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
  comparedWith: (period) => `Vergeleken met ${period}`,
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
  language: "Taal",
  theme: "Kleuren",
  light: "Licht",
  dark: "Donker",
  system: "Zoals het systeem",
  live: "Live",
  print: "Afdrukken",
  copyLink: "Link kopiëren",
  copyLinkHelp: "Een link naar precies wat u ziet, in deze taal",
  linkCopied: "Link gekopieerd",
  linkNotCopied: "De browser staat kopiëren hier niet toe: kopieer het adres met de hand.",
  skip: "Naar de getallen",
};

const de: FrameTexts = {
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
  comparedWith: (period) => `Verglichen mit ${period}`,
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
  language: "Sprache",
  theme: "Farben",
  light: "Hell",
  dark: "Dunkel",
  system: "Wie das System",
  live: "Live",
  print: "Drucken",
  copyLink: "Link kopieren",
  copyLinkHelp: "Ein Link auf genau das, was Sie sehen, in dieser Sprache",
  linkCopied: "Link kopiert",
  linkNotCopied: "Der Browser erlaubt das Kopieren hier nicht: Kopieren Sie die Adresse von Hand.",
  skip: "Zu den Zahlen",
};

export const FRAME: Readonly<Record<Language, FrameTexts>> = { en, nl, de };
