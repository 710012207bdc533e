/** The words of "compare". */

import type { Language } from "../state/view.ts";
import type { Compared } from "../views/compare_rows.ts";

export interface CompareTexts {
  readonly compare: string;
  readonly by: Readonly<Record<Compared, string>>;
  readonly rows: string;
  readonly topRows: (count: string) => string;
  readonly floor: string;
  readonly floorHelp: string;
  readonly columns: string;
  readonly usualColumns: string;
  readonly tableOf: (what: string) => string;
  readonly sortBy: (column: string) => string;
  readonly byIds: string;
  readonly restHelp: string;
  readonly whole: string;
  readonly of: (below: string) => string;
  readonly better: string;
  readonly worse: string;
  readonly overlay: (name: string) => string;
  readonly overlaid: string;
  readonly overlaidMetric: string;
  readonly overlayHelp: string;
  readonly overlayFull: (count: string) => string;
  readonly clearOverlay: string;
  readonly noNumbers: string;
  readonly overTime: (metric: string, names: string) => string;
  readonly why: (metric: string, name: string) => string;
  readonly only: (name: string) => string;
  readonly noColumns: string;
}

const en: CompareTexts = {
  compare: "Compare",
  by: { operator: "Operators", group: "Groups", widget: "Widgets" },
  rows: "Rows",
  topRows: (count) => `First ${count}`,
  floor: "Only rates of at least",
  floorHelp: "A rate of 1 of 1 says little: rows with fewer below the line are among all others.",
  columns: "Columns",
  usualColumns: "The usual columns",
  tableOf: (what) => `${what} side by side`,
  sortBy: (column) => `Sort by ${column}`,
  byIds: "by their ids",
  restHelp: "All rows that are not listed, each fact once",
  whole: "Everything",
  of: (below) => `of ${below}`,
  better: "better",
  worse: "worse",
  overlay: (name) => `Show ${name} in the chart`,
  overlaid: "Over time",
  overlaidMetric: "Metric",
  overlayHelp: "Tick rows to lay them over each other in a chart.",
  overlayFull: (count) => `A chart has room for ${count}: untick one to tick another.`,
  clearOverlay: "Untick all",
  noNumbers: "no numbers",
  overTime: (metric, names) => `${metric} over time: ${names}`,
  why: (metric, name) => `Why? ${metric}, ${name}`,
  only: (name) => `The overview of ${name} alone`,
  noColumns: "Nothing can be compared so under these filters. Remove a filter, or compare something else.",
};

const nl: CompareTexts = {
  compare: "Vergelijk",
  by: { operator: "Operators", group: "Groepen", widget: "Widgets" },
  rows: "Rijen",
  topRows: (count) => `Eerste ${count}`,
  floor: "Alleen verhoudingen van ten minste",
  floorHelp: "Een verhouding van 1 op 1 zegt weinig: rijen met minder onder de streep staan bij alle andere.",
  columns: "Kolommen",
  usualColumns: "De gebruikelijke kolommen",
  tableOf: (what) => `${what} naast elkaar`,
  sortBy: (column) => `Sorteren op ${column}`,
  byIds: "op hun id's",
  restHelp: "Alle rijen die niet getoond worden, elk feit eenmaal",
  whole: "Alles",
  of: (below) => `van ${below}`,
  better: "beter",
  worse: "slechter",
  overlay: (name) => `${name} in de grafiek tonen`,
  overlaid: "In de tijd",
  overlaidMetric: "Getal",
  overlayHelp: "Vink rijen aan om ze in één grafiek over elkaar te leggen.",
  overlayFull: (count) => `Een grafiek heeft plaats voor ${count}: vink er een uit om een andere aan te vinken.`,
  clearOverlay: "Alles uitvinken",
  noNumbers: "geen getallen",
  overTime: (metric, names) => `${metric} in de tijd: ${names}`,
  why: (metric, name) => `Waarom? ${metric}, ${name}`,
  only: (name) => `Het overzicht van ${name} alleen`,
  noColumns: "Met deze filters valt zo niets te vergelijken. Verwijder een filter, of vergelijk iets anders.",
};

const de: CompareTexts = {
  compare: "Vergleiche",
  by: { operator: "Operatoren", group: "Gruppen", widget: "Widgets" },
  rows: "Zeilen",
  topRows: (count) => `Erste ${count}`,
  floor: "Nur Quoten aus mindestens",
  floorHelp: "Eine Quote von 1 aus 1 sagt wenig: Zeilen mit weniger unter dem Strich stehen bei allen anderen.",
  columns: "Spalten",
  usualColumns: "Die üblichen Spalten",
  tableOf: (what) => `${what} nebeneinander`,
  sortBy: (column) => `Sortieren nach ${column}`,
  byIds: "nach ihren IDs",
  restHelp: "Alle Zeilen, die nicht aufgeführt sind, jede Tatsache einmal",
  whole: "Alles",
  of: (below) => `von ${below}`,
  better: "besser",
  worse: "schlechter",
  overlay: (name) => `${name} im Diagramm zeigen`,
  overlaid: "Im Zeitverlauf",
  overlaidMetric: "Kennzahl",
  overlayHelp: "Haken Sie Zeilen an, um sie in einem Diagramm übereinanderzulegen.",
  overlayFull: (count) => `Ein Diagramm hat Platz für ${count}: nehmen Sie eine heraus, um eine andere anzuhaken.`,
  clearOverlay: "Auswahl aufheben",
  noNumbers: "keine Zahlen",
  overTime: (metric, names) => `${metric} im Zeitverlauf: ${names}`,
  why: (metric, name) => `Warum? ${metric}, ${name}`,
  only: (name) => `Die Übersicht von ${name} allein`,
  noColumns:
    "Unter diesen Filtern lässt sich so nichts vergleichen. Entfernen Sie einen Filter, oder vergleichen Sie etwas anderes.",
};

export const COMPARE: Readonly<Record<Language, CompareTexts>> = { en, nl, de };
