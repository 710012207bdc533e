/** Which buckets are named below a chart: as many as there is room for, on round hours and days. Pure. */
import { Granularity } from "#stubs/kpi_service_pb.js";
import { tickText } from "../format/times.ts";
import { type LocalTime, localTime, ordinal, weekdayOf } from "../state/day.ts";

export interface TimeTicks {
  /** The buckets that are named, by index. */
  readonly places: readonly number[];
  readonly texts: readonly string[];
}

type Level = (time: LocalTime) => boolean;

const midnight: Level = ({ secondOfDay }) => secondOfDay === 0;
const everySeconds =
  (seconds: number): Level =>
  ({ secondOfDay }) =>
    secondOfDay % seconds === 0;
const everyDays =
  (days: number): Level =>
  ({ day, secondOfDay }) =>
    secondOfDay === 0 && ordinal(day) % days === 0;
// A Monday, of every so many weeks. 1970-01-05 was one.
const everyWeeks =
  (weeks: number): Level =>
  ({ day, secondOfDay }) =>
    secondOfDay === 0 && weekdayOf(day) === 1 && ((ordinal(day) - 4) / 7) % weeks === 0;
const everyMonths =
  (months: number): Level =>
  ({ day, secondOfDay }) =>
    secondOfDay === 0 && day.day === 1 && (day.month - 1) % months === 0;
const everyYears =
  (years: number): Level =>
  ({ day, secondOfDay }) =>
    secondOfDay === 0 && day.day === 1 && day.month === 1 && day.year % years === 0;

const HOURS = [1, 2, 3, 6, 12].map((hours) => everySeconds(hours * 3600));
/** Coarser than days: by weeks, so that the same weekdays are named. */
const WEEKS = [everyWeeks(1), everyWeeks(2), everyMonths(1), everyMonths(3)];
const YEARS = [everyMonths(12), ...[2, 5, 10, 20, 50].map(everyYears)];

/** From the finest to the coarsest. */
const LEVELS: Readonly<Partial<Record<Granularity, readonly Level[]>>> = {
  [Granularity.QUARTER_HOUR]: [
    everySeconds(900),
    everySeconds(1800),
    ...HOURS,
    everyDays(1),
    everyDays(2),
    ...WEEKS,
    ...YEARS,
  ],
  [Granularity.HOUR]: [...HOURS, everyDays(1), everyDays(2), ...WEEKS, ...YEARS],
  [Granularity.DAY]: [everyDays(1), ...WEEKS, ...YEARS],
  [Granularity.WEEK]: [everyWeeks(1), everyWeeks(2), everyWeeks(4), everyWeeks(13), everyWeeks(26), everyWeeks(52)],
  [Granularity.MONTH]: [everyMonths(1), everyMonths(2), everyMonths(3), everyMonths(6), ...YEARS],
  [Granularity.QUARTER]: [everyMonths(3), everyMonths(6), ...YEARS],
  [Granularity.YEAR]: [everyMonths(12), ...[2, 5, 10, 20, 50].map(everyYears)],
};

const GLYPH_PX = 6.6;
const GAP_PX = 14;
/** What is free to the right of the chart. */
const EDGE_PX = 8;

/** Buckets at even steps, for where the calendar's steps leave fewer than two. */
function evenly(length: number, most: number): number[] {
  const step = Math.max(1, Math.ceil(length / Math.max(1, most)));
  return Array.from({ length: Math.ceil(length / step) }, (_, place) => place * step);
}

/** Without the last name if it would reach beyond the chart's right edge. */
function within({ places, texts }: TimeTicks, length: number, width: number): TimeTicks {
  const [place, text] = [places.at(-1) ?? 0, texts.at(-1) ?? ""];
  const room = width - ((place + 0.5) * width) / Math.max(1, length) + EDGE_PX;
  if (places.length < 2 || room >= (text.length * GLYPH_PX) / 2) return { places, texts };
  return { places: places.slice(0, -1), texts: texts.slice(0, -1) };
}

/** @param width of the chart, in pixels. */
export function timeTicks(
  starts: readonly number[],
  granularity: Granularity,
  zone: string,
  width: number,
  language: string,
): TimeTicks {
  // A day may begin at one o'clock, where clocks are put forward at midnight: it is a day's bucket all the same.
  const isOfDays = granularity >= Granularity.DAY;
  const times = starts.map((start) => ({ ...localTime(start, zone), ...(isOfDays && { secondOfDay: 0 }) }));
  const isDaily = (places: readonly number[]) => places.every((place) => midnight(times[place] as LocalTime));
  const textsOf = (places: readonly number[]) => {
    const withHours = !isDaily(places);
    return places.map((place) => tickText(starts[place] as number, granularity, withHours, zone, language));
  };
  const room = (places: readonly number[]) => {
    const longest = Math.max(...textsOf(places).map((text) => text.length)) * GLYPH_PX + GAP_PX;
    const gap = Math.min(...places.slice(1).map((place, index) => place - (places[index] as number)));
    return (gap * width) / starts.length >= longest;
  };
  for (const level of LEVELS[granularity] ?? []) {
    const places = times.flatMap((time, place) => (level(time) ? [place] : []));
    if (places.length < 2) break;
    if (room(places)) return within({ places, texts: textsOf(places) }, starts.length, width);
  }
  const places = evenly(starts.length, Math.floor(width / 110));
  return within({ places, texts: textsOf(places) }, starts.length, width);
}
