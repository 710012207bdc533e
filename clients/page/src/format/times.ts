/** How instants are written: in the account's time zone, by the reader's language. */
import { Granularity, type QueryTotalsResponse } from "#stubs/kpi_service_pb.js";
import { type Day, isoOf, isZoneKnown, localTime, ordinal, plusDays } from "../state/day.ts";
import type { Span } from "../state/period.ts";

export type ComparedPeriod = QueryTotalsResponse["comparedPeriod"];

const FORMATS = new Map<string, Intl.DateTimeFormat>();

function format(language: string, zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = language + zone + JSON.stringify(options);
  const known = FORMATS.get(key);
  if (known) return known;
  const made = new Intl.DateTimeFormat(localeOf(language), { timeZone: isZoneKnown(zone) ? zone : "UTC", ...options });
  FORMATS.set(key, made);
  return made;
}

/** English as it is written where chats are: 24 hours, the day before the month. */
const localeOf = (language: string): string => (language === "en" ? "en-GB" : language);

const NAMED: Readonly<Record<number, Intl.DateTimeFormatOptions>> = {
  [Granularity.QUARTER_HOUR]: { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
  [Granularity.HOUR]: { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
  [Granularity.DAY]: { weekday: "short", day: "numeric", month: "short", year: "numeric" },
  [Granularity.WEEK]: { day: "numeric", month: "short", year: "numeric" },
  [Granularity.MONTH]: { month: "long", year: "numeric" },
  [Granularity.YEAR]: { year: "numeric" },
};

/** What a bucket is called, by its first instant. */
export function bucketText(seconds: number, granularity: Granularity, zone: string, language: string): string {
  if (granularity === Granularity.QUARTER) {
    const parts = format(language, zone, { month: "numeric", year: "numeric" }).formatToParts(seconds * 1000);
    const read = (type: string) => parts.find((part) => part.type === type)?.value ?? "";
    return `Q${Math.ceil(Number(read("month")) / 3)} ${read("year")}`;
  }
  return format(language, zone, NAMED[granularity] ?? {}).format(seconds * 1000);
}

/** What it is called below a chart, where there is little room; midnight is called by its day. */
export function tickText(
  seconds: number,
  granularity: Granularity,
  withHours: boolean,
  zone: string,
  language: string,
): string {
  if (granularity >= Granularity.QUARTER) return bucketText(seconds, granularity, zone, language);
  if (granularity === Granularity.MONTH)
    return format(language, zone, { month: "short", year: "numeric" }).format(seconds * 1000);
  if (withHours && localTime(seconds, zone).secondOfDay !== 0)
    return format(language, zone, { hour: "2-digit", minute: "2-digit" }).format(seconds * 1000);
  const weekday = granularity === Granularity.WEEK ? {} : { weekday: "short" as const };
  return format(language, zone, { ...weekday, day: "numeric", month: "short" }).format(seconds * 1000);
}

/** What each bucket is called; where a clock shows the same hour twice, with its offset from UTC. */
export function bucketTexts(
  starts: readonly number[],
  granularity: Granularity,
  zone: string,
  language: string,
): readonly string[] {
  const names = starts.map((start) => bucketText(start, granularity, zone, language));
  const times = new Map<string, number>();
  for (const name of names) times.set(name, (times.get(name) ?? 0) + 1);
  const offset = (start: number) =>
    format(language, zone, { timeZoneName: "longOffset" })
      .formatToParts(start * 1000)
      .find((part) => part.type === "timeZoneName")?.value ?? "";
  return names.map((name, place) =>
    (times.get(name) ?? 0) > 1 ? `${name} (${offset(starts[place] as number)})` : name,
  );
}

/** A range of instants: by its days where it begins and ends with them. */
export function rangeText(start: number, end: number, zone: string, language: string): string {
  const [first, last] = [localTime(start, zone), localTime(end, zone)];
  if (first.secondOfDay === 0 && last.secondOfDay === 0) return spanText({ start: first.day, end: last.day }, language);
  return instantsText(start, end, zone, language);
}

/** The period that a number is compared with, as the server gives it back; empty if there is none. */
export function comparedText(period: ComparedPeriod, zone: string, language: string): string {
  const start = period?.bucketStartSeconds[0];
  return start === undefined ? "" : rangeText(Number(start), Number(period?.endSeconds), zone, language);
}

/** An instant as ISO 8601 has it, on the zone's clock with its offset, for files that programs read. */
export function isoText(seconds: number, zone: string): string {
  const { day, secondOfDay } = localTime(seconds, zone);
  const offset = Math.round((ordinal(day) * 86_400 + secondOfDay - seconds) / 60);
  const two = (number: number) => String(Math.floor(number)).padStart(2, "0");
  const clock = [secondOfDay / 3600, (secondOfDay / 60) % 60, secondOfDay % 60].map(two).join(":");
  const sign = offset < 0 ? "-" : "+";
  return `${isoOf(day)}T${clock}${sign}${two(Math.abs(offset) / 60)}:${two(Math.abs(offset) % 60)}`;
}

/** An instant to the second. */
export const instantText = (seconds: number, zone: string, language: string): string =>
  format(language, zone, {
    weekday: "short",
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  }).format(seconds * 1000);

/** An instant to the minute, as of "complete until". */
export const minuteText = (seconds: number, zone: string, language: string): string =>
  format(language, zone, {
    weekday: "short",
    day: "numeric",
    month: "short",
    hour: "2-digit",
    minute: "2-digit",
  }).format(seconds * 1000);

const at = (day: Day) => ordinal(day) * 86_400_000;

/** A range of days, both named: 3–9 Nov 2026. */
export function spanText({ start, end }: Span, language: string): string {
  const dates = format(language, "UTC", { weekday: "short", day: "numeric", month: "short", year: "numeric" });
  return dates.formatRange(at(start), at(plusDays(end, -1)));
}

/** From one instant to another, the day's whole where they are. */
export const instantsText = (start: number, end: number, zone: string, language: string): string =>
  format(language, zone, {
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
  }).formatRange(start * 1000, end * 1000);

/** The weekday's name, 1 for Monday. */
export const weekdayText = (weekday: number, language: string, width: "short" | "long" = "short"): string =>
  // 1970-01-05 was a Monday.
  format(language, "UTC", { weekday: width }).format((weekday + 3) * 86_400_000);
