/** The words of one KPI's view. */
import type { ChartName, Language, SplitName } from "../state/view.ts";

export interface MetricTexts {
  readonly choose: string;
  readonly chart: string;
  readonly charts: Readonly<Record<ChartName, string>>;
  readonly splits: Readonly<Record<SplitName, string>>;
  readonly by: string;
  readonly whyThis: string;
  readonly better: string;
  readonly worse: string;
  readonly comparedWith: (number: string, period: string) => string;
  readonly nothingBefore: (period: string) => string;
  readonly median: string;
  readonly medianOf: (count: string, most: string) => string;
  readonly ofRatings: (count: string) => string;
  readonly ofBelow: (above: string, below: string) => string;
  readonly dividedBy: string;
  readonly only: (value: string) => string;
  readonly notEnabledOn: (widgets: string) => string;
  readonly unscheduledOn: (widgets: string) => string;
  readonly clipped: string;
  readonly explained: string;
  readonly step: string;
  readonly before: string;
  readonly change: string;
  readonly total: string;
  readonly count: string;
  readonly mean: string;
  readonly above: string;
  readonly below: string;
  readonly share: string;
  readonly overlapping: string;
  readonly sharesOfQuestion: string;
  readonly value: string;
  readonly weekday: string;
  readonly perHour: string;
  readonly weekCounts: string;
  readonly weekRates: string;
  readonly weekMedians: string;
  readonly weekStars: string;
  readonly rate: string;
  readonly ofHeading: string;
  readonly most: (when: string, number: string, of: string) => string;
  readonly least: (when: string, number: string, of: string) => string;
  readonly of: (count: string) => string;
  readonly inHours: (count: string, hours: string) => string;
  readonly byHour: string;
  readonly byWeekday: string;
  readonly cell: (when: string, number: string, of: string) => string;
  readonly percentile: (percent: string) => string;
  readonly percentilesHelp: string;
  readonly lengths: string;
  readonly length: string;
  readonly upTo: string;
  readonly lengthBelow: (to: string) => string;
  readonly lengthFrom: (from: string) => string;
  readonly lengthBetween: (from: string, to: string) => string;
  readonly unknown: (id: string) => string;
}

const en: MetricTexts = {
  choose: "KPI",
  chart: "Shown as",
  charts: {
    line: "Line",
    bar: "Bars",
    table: "Table",
    values: "By value",
    week: "Time of the week",
    percentiles: "Percentiles",
  },
  splits: { value: "Value", topic: "Single topic", question: "Question" },
  by: "By",
  whyThis: "Why? The conversations behind this number",
  better: "better",
  worse: "worse",
  comparedWith: (number, period) => `before: ${number} (${period})`,
  nothingBefore: (period) => `no number before (${period})`,
  median: "Median",
  medianOf: (count, most) => `median of ${count}; nine of ten within ${most}`,
  ofRatings: (count) => `mean of ${count} ratings`,
  ofBelow: (above, below) => `${above} of ${below}`,
  dividedBy: "divided by",
  only: (value) => `only: ${value}`,
  notEnabledOn: (widgets) => `No inactivity action is enabled on: ${widgets}.`,
  unscheduledOn: (widgets) =>
    `No opening hours were set for: ${widgets}. What began there then is not in these numbers (telwerk settings --hours).`,
  clipped: "Steps on a grey ground are not whole: the period begins or ends inside them, or they are not over.",
  explained: "What this number means",
  step: "Step",
  before: "Before",
  change: "Change",
  total: "Whole period",
  count: "Count",
  mean: "Mean",
  above: "Above the line",
  below: "Below the line",
  share: "Share",
  overlapping: "A conversation with two topics is in both rows: the rows do not add up to the whole.",
  sharesOfQuestion: "Shares are of all answers to the same question.",
  value: "Value",
  weekday: "Weekday",
  perHour: "An hour",
  weekCounts: "How many in an hour, on average over the period; counted by the hours that the period really had.",
  weekRates: "The rate of each hour of the week.",
  weekMedians: "The median of each hour of the week.",
  weekStars: "The mean rating of each hour of the week.",
  rate: "Rate",
  ofHeading: "Of",
  most: (when, number, of) => `Highest: ${when}, ${number} (${of})`,
  least: (when, number, of) => `Lowest: ${when}, ${number} (${of})`,
  of: (count) => `of ${count}`,
  inHours: (count, hours) => `${count} in ${hours}\u00a0h`,
  byHour: "By weekday and hour",
  byWeekday: "By weekday",
  cell: (when, number, of) => `${when}: ${number} (${of})`,
  percentile: (percent) => `${percent} within`,
  percentilesHelp: "Half of all were at most as long as the 50 % line, nine of ten at most as long as the 90 % line.",
  lengths: "How long they were",
  length: "Length",
  upTo: "At most this long",
  lengthBelow: (to) => `under ${to}`,
  lengthFrom: (from) => `${from} and more`,
  lengthBetween: (from, to) => `${from} to ${to}`,
  unknown: (id) => `There is no KPI with the id ${id}.`,
};

const nl: MetricTexts = {
  choose: "KPI",
  chart: "Getoond als",
  charts: {
    line: "Lijn",
    bar: "Staven",
    table: "Tabel",
    values: "Per waarde",
    week: "Tijd van de week",
    percentiles: "Percentielen",
  },
  splits: { value: "Waarde", topic: "Los onderwerp", question: "Vraag" },
  by: "Per",
  whyThis: "Waarom? De gesprekken achter dit getal",
  better: "beter",
  worse: "slechter",
  comparedWith: (number, period) => `voorheen: ${number} (${period})`,
  nothingBefore: (period) => `voorheen geen getal (${period})`,
  median: "Mediaan",
  medianOf: (count, most) => `mediaan van ${count}; negen van de tien binnen ${most}`,
  ofRatings: (count) => `gemiddelde van ${count} beoordelingen`,
  ofBelow: (above, below) => `${above} van ${below}`,
  dividedBy: "gedeeld door",
  only: (value) => `alleen: ${value}`,
  notEnabledOn: (widgets) => `Geen inactiviteitsactie ingeschakeld op: ${widgets}.`,
  unscheduledOn: (widgets) =>
    `Er waren geen openingstijden ingesteld voor: ${widgets}. Wat daar toen begon zit niet in deze getallen (telwerk settings --hours).`,
  clipped:
    "Stappen op een grijze grond zijn niet heel: de periode begint of eindigt erin, of ze zijn nog niet voorbij.",
  explained: "Wat dit getal betekent",
  step: "Stap",
  before: "Voorheen",
  change: "Verschil",
  total: "Hele periode",
  count: "Aantal",
  mean: "Gemiddelde",
  above: "Boven de streep",
  below: "Onder de streep",
  share: "Aandeel",
  overlapping: "Een gesprek met twee onderwerpen staat in beide rijen: de rijen tellen niet op tot het geheel.",
  sharesOfQuestion: "Aandelen zijn van alle antwoorden op dezelfde vraag.",
  value: "Waarde",
  weekday: "Weekdag",
  perHour: "Per uur",
  weekCounts: "Hoeveel per uur, gemiddeld over de periode; gerekend met de uren die de periode echt had.",
  weekRates: "De verhouding van elk uur van de week.",
  weekMedians: "De mediaan van elk uur van de week.",
  weekStars: "De gemiddelde beoordeling van elk uur van de week.",
  rate: "Verhouding",
  ofHeading: "Van",
  most: (when, number, of) => `Hoogste: ${when}, ${number} (${of})`,
  least: (when, number, of) => `Laagste: ${when}, ${number} (${of})`,
  of: (count) => `van ${count}`,
  inHours: (count, hours) => `${count} in ${hours}\u00a0h`,
  byHour: "Per weekdag en uur",
  byWeekday: "Per weekdag",
  cell: (when, number, of) => `${when}: ${number} (${of})`,
  percentile: (percent) => `${percent} binnen`,
  percentilesHelp:
    "De helft duurde hooguit zo lang als de lijn van 50 %, negen van de tien hooguit zo lang als die van 90 %.",
  lengths: "Hoe lang ze duurden",
  length: "Duur",
  upTo: "Hooguit zo lang",
  lengthBelow: (to) => `korter dan ${to}`,
  lengthFrom: (from) => `${from} en langer`,
  lengthBetween: (from, to) => `${from} tot ${to}`,
  unknown: (id) => `Er is geen KPI met de id ${id}.`,
};

const de: MetricTexts = {
  choose: "KPI",
  chart: "Gezeigt als",
  charts: {
    line: "Linie",
    bar: "Balken",
    table: "Tabelle",
    values: "Nach Wert",
    week: "Zeit der Woche",
    percentiles: "Perzentile",
  },
  splits: { value: "Wert", topic: "Einzelnes Thema", question: "Frage" },
  by: "Nach",
  whyThis: "Warum? Die Gespräche hinter dieser Zahl",
  better: "besser",
  worse: "schlechter",
  comparedWith: (number, period) => `zuvor: ${number} (${period})`,
  nothingBefore: (period) => `zuvor keine Zahl (${period})`,
  median: "Median",
  medianOf: (count, most) => `Median von ${count}; neun von zehn innerhalb von ${most}`,
  ofRatings: (count) => `Mittel aus ${count} Bewertungen`,
  ofBelow: (above, below) => `${above} von ${below}`,
  dividedBy: "geteilt durch",
  only: (value) => `nur: ${value}`,
  notEnabledOn: (widgets) => `Keine Inaktivitätsaktion ist eingeschaltet für: ${widgets}.`,
  unscheduledOn: (widgets) =>
    `Für ${widgets} waren keine Öffnungszeiten eingestellt. Was dort damals begann, ist nicht in diesen Zahlen (telwerk settings --hours).`,
  clipped:
    "Schritte auf grauem Grund sind nicht ganz: Der Zeitraum beginnt oder endet in ihnen, oder sie sind nicht vorbei.",
  explained: "Was diese Zahl bedeutet",
  step: "Schritt",
  before: "Zuvor",
  change: "Änderung",
  total: "Ganzer Zeitraum",
  count: "Anzahl",
  mean: "Mittel",
  above: "Über dem Strich",
  below: "Unter dem Strich",
  share: "Anteil",
  overlapping: "Ein Gespräch mit zwei Themen steht in beiden Zeilen: Die Zeilen ergeben zusammen mehr als das Ganze.",
  sharesOfQuestion: "Anteile sind von allen Antworten auf dieselbe Frage.",
  value: "Wert",
  weekday: "Wochentag",
  perHour: "Je Stunde",
  weekCounts: "Wie viele in einer Stunde, im Mittel des Zeitraums; gerechnet mit den Stunden, die er wirklich hatte.",
  weekRates: "Das Verhältnis jeder Stunde der Woche.",
  weekMedians: "Der Median jeder Stunde der Woche.",
  weekStars: "Die mittlere Bewertung jeder Stunde der Woche.",
  rate: "Verhältnis",
  ofHeading: "Von",
  most: (when, number, of) => `Höchster Wert: ${when}, ${number} (${of})`,
  least: (when, number, of) => `Niedrigster Wert: ${when}, ${number} (${of})`,
  of: (count) => `von ${count}`,
  inHours: (count, hours) => `${count} in ${hours}\u00a0h`,
  byHour: "Nach Wochentag und Stunde",
  byWeekday: "Nach Wochentag",
  cell: (when, number, of) => `${when}: ${number} (${of})`,
  percentile: (percent) => `${percent} innerhalb von`,
  percentilesHelp:
    "Die Hälfte dauerte höchstens so lange wie die 50-%-Linie, neun von zehn höchstens so lange wie die 90-%-Linie.",
  lengths: "Wie lange sie dauerten",
  length: "Dauer",
  upTo: "Höchstens so lange",
  lengthBelow: (to) => `unter ${to}`,
  lengthFrom: (from) => `${from} und länger`,
  lengthBetween: (from, to) => `${from} bis ${to}`,
  unknown: (id) => `Es gibt keinen KPI mit der Id ${id}.`,
};

export const METRIC: Readonly<Record<Language, MetricTexts>> = { en, nl, de };
