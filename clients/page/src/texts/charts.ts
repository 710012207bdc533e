/** The words of charts: their tables, what is said of a bucket, and what can be taken along. */
import type { Language } from "../state/view.ts";

export interface ChartTexts {
  readonly asTable: string;
  readonly step: string;
  readonly before: string;
  /** Behind a bucket's name: the period has only a part of it. */
  readonly part: string;
  /** Behind the name of the bucket that is not over. */
  readonly soFar: string;
  readonly why: string;
  readonly clickForWhy: string;
  readonly lines: string;
  readonly keys: string;
  readonly csv: string;
  readonly png: string;
  readonly export: string;
  /** A table is cut after so many rows of all. */
  readonly cut: (shown: number, all: number) => string;
}

const en: ChartTexts = {
  asTable: "As a table",
  step: "Step",
  before: "Before",
  part: "in part",
  soFar: "so far",
  why: "Why?",
  clickForWhy: "Click: why?",
  lines: "Lines",
  keys: "Arrow keys move from step to step, Enter asks why.",
  csv: "CSV",
  png: "PNG",
  export: "Export",
  cut: (shown, all) => `The first ${shown} of ${all} steps. Choose wider steps, or export all as CSV.`,
};

const nl: ChartTexts = {
  asTable: "Als tabel",
  step: "Stap",
  before: "Voorheen",
  part: "gedeeltelijk",
  soFar: "tot nu toe",
  why: "Waarom?",
  clickForWhy: "Klik: waarom?",
  lines: "Lijnen",
  keys: "Met de pijltjes van stap naar stap, met Enter: waarom?",
  csv: "CSV",
  png: "PNG",
  export: "Exporteren",
  cut: (shown, all) => `De eerste ${shown} van ${all} stappen. Kies bredere stappen, of neem alles mee als CSV.`,
};

const de: ChartTexts = {
  asTable: "Als Tabelle",
  step: "Schritt",
  before: "Zuvor",
  part: "teilweise",
  soFar: "bisher",
  why: "Warum?",
  clickForWhy: "Klick: warum?",
  lines: "Linien",
  keys: "Mit den Pfeiltasten von Schritt zu Schritt, mit Enter: warum?",
  csv: "CSV",
  png: "PNG",
  export: "Exportieren",
  cut: (shown, all) =>
    `Die ersten ${shown} von ${all} Schritten. Wählen Sie breitere Schritte, oder nehmen Sie alle als CSV mit.`,
};

export const CHARTS_TEXTS: Readonly<Record<Language, ChartTexts>> = { en, nl, de };
