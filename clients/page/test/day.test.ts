/** Days, and where they begin in zones whose clocks are changed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  dayOf,
  instantOf,
  isoOf,
  isZoneKnown,
  localTime,
  ordinal,
  parseDay,
  plusDays,
  plusMonths,
  weekdayOf,
} from "../src/state/day.ts";

const day = (text: string) => parseDay(text) ?? assert.fail(`${text} is no day`);
const utc = (text: string) => Date.parse(text) / 1000;
const instant = (text: string, zone: string) => {
  const [date = "", hour = "0", minute = "0"] = text.split(/[T:]/);
  return instantOf({ day: day(date), secondOfDay: Number(hour) * 3600 + Number(minute) * 60 }, zone);
};

test("a day is one of the calendar, from 2000 to 2199, or none", () => {
  assert.deepEqual(parseDay("2028-02-29"), { year: 2028, month: 2, day: 29 });
  for (const text of [
    "2027-02-29",
    "2026-13-01",
    "2026-00-10",
    "2026-04-31",
    "1999-12-31",
    "2200-01-01",
    "2026-1-1",
    "",
    " 2026-01-01",
  ])
    assert.equal(parseDay(text), undefined, text);
  assert.equal(parseDay(null), undefined);
});

test("days are counted over the ends of months and of leap years", () => {
  assert.equal(isoOf(plusDays(day("2028-02-28"), 2)), "2028-03-01");
  assert.equal(isoOf(plusDays(day("2027-01-01"), -1)), "2026-12-31");
  for (let number = ordinal(day("2000-01-01")); number < ordinal(day("2004-03-02")); number += 1) {
    assert.equal(ordinal(dayOf(number)), number);
    assert.deepEqual(parseDay(isoOf(dayOf(number))), dayOf(number));
  }
});

test("months later or earlier begin on the first", () => {
  assert.equal(isoOf(plusMonths(day("2026-01-31"), 1)), "2026-02-01");
  assert.equal(isoOf(plusMonths(day("2026-01-31"), -1)), "2025-12-01");
  assert.equal(isoOf(plusMonths(day("2026-11-05"), 14)), "2028-01-01");
});

test("weeks begin on Mondays", () => {
  assert.equal(weekdayOf(day("2026-11-30")), 1);
  assert.equal(weekdayOf(day("2026-11-29")), 7);
  assert.equal(weekdayOf({ year: 1969, month: 12, day: 28 }), 7);
});

test("the hour that Amsterdam skips lies as far after two o'clock", () => {
  assert.equal(instant("2026-03-29T00:00", "Europe/Amsterdam"), utc("2026-03-28T23:00Z"));
  assert.equal(instant("2026-03-29T01:59", "Europe/Amsterdam"), utc("2026-03-29T00:59Z"));
  assert.equal(instant("2026-03-29T02:30", "Europe/Amsterdam"), utc("2026-03-29T01:30Z"));
  assert.equal(instant("2026-03-29T03:00", "Europe/Amsterdam"), utc("2026-03-29T01:00Z"));
  assert.equal(instant("2026-03-30T00:00", "Europe/Amsterdam"), utc("2026-03-29T22:00Z"));
});

test("of the hour that Amsterdam has twice the first is meant", () => {
  assert.equal(instant("2026-10-25T02:30", "Europe/Amsterdam"), utc("2026-10-25T00:30Z"));
  assert.equal(instant("2026-10-25T03:00", "Europe/Amsterdam"), utc("2026-10-25T02:00Z"));
  assert.equal(instant("2026-10-26T00:00", "Europe/Amsterdam"), utc("2026-10-25T23:00Z"));
  assert.deepEqual(localTime(utc("2026-10-25T01:30Z"), "Europe/Amsterdam"), {
    day: day("2026-10-25"),
    secondOfDay: 9000,
  });
});

test("a day of Sao Paulo without a midnight begins at one", () => {
  assert.equal(instant("2018-11-04T00:00", "America/Sao_Paulo"), utc("2018-11-04T03:00Z"));
  assert.equal(localTime(utc("2018-11-04T03:00Z"), "America/Sao_Paulo").secondOfDay, 3600);
  assert.equal(instant("2018-02-18T00:00", "America/Sao_Paulo"), utc("2018-02-18T03:00Z"));
  assert.equal(instant("2026-11-04T00:00", "America/Sao_Paulo"), utc("2026-11-04T03:00Z"));
});

test("Kathmandu is three quarters of an hour off", () => {
  assert.equal(instant("2026-06-01T00:00", "Asia/Kathmandu"), utc("2026-05-31T18:15Z"));
  assert.deepEqual(localTime(utc("2026-05-31T18:14Z"), "Asia/Kathmandu"), {
    day: day("2026-05-31"),
    secondOfDay: 86_340,
  });
});

test("the day that Apia left out begins where the next one does", () => {
  const next = utc("2011-12-30T10:00Z");
  assert.equal(instant("2011-12-30T00:00", "Pacific/Apia"), next);
  assert.equal(instant("2011-12-31T00:00", "Pacific/Apia"), next);
  assert.deepEqual(localTime(next, "Pacific/Apia").day, day("2011-12-31"));
  assert.deepEqual(localTime(next - 1, "Pacific/Apia").day, day("2011-12-29"));
});

test("every quarter of an hour is found again on its clock, unless the clock shows it twice", () => {
  for (const zone of ["Europe/Amsterdam", "America/Sao_Paulo", "Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe"])
    for (const around of ["2026-03-29T00:00Z", "2026-10-25T00:00Z", "2026-04-04T15:00Z", "2018-11-04T03:00Z"])
      for (let at = utc(around) - 86_400; at < utc(around) + 86_400; at += 900) {
        const found = instantOf(localTime(at, zone), zone);
        assert.ok(found === at || (found < at && at - found <= 3600), `${zone} ${at} ${found}`);
        assert.deepEqual(localTime(found, zone), localTime(at, zone));
      }
});

test("a zone that the browser does not know is shown as UTC", () => {
  assert.equal(isZoneKnown("Europe/Amsterdam"), true);
  assert.equal(isZoneKnown("Mars/Olympus"), false);
  assert.equal(isZoneKnown(""), false);
  assert.equal(localTime(utc("2026-06-01T12:00Z"), "Mars/Olympus").secondOfDay, 43_200);
});
