/** The words of the overview. */
import type { Language } from "../state/view.ts";

export interface OverviewTexts {
  readonly whyThis: string;
  readonly better: string;
  readonly worse: string;
  readonly before: (count: string) => string;
  readonly nothingBefore: string;
  readonly median: string;
  readonly medianAndMost: (most: string) => string;
  readonly ofRatings: (count: string) => string;
  readonly noOpeningHours: string;
  readonly ofBelow: (above: string, below: string) => string;
}

const en: OverviewTexts = {
  whyThis: "Why? The conversations behind this number",
  better: "better",
  worse: "worse",
  before: (count) => `before: ${count}`,
  nothingBefore: "Nothing was counted in the period before, so no number is better or worse.",
  median: "median",
  medianAndMost: (most) => `median; nine of ten within ${most}`,
  ofRatings: (count) => `mean of ${count} ratings`,
  noOpeningHours: "No opening hours were set when these conversations began (telwerk settings --hours).",
  ofBelow: (above, below) => `${above} of ${below}`,
};

const nl: OverviewTexts = {
  whyThis: "Waarom? De gesprekken achter dit getal",
  better: "beter",
  worse: "slechter",
  before: (count) => `voorheen: ${count}`,
  nothingBefore: "In de periode ervoor is niets geteld; geen getal is dus beter of slechter.",
  median: "mediaan",
  medianAndMost: (most) => `mediaan; negen van de tien binnen ${most}`,
  ofRatings: (count) => `gemiddelde van ${count} beoordelingen`,
  noOpeningHours: "Er waren geen openingstijden ingesteld toen deze gesprekken begonnen (telwerk settings --hours).",
  ofBelow: (above, below) => `${above} van ${below}`,
};

const de: OverviewTexts = {
  whyThis: "Warum? Die Gespräche hinter dieser Zahl",
  better: "besser",
  worse: "schlechter",
  before: (count) => `zuvor: ${count}`,
  nothingBefore: "Im Zeitraum davor wurde nichts gezählt, daher ist keine Zahl besser oder schlechter.",
  median: "Median",
  medianAndMost: (most) => `Median; neun von zehn innerhalb von ${most}`,
  ofRatings: (count) => `Mittel aus ${count} Bewertungen`,
  noOpeningHours: "Als diese Gespräche begannen, waren keine Öffnungszeiten eingestellt (telwerk settings --hours).",
  ofBelow: (above, below) => `${above} von ${below}`,
};

export const OVERVIEW: Readonly<Record<Language, OverviewTexts>> = { en, nl, de };
