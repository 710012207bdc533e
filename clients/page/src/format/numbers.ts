/** How numbers are written: by the reader's language, and by the rules that the report in the terminal's tools has too. */
import presentation from "#presentation";
import type { FigureKind, Metric } from "../api/catalogue.ts";

export const NOT_THERE = "–";

const { units_of_time: UNITS, whole_units_min: WHOLE_UNITS_MIN } = presentation;
const FORMATS = new Map<string, Intl.NumberFormat>();

function format(language: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = language + JSON.stringify(options);
  const known = FORMATS.get(key);
  if (known) return known;
  const made = new Intl.NumberFormat(language, options);
  FORMATS.set(key, made);
  return made;
}

const fixed = (digits: number): Intl.NumberFormatOptions => ({
  minimumFractionDigits: digits,
  maximumFractionDigits: digits,
});

export const countText = (count: number | bigint, language: string): string => format(language, {}).format(count);

const MILLISECONDS = { symbol: "ms", milliseconds: 1, digits: 0 };

/** The unit in which a duration is written: the largest of which there is a whole one. */
export const unitOf = (ms: number) => UNITS.find(({ milliseconds }) => Math.abs(ms) >= milliseconds) ?? MILLISECONDS;

/** A duration in the largest unit of which there is a whole one: 850 ms, 57.5 s, 12.3 min. */
export function durationText(ms: number, language: string): string {
  const unit = unitOf(ms);
  return `${format(language, fixed(unit.digits)).format(ms / unit.milliseconds)}\u00a0${unit.symbol}`;
}

/** The same for the edge of a chart, where there is little room: from ten units on in whole ones. */
export function shortDurationText(ms: number, language: string): string {
  const unit = unitOf(ms);
  const inUnits = ms / unit.milliseconds;
  const digits = Math.abs(inUnits) < WHOLE_UNITS_MIN && !Number.isInteger(inUnits) ? unit.digits : 0;
  return `${format(language, fixed(digits)).format(inUnits)}\u00a0${unit.symbol}`;
}

export const starsText = (mean: number, language: string): string => format(language, fixed(2)).format(mean);

export const rateText = (rate: number, language: string, digits = 1): string =>
  format(language, { style: "percent", ...fixed(digits) }).format(rate);

/** The number of a metric: a count, a mean of stars, milliseconds, or a rate; undefined and NaN are no number. */
export function figureText(figure: FigureKind, number: number | undefined, language: string): string {
  if (number === undefined || Number.isNaN(number)) return NOT_THERE;
  switch (figure) {
    case "count":
      return countText(number, language);
    case "stars":
      return starsText(number, language);
    case "duration":
      return durationText(number, language);
    case "rate":
      return rateText(number, language);
  }
}

/** Large counts for the edge of a chart: 12K. */
export const compactText = (count: number, language: string): string =>
  format(language, { notation: "compact", maximumFractionDigits: 1 }).format(count);

/** A change, and what to think of it. */
export interface Change {
  readonly text: string;
  readonly verdict: "better" | "worse" | "none";
}

const signed = (number: number, text: string): string =>
  number > 0 ? `+${text}` : number < 0 ? `\u2212${text}` : text;

const UNCHANGED = "\u00b10";

/** How a number differs from the one before; undefined where one of the two is missing. */
export function changeOf(
  metric: Metric,
  number: number | undefined,
  before: number | undefined,
  language: string,
): Change | undefined {
  if (number === undefined || before === undefined || Number.isNaN(number) || Number.isNaN(before)) return undefined;
  const delta = number - before;
  const text = changeText(metric.figure, delta, before, language);
  // As it is written: what rounds to nothing is no change.
  if (!/[1-9]/.test(text)) return { text: UNCHANGED, verdict: "none" };
  const good = Math.sign(delta) * metric.direction;
  return { text, verdict: good === 0 ? "none" : good > 0 ? "better" : "worse" };
}

function changeText(figure: FigureKind, delta: number, before: number, language: string): string {
  const { compared_count_min: baseMin, relative_max: relativeMax } = presentation.change;
  const size = Math.abs(delta);
  switch (figure) {
    case "rate":
      // Percentage points: a change of a percentage is not a percentage of it.
      return `${signed(delta, format(language, fixed(1)).format(size * 100))}\u00a0pp`;
    case "stars":
      return signed(delta, starsText(size, language));
    case "duration":
      return signed(delta, durationText(size, language));
    case "count":
      // Of few, a percentage says nothing that anyone should act upon.
      return before >= baseMin && size / before <= relativeMax
        ? signed(delta, rateText(size / before, language))
        : signed(delta, countText(size, language));
  }
}
