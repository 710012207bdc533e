/** The words of the filters, beside those of the frame. */
import type { Language } from "../state/view.ts";

export interface FilterTexts {
  readonly by: string;
  readonly choices: (count: string) => string;
  readonly moreChips: (count: string) => string;
  readonly added: (what: string) => string;
  readonly removed: (what: string) => string;
  readonly done: string;
}

const en: FilterTexts = {
  by: "Filter by",
  choices: (count) => `${count} to choose from`,
  moreChips: (count) => `${count} more`,
  added: (what) => `Filtered by ${what}`,
  removed: (what) => `No longer filtered by ${what}`,
  done: "Done",
};

const nl: FilterTexts = {
  by: "Filteren op",
  choices: (count) => `${count} om uit te kiezen`,
  moreChips: (count) => `nog ${count}`,
  added: (what) => `Gefilterd op ${what}`,
  removed: (what) => `Niet meer gefilterd op ${what}`,
  done: "Klaar",
};

const de: FilterTexts = {
  by: "Filtern nach",
  choices: (count) => `${count} zur Auswahl`,
  moreChips: (count) => `noch ${count}`,
  added: (what) => `Gefiltert nach ${what}`,
  removed: (what) => `Nicht mehr gefiltert nach ${what}`,
  done: "Fertig",
};

export const FILTERS: Readonly<Record<Language, FilterTexts>> = { en, nl, de };
