/** Days of the Gregorian calendar, and where they begin in a time zone. Pure: nothing here reads a clock. */

/** A day of the calendar. */
export interface Day {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  /** 1 to 31. */
  readonly day: number;
}

const MS_OF_DAY = 86_400_000;

/** The number of days since 1970-01-01. */
export const ordinal = (day: Day): number => Date.UTC(day.year, day.month - 1, day.day) / MS_OF_DAY;

/** The day of that number. */
export function dayOf(number: number): Day {
  const date = new Date(number * MS_OF_DAY);
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() };
}

/** So many days later, or earlier. */
export const plusDays = (day: Day, days: number): Day => dayOf(ordinal(day) + days);

/** The first of the month so many months later, or earlier. */
export function plusMonths(day: Day, months: number): Day {
  const months0 = day.year * 12 + day.month - 1 + months;
  return { year: Math.floor(months0 / 12), month: (((months0 % 12) + 12) % 12) + 1, day: 1 };
}

/** 1 for Monday to 7 for Sunday. */
export const weekdayOf = (day: Day): number => ((((ordinal(day) + 3) % 7) + 7) % 7) + 1;

/** The day as ISO 8601 writes it. */
export function isoOf(day: Day): string {
  const two = (number: number) => String(number).padStart(2, "0");
  return `${String(day.year).padStart(4, "0")}-${two(day.month)}-${two(day.day)}`;
}

/** The day that ISO 8601 writes so, if it is one from 2000 to 2199, as the server takes them. */
export function parseDay(text: string | null | undefined): Day | undefined {
  const match = /^(2[01]\d\d)-(\d\d)-(\d\d)$/.exec(text ?? "");
  if (!match) return undefined;
  const [year, month, day] = match.slice(1).map(Number) as [number, number, number];
  const parsed = dayOf(Date.UTC(year, month - 1, day) / MS_OF_DAY);
  return parsed.month === month && parsed.day === day ? parsed : undefined;
}

const ZONES = new Map<string, boolean>();

/** Whether the browser knows the time zone. */
export function isZoneKnown(zone: string): boolean {
  let isKnown = ZONES.get(zone);
  if (isKnown === undefined) {
    // There is no cheaper way to ask.
    try {
      new Intl.DateTimeFormat("en", { timeZone: zone });
      isKnown = true;
    } catch {
      isKnown = false;
    }
    ZONES.set(zone, isKnown);
  }
  return isKnown;
}

const CLOCKS = new Map<string, Intl.DateTimeFormat>();

function clockOf(zone: string): Intl.DateTimeFormat {
  let clock = CLOCKS.get(zone);
  if (!clock) {
    clock = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    CLOCKS.set(zone, clock);
  }
  return clock;
}

/** What a calendar and a clock on the wall show. */
export interface LocalTime {
  readonly day: Day;
  readonly secondOfDay: number;
}

/** What they show in the zone at that instant, in seconds since 1970; in UTC if the browser does not know the zone. */
export function localTime(seconds: number, zone: string): LocalTime {
  const parts = clockOf(isZoneKnown(zone) ? zone : "UTC").formatToParts(seconds * 1000);
  const read = (type: Intl.DateTimeFormatPartTypes) => Number(parts.find((part) => part.type === type)?.value ?? 0);
  return {
    day: { year: read("year"), month: read("month"), day: read("day") },
    secondOfDay: read("hour") * 3600 + read("minute") * 60 + read("second"),
  };
}

/** The instant at which they show it: the earlier one of two; where it is skipped, as far after the gap's beginning. */
export function instantOf({ day, secondOfDay }: LocalTime, zone: string): number {
  const wanted = ordinal(day) * 86_400 + secondOfDay;
  const offsetAt = (seconds: number) => {
    const local = localTime(seconds, zone);
    return ordinal(local.day) * 86_400 + local.secondOfDay - seconds;
  };
  const before = offsetAt(wanted - 86_400);
  const after = offsetAt(wanted + 86_400);
  const found = [wanted - before, wanted - after].filter((at) => at + offsetAt(at) === wanted);
  return found.length > 0 ? Math.min(...found) : wanted - before;
}
