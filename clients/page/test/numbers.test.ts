/** How numbers are written, and how they changed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Metric } from "../src/api/catalogue.ts";
import {
  changeOf,
  countText,
  durationText,
  figureText,
  NOT_THERE,
  rateText,
  shortDurationText,
  starsText,
} from "../src/format/numbers.ts";

/** No-break spaces and minus signs as they are typed. */
const plain = (text: string | undefined) => text?.replace(/[\u00a0\u202f]/g, " ").replaceAll("\u2212", "-");
const metric = (figure: Metric["figure"], direction: Metric["direction"] = 0) => ({ figure, direction }) as Metric;

test("durations are told in the largest unit of which there is a whole one", () => {
  assert.equal(plain(durationText(0, "en")), "0 ms");
  assert.equal(plain(durationText(999, "en")), "999 ms");
  assert.equal(plain(durationText(1_000, "en")), "1.0 s");
  assert.equal(plain(durationText(57_500, "de")), "57,5 s");
  assert.equal(plain(durationText(738_000, "nl")), "12,3 min");
  assert.equal(plain(durationText(9_000_000, "en")), "2.5 h");
  assert.equal(plain(durationText(200_000_000, "en")), "2.3 d");
});

test("where there is little room, ten units and more are whole, and whole units stay whole", () => {
  assert.equal(plain(shortDurationText(12_340, "en")), "12 s");
  assert.equal(plain(shortDurationText(1_500, "en")), "1.5 s");
  assert.equal(plain(shortDurationText(60_000, "en")), "1 min");
});

test("numbers are written in the reader's language", () => {
  assert.equal(countText(1_234_567, "en"), "1,234,567");
  assert.equal(countText(1_234_567n, "de"), "1.234.567");
  assert.equal(starsText(4.2, "nl"), "4,20");
  assert.equal(plain(rateText(0.1234, "de")), "12,3 %");
});

test("what is no number is a dash, not a zero", () => {
  for (const figure of ["count", "stars", "duration", "rate"] as const) {
    assert.equal(figureText(figure, undefined, "en"), NOT_THERE);
    assert.equal(figureText(figure, Number.NaN, "en"), NOT_THERE);
  }
  assert.equal(figureText("count", 0, "en"), "0");
});

test("a count changes by a percentage of many, by a number of few", () => {
  assert.equal(plain(changeOf(metric("count"), 150, 100, "en")?.text), "+50.0%");
  assert.equal(plain(changeOf(metric("count"), 50, 100, "en")?.text), "-50.0%");
  assert.equal(plain(changeOf(metric("count"), 8, 4, "en")?.text), "+4");
  assert.equal(plain(changeOf(metric("count"), 1_500, 20, "en")?.text), "+1,480");
});

test("a rate changes by percentage points, a duration by time, stars by stars", () => {
  assert.equal(plain(changeOf(metric("rate"), 0.85, 0.8, "en")?.text), "+5.0 pp");
  assert.equal(plain(changeOf(metric("duration"), 30_000, 35_100, "en")?.text), "-5.1 s");
  assert.equal(plain(changeOf(metric("stars"), 4.5, 4.25, "en")?.text), "+0.25");
});

test("a change is good or bad as the metric's direction says", () => {
  assert.equal(changeOf(metric("duration", -1), 30_000, 35_000, "en")?.verdict, "better");
  assert.equal(changeOf(metric("duration", -1), 35_000, 30_000, "en")?.verdict, "worse");
  assert.equal(changeOf(metric("count", 1), 150, 100, "en")?.verdict, "better");
  assert.equal(changeOf(metric("count", 0), 150, 100, "en")?.verdict, "none");
});

test("there is no change without both numbers", () => {
  assert.equal(changeOf(metric("count"), 5, undefined, "en"), undefined);
  assert.equal(changeOf(metric("rate"), undefined, 0.5, "en"), undefined);
  assert.equal(changeOf(metric("duration"), Number.NaN, 5, "en"), undefined);
});

test("what reads as no change has no sign, and is neither good nor bad", () => {
  const change = changeOf(metric("rate", 1), 0.50001, 0.5, "en");
  assert.deepEqual(change, { text: "\u00b10", verdict: "none" });
});
