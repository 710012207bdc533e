/** How instants are written: in the account's time zone, by the reader's language. */
import { Granularity } from "#stubs/kpi_service_pb.js";
import { type Day, isZoneKnown, ordinal, plusDays } from "../state/day.ts";
import type { Span } from "../state/period.ts";

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

/** An instant to the second. */
export const instantText = (seconds: number, zone: string, language: string): string =>
  format(language, zone, {
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
