/** Which days a period has, and what it is fairly compared with. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isoOf, parseDay } from "../src/state/day.ts";
import { comparedWith, lengthOf, type Period, PRESETS, spanOf } from "../src/state/period.ts";

const day = (text: string) => parseDay(text) ?? assert.fail(`${text} is no day`);
const utc = (text: string) => Date.parse(text) / 1000;
const span = (period: Period, today: string) => {
  const { start, end } = spanOf(period, day(today));
  return `${isoOf(start)}/${isoOf(end)}`;
};

test("the days of each named period, on a Sunday that ends a week", () => {
  const today = "2026-11-29";
  assert.equal(span("today", today), "2026-11-29/2026-11-30");
  assert.equal(span("7d", today), "2026-11-23/2026-11-30");
  assert.equal(span("28d", today), "2026-11-02/2026-11-30");
  assert.equal(span("this-week", today), "2026-11-23/2026-11-30");
  assert.equal(span("last-week", today), "2026-11-16/2026-11-23");
  assert.equal(span("this-month", today), "2026-11-01/2026-11-30");
  assert.equal(span("last-month", today), "2026-10-01/2026-11-01");
  assert.equal(span("this-quarter", today), "2026-10-01/2026-11-30");
  assert.equal(span("last-quarter", today), "2026-07-01/2026-10-01");
  assert.equal(span("this-year", today), "2026-01-01/2026-11-30");
});

test("they reach back over New Year", () => {
  assert.equal(span("last-month", "2027-01-01"), "2026-12-01/2027-01-01");
  assert.equal(span("last-quarter", "2027-01-01"), "2026-10-01/2027-01-01");
  assert.equal(span("last-week", "2027-01-01"), "2026-12-21/2026-12-28");
});

test("chosen days are both in the period", () => {
  const period = { first: day("2026-02-28"), last: day("2026-03-01") };
  assert.equal(span(period, "2026-11-29"), "2026-02-28/2026-03-02");
  assert.equal(lengthOf(spanOf(period, day("2026-11-29"))), 2);
});

test("a period that is over is compared with the server's own period before", () => {
  for (const period of ["last-week", "last-month", "last-quarter"] as const)
    assert.equal(comparedWith(period, utc("2026-11-29T12:00Z"), "UTC"), "previous");
});

test("one that is running is compared with the one before up to the same time of day", () => {
  const now = utc("2026-11-29T12:20Z");
  assert.deepEqual(comparedWith("today", now, "UTC"), {
    start: utc("2026-11-28T00:00Z"),
    end: utc("2026-11-28T12:15Z"),
  });
  assert.deepEqual(comparedWith("7d", now, "UTC"), { start: utc("2026-11-16T00:00Z"), end: utc("2026-11-22T12:15Z") });
  assert.deepEqual(comparedWith("this-month", now, "UTC"), {
    start: utc("2026-10-01T00:00Z"),
    end: utc("2026-10-29T12:15Z"),
  });
});

test("the same time of day is that of the clock, also on the days when it is changed", () => {
  const noon = utc("2026-03-29T10:00Z");
  assert.deepEqual(comparedWith("today", noon, "Europe/Amsterdam"), {
    start: utc("2026-03-27T23:00Z"),
    end: utc("2026-03-28T11:00Z"),
  });
  const evening = utc("2026-10-25T19:00Z");
  assert.deepEqual(comparedWith("today", evening, "Europe/Amsterdam"), {
    start: utc("2026-10-23T22:00Z"),
    end: utc("2026-10-24T18:00Z"),
  });
});

test("the end of a long month is not compared with days of the same month", () => {
  assert.deepEqual(comparedWith("this-month", utc("2026-03-31T12:00Z"), "UTC"), {
    start: utc("2026-02-01T00:00Z"),
    end: utc("2026-03-01T00:00Z"),
  });
});

test("just after midnight, and before a period begins, there is nothing to compare", () => {
  assert.equal(comparedWith("today", utc("2026-11-29T00:05Z"), "UTC"), undefined);
  assert.equal(
    comparedWith({ first: day("2026-12-01"), last: day("2026-12-02") }, utc("2026-11-29T12:00Z"), "UTC"),
    undefined,
  );
});

test("nothing is compared with days before the year 2000, which the server refuses", () => {
  const now = utc("2026-11-29T12:00Z");
  const from = (first: string, last: string) => comparedWith({ first: day(first), last: day(last) }, now, "UTC");
  assert.equal(from("2000-01-01", "2000-01-31"), undefined);
  assert.equal(from("2000-02-01", "2000-02-29"), "previous");
  assert.equal(from("2000-01-01", "2199-12-30"), undefined);
});

test("what is compared lies before the period, whatever the period, the zone and the hour", () => {
  for (const zone of ["Europe/Amsterdam", "America/Sao_Paulo", "Asia/Kathmandu", "Pacific/Apia", "UTC"])
    for (const period of PRESETS)
      for (let now = utc("2026-03-27T00:00Z"); now < utc("2026-04-02T00:00Z"); now += 5 * 3600 + 900) {
        const compared = comparedWith(period, now, zone);
        if (compared === undefined || compared === "previous") continue;
        assert.ok(compared.start < compared.end && compared.end <= now, `${zone} ${period} ${now}`);
        assert.equal(compared.end % 900, 0);
      }
});
