/** The periods that people ask for, as ranges of days, and what each is fairly compared with. Pure. */
import { type Day, instantOf, localTime, ordinal, plusDays, plusMonths, weekdayOf } from "./day.ts";

/** The periods that have a name, by that name in the URL. */
export const PRESETS = [
  "today",
  "7d",
  "28d",
  "this-week",
  "last-week",
  "this-month",
  "last-month",
  "this-quarter",
  "last-quarter",
  "this-year",
] as const;
export type Preset = (typeof PRESETS)[number];

/** Before this year the server has nothing, and refuses to be asked. */
const YEAR_MIN = 2000;

/** What was chosen: a name, whose days move on with the calendar, or days, both of them in it. */
export type Period = Preset | { readonly first: Day; readonly last: Day };

/** A half-open range of days. */
export interface Span {
  readonly start: Day;
  readonly end: Day;
}

const quarterOf = (day: Day): Day => plusMonths(day, -((day.month - 1) % 3));

/** The days of a period, on that day. */
export function spanOf(period: Period, today: Day): Span {
  if (typeof period === "object") return { start: period.first, end: plusDays(period.last, 1) };
  const tomorrow = plusDays(today, 1);
  const monday = plusDays(today, 1 - weekdayOf(today));
  switch (period) {
    case "today":
      return { start: today, end: tomorrow };
    case "7d":
      return { start: plusDays(today, -6), end: tomorrow };
    case "28d":
      return { start: plusDays(today, -27), end: tomorrow };
    case "this-week":
      return { start: monday, end: tomorrow };
    case "last-week":
      return { start: plusDays(monday, -7), end: monday };
    case "this-month":
      return { start: plusMonths(today, 0), end: tomorrow };
    case "last-month":
      return { start: plusMonths(today, -1), end: plusMonths(today, 0) };
    case "this-quarter":
      return { start: quarterOf(today), end: tomorrow };
    case "last-quarter":
      return { start: plusMonths(quarterOf(today), -3), end: quarterOf(today) };
    case "this-year":
      return { start: { year: today.year, month: 1, day: 1 }, end: tomorrow };
  }
}

/** How many days it has. */
export const lengthOf = (span: Span): number => ordinal(span.end) - ordinal(span.start);

/** Whether the period is not over: it has today in it, or days to come. */
export const isRunning = (span: Span, today: Day): boolean => ordinal(span.end) > ordinal(today);

/** What a period is compared with: the server's own "period before", or from one instant to another, in seconds. */
export type Compared = "previous" | { readonly start: number; readonly end: number };

/** Where the period before begins: for a calendar's period the one before it, else as many days earlier. */
function startBefore(period: Period, { start }: Span, days: number): Day {
  switch (period) {
    case "this-week":
      return plusDays(start, -7);
    case "this-month":
      return plusMonths(start, -1);
    case "this-quarter":
      return plusMonths(start, -3);
    case "this-year":
      return plusMonths(start, -12);
    default:
      return plusDays(start, -days);
  }
}

/**
 * What the period is compared with at that instant, in seconds since 1970.
 *
 * A period that is over is compared with the whole one before. One that is running is compared with the one before up to
 * the same time of the same day of it: else a number of this morning would always be less than yesterday's.
 */
export function comparedWith(period: Period, now: number, zone: string): Compared | undefined {
  const { day: today, secondOfDay } = localTime(now, zone);
  const span = spanOf(period, today);
  const before = startBefore(period, span, lengthOf(span));
  if (before.year < YEAR_MIN) return undefined;
  if (!isRunning(span, today)) return "previous";
  const elapsed = ordinal(today) - ordinal(span.start);
  if (elapsed < 0) return undefined;
  const quarterHour = secondOfDay - (secondOfDay % 900);
  const start = instantOf({ day: before, secondOfDay: 0 }, zone);
  const end = instantOf({ day: plusDays(before, elapsed), secondOfDay: quarterHour }, zone);
  const limit = instantOf({ day: span.start, secondOfDay: 0 }, zone);
  return end > start ? { start, end: Math.min(end, limit) } : undefined;
}
