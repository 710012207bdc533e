/** How one metric can be looked at, and in which steps. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Dimension, Granularity } from "#stubs/kpi_service_pb.js";
import type { Metric } from "../src/api/catalogue.ts";
import { stepsOf } from "../src/api/slice.ts";
import { parseDay, plusDays } from "../src/state/day.ts";
import { chartsOf, lookOf, splitsOf } from "../src/views/metric_asked.ts";

const metric = (figure: Metric["figure"], ...dimensions: Dimension[]) =>
  ({ figure, dimensions: new Set([Dimension.OPERATOR, ...dimensions]), values: [] }) as unknown as Metric;

test("a metric offers the charts that it has", () => {
  assert.deepEqual(chartsOf(metric("count")), ["line", "bar", "table", "week"]);
  assert.deepEqual(chartsOf(metric("stars", Dimension.VALUE)), ["line", "bar", "table", "values", "week"]);
  assert.deepEqual(chartsOf(metric("duration")), ["line", "bar", "table", "week", "percentiles"]);
});

test("an address that asks for another one is shown the line", () => {
  assert.equal(lookOf(metric("count"), { chart: "percentiles", split: "" }).chart, "line");
  assert.equal(lookOf(metric("duration"), { chart: "values", split: "" }).chart, "line");
  assert.equal(lookOf(metric("duration"), { chart: "percentiles", split: "" }).chart, "percentiles");
});

test("single topics come before sets of them, answers before questions", () => {
  const topics = metric("count", Dimension.VALUE, Dimension.TOPIC);
  assert.deepEqual(splitsOf(topics), ["topic", "value"]);
  assert.deepEqual(splitsOf(metric("count", Dimension.VALUE, Dimension.QUESTION)), ["value", "question"]);
  assert.equal(lookOf(topics, { chart: "values", split: "" }).split, "topic");
  assert.equal(lookOf(topics, { chart: "values", split: "value" }).split, "value");
  assert.equal(lookOf(topics, { chart: "values", split: "question" }).split, "topic");
});

test("automatic steps leave enough to see a course, and few enough to read", () => {
  const start = parseDay("2026-01-01") ?? assert.fail();
  const steps = (days: number) => stepsOf("auto", { start, end: plusDays(start, days) });
  assert.deepEqual([1, 2, 3, 7, 92, 93, 366, 1000, 4000].map(steps), [
    Granularity.HOUR,
    Granularity.HOUR,
    Granularity.DAY,
    Granularity.DAY,
    Granularity.DAY,
    Granularity.WEEK,
    Granularity.WEEK,
    Granularity.MONTH,
    Granularity.YEAR,
  ]);
  assert.equal(stepsOf("quarter", { start, end: plusDays(start, 1) }), Granularity.QUARTER);
});
