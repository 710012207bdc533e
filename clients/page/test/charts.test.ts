/** Round numbers at the edges of charts, and lengths in readable steps. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Granularity } from "#stubs/kpi_service_pb.js";
import { heatLevel } from "../src/charts/heat_map.tsx";
import { lengthsOf } from "../src/charts/lengths.ts";
import { scaleOf } from "../src/charts/scale.ts";
import { timeTicks } from "../src/charts/time_ticks.ts";
import { bucketTexts, isoText } from "../src/format/times.ts";

const utc = (text: string) => Date.parse(text) / 1000;
const range = (from: string, seconds: number, count: number) =>
  Array.from({ length: count }, (_, place) => utc(from) + place * seconds);
const scaleTexts = (figure: Parameters<typeof scaleOf>[0], high: number, most = 5) => {
  const { ticks, text } = scaleOf(figure, high, most, "en");
  return ticks.map((tick) => text(tick).replaceAll("\u00a0", " "));
};

test("no two numbers of a scale read the same, and the largest of the chart is within it", () => {
  for (const figure of ["count", "stars", "duration", "rate"] as const)
    for (let high = figure === "rate" ? 0.0004 : 1; high < (figure === "rate" ? 20 : 1e10); high *= 1.37)
      for (const most of [1, 2, 4.8, 7]) {
        const { ticks, text } = scaleOf(figure, figure === "count" ? Math.ceil(high) : high, most, "en");
        assert.equal(new Set(ticks.map(text)).size, ticks.length, `${figure} ${high} ${ticks.map(text)}`);
        assert.ok(
          (ticks.length >= 2 && ticks.length <= most + 2) || figure === "stars",
          `${figure} ${high} ${most}: ${ticks.length}`,
        );
        if (figure !== "stars") assert.ok((ticks.at(-1) ?? 0) >= high * (1 - 1e-6) || figure === "count");
      }
});

test("counts have whole steps, durations whole units, rates whole percents", () => {
  assert.deepEqual(scaleTexts("count", 2), ["0", "1", "2"]);
  assert.deepEqual(scaleTexts("count", 98), ["0", "20", "40", "60", "80", "100"]);
  assert.deepEqual(scaleTexts("duration", 138_000), ["0 s", "30 s", "60 s", "90 s", "120 s", "150 s"]);
  assert.deepEqual(scaleTexts("duration", 7_000_000), ["0 min", "30 min", "60 min", "90 min", "120 min"]);
  assert.deepEqual(scaleTexts("rate", 0.93), ["0%", "20%", "40%", "60%", "80%", "100%"]);
});

test("a chart without any number has a scale all the same", () => {
  for (const high of [0, Number.NaN, -1, Number.POSITIVE_INFINITY])
    assert.deepEqual(scaleOf("count", high, 5, "en").ticks, [0, 1]);
});

test("a month of days is named by its Mondays, a week of hours by its days", () => {
  const days = timeTicks(range("2026-11-02T00:00Z", 86_400, 28), Granularity.DAY, "UTC", 800, "en");
  assert.deepEqual(days.places, [0, 7, 14, 21]);
  assert.match(days.texts[0] ?? "", /^Mon,? 2 Nov$/);
  const hours = timeTicks(range("2026-11-02T00:00Z", 3600, 168), Granularity.HOUR, "UTC", 900, "en");
  assert.deepEqual(hours.places, [0, 24, 48, 72, 96, 120, 144]);
});

test("a year of quarter-hours is named by its months", () => {
  const starts = range("2026-01-01T00:00Z", 900, 35_040);
  const { places } = timeTicks(starts, Granularity.QUARTER_HOUR, "UTC", 800, "en");
  for (const place of places) assert.match(isoText(starts[place] ?? 0, "UTC"), /-01T00:00:00/);
});

test("on a phone there are fewer, and they stay apart", () => {
  for (const [granularity, seconds, count] of [
    [Granularity.QUARTER_HOUR, 900, 96],
    [Granularity.HOUR, 3600, 48],
    [Granularity.HOUR, 3600, 168],
    [Granularity.DAY, 86_400, 28],
    [Granularity.DAY, 86_400, 92],
    [Granularity.WEEK, 604_800, 53],
    [Granularity.QUARTER_HOUR, 900, 35_040],
    [Granularity.HOUR, 3600, 8760],
  ] as const)
    for (const width of [250, 320, 800, 1600]) {
      const { places, texts } = timeTicks(range("2026-11-02T00:00Z", seconds, count), granularity, "UTC", width, "de");
      assert.ok(places.length >= 1 && places.length === texts.length);
      const gaps = places.slice(1).map((place, index) => ((place - (places[index] ?? 0)) * width) / count);
      assert.ok(
        gaps.every((gap) => gap > 35),
        `${granularity} ${count} at ${width}: ${texts}`,
      );
    }
});

test("hours are named on round hours of the clock, also where it is changed", () => {
  const starts = range("2026-10-24T22:00Z", 3600, 25);
  const { places } = timeTicks(starts, Granularity.HOUR, "Europe/Amsterdam", 500, "en");
  assert.ok(places.includes(0));
  assert.ok(
    places.every((place) => Number(isoText(starts[place] ?? 0, "Europe/Amsterdam").slice(11, 13)) % 3 === 0),
    `${places}`,
  );
});

test("of an hour that the clock shows twice each has its offset", () => {
  const names = bucketTexts(range("2026-10-25T00:00Z", 3600, 3), Granularity.HOUR, "Europe/Amsterdam", "en");
  assert.equal(new Set(names).size, 3);
  assert.match(names[0] ?? "", /02:00 \(GMT\+02:00\)$/);
  assert.match(names[1] ?? "", /02:00 \(GMT\+01:00\)$/);
  assert.match(names[2] ?? "", /03:00$/);
});

test("instants in files have the offset of their zone", () => {
  assert.equal(isoText(utc("2026-03-28T23:00Z"), "Europe/Amsterdam"), "2026-03-29T00:00:00+01:00");
  assert.equal(isoText(utc("2026-03-29T01:00Z"), "Europe/Amsterdam"), "2026-03-29T03:00:00+02:00");
  assert.equal(isoText(utc("2026-06-01T00:00Z"), "Asia/Kathmandu"), "2026-06-01T05:45:00+05:45");
  assert.equal(isoText(utc("2026-06-01T00:00Z"), "America/Sao_Paulo"), "2026-05-31T21:00:00-03:00");
  assert.equal(isoText(utc("2026-06-01T00:00Z"), "America/St_Johns"), "2026-05-31T21:30:00-02:30");
});

test("lengths are added up, from the shortest step that has any to the longest", () => {
  const lengths = lengthsOf([
    { lower: 0, count: 1n },
    { lower: 4_990, count: 2n },
    { lower: 5_000, count: 3n },
    { lower: 70_000, count: 4n },
  ]);
  assert.deepEqual(
    lengths.map(({ from, count }) => [from, count]),
    [
      [0, 1],
      [1_000, 0],
      [2_000, 2],
      [5_000, 3],
      [10_000, 0],
      [15_000, 0],
      [30_000, 0],
      [60_000, 4],
    ],
  );
  assert.equal(lengths.at(-1)?.upTo, 1);
  assert.deepEqual(lengthsOf([]), []);
  assert.equal(lengthsOf([{ lower: 1e12, count: 1n }])[0]?.to, undefined);
});

test("the hottest is the deepest, nothing is none, and rates begin at their least", () => {
  assert.equal(heatLevel(10, 0, 10), 8);
  assert.equal(heatLevel(0, 0, 10), 0);
  assert.equal(heatLevel(0.01, 0, 10), 1);
  assert.equal(heatLevel(Number.NaN, 0, 10), 0);
  assert.equal(heatLevel(0.7, 0.7, 0.9), 1);
  assert.equal(heatLevel(0.9, 0.7, 0.9), 8);
  assert.equal(heatLevel(0.5, 0.5, 0.5), 8);
});
