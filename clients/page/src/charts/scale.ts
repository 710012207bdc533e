/** The numbers at the edge of a chart: a few, evenly apart, whole in their unit, and no two that read the same. Pure. */
import presentation from "#presentation";
import type { FigureKind } from "../api/catalogue.ts";
import { compactText, countText, rateText } from "../format/numbers.ts";

export interface Scale {
  /** Ascending; the first and the last are the ends of the scale. */
  readonly ticks: readonly number[];
  readonly text: (tick: number) => string;
}

/** In milliseconds, each a whole number of its unit. */
const DURATION_STEPS: readonly number[] = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((seconds) => seconds * 1_000),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * 60_000),
  ...[1, 2, 3, 6, 12].map((hours) => hours * 3_600_000),
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000].map((days) => days * 86_400_000),
];
/** Scales of counts that reach so far are written short. */
const COMPACT_MIN = 10_000;
const RATE_STEP_MIN = 0.001;

/** The least of 1, 2 and 5 times a power of ten that is at least `wanted`. */
function roundStep(wanted: number): number {
  const power = 10 ** Math.floor(Math.log10(wanted));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= wanted * (1 - 1e-9)) ?? 10;
  // A division is exact where multiplying by 0.01 is not: 0.07 would be 0.07000000000000001.
  return power >= 1 ? step * power : step / Math.round(1 / power);
}

function stepOf(figure: FigureKind, wanted: number): number {
  switch (figure) {
    case "count":
      return Math.max(1, roundStep(wanted));
    case "rate":
      return Math.max(RATE_STEP_MIN, roundStep(wanted));
    case "duration":
      return DURATION_STEPS.find((step) => step >= wanted) ?? roundStep(wanted);
    case "stars":
      return 1;
  }
}

/** In the unit of the step, so that all ticks are whole. */
function durationTick(ms: number, step: number, language: string): string {
  const unit = presentation.units_of_time.find(({ milliseconds }) => step >= milliseconds);
  return `${countText(Math.round(ms / (unit?.milliseconds ?? 1)), language)}\u00a0${unit?.symbol ?? "ms"}`;
}

/**
 * The scale of a metric from zero (of stars: from one to five) to at least `high`.
 *
 * @param most about how many steps there is room for, at least 1.
 */
export function scaleOf(figure: FigureKind, high: number, most: number, language: string): Scale {
  if (figure === "stars") return { ticks: [1, 2, 3, 4, 5], text: (tick) => countText(tick, language) };
  const top = Number.isFinite(high) && high > 0 ? high : 1;
  const step = stepOf(figure, top / Math.max(1, most));
  const count = Math.max(1, Math.ceil(top / step - 1e-9));
  const ticks = Array.from({ length: count + 1 }, (_, place) => place * step);
  switch (figure) {
    case "count":
      return { ticks, text: (tick) => ((ticks.at(-1) ?? 0) < COMPACT_MIN ? countText : compactText)(tick, language) };
    case "rate":
      return { ticks, text: (tick) => rateText(tick, language, step < 0.01 ? 1 : 0) };
    case "duration":
      return { ticks, text: (tick) => durationTick(tick, step, language) };
  }
}
