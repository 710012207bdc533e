/** Which columns and rows "compare" has, and in which order. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { OrderMeasure, QueryTotalsResponseSchema } from "#stubs/kpi_service_pb.js";
import { viewOf } from "../src/state/view.ts";
import {
  barsOf,
  columnsOf,
  comparableMetrics,
  filterWithout,
  inOrderOfNames,
  orderOf,
  PICKED_MAX,
  pickedWith,
  type Row,
  sortedBy,
  sortedColumn,
  tableOf,
} from "../src/views/compare_rows.ts";
import { CATALOGUE, METRICS } from "./metrics.ts";

const view = viewOf("?view=compare&account=a", "en");
const ids = (metrics: readonly { readonly id: string }[]) => metrics.map((metric) => metric.id);

test("columns are the usual ones, or those chosen in the chosen order, as far as there are any", () => {
  const all = comparableMetrics(CATALOGUE, "operator", {});
  assert.deepEqual(ids(columnsOf(view, all)), [
    "conversations_received",
    "live_answer_rate",
    "unanswered_live_conversations",
    "response_time",
    "satisfaction_score",
  ]);
  const chosen = { ...view, columns: ["rating_rate", "nothing", "live_answer_rate"] };
  assert.deepEqual(ids(columnsOf(chosen, all)), ["rating_rate", "live_answer_rate"]);
  assert.deepEqual(ids(columnsOf({ ...view, columns: ["nothing"] }, all)), ids(columnsOf(view, all)));
});

test("a metric that the filter cannot narrow is no column", () => {
  const byTopic = comparableMetrics(CATALOGUE, "operator", { topic: ["x"] });
  assert.deepEqual(ids(byTopic), ["conversation_topics"]);
  assert.deepEqual(ids(columnsOf(view, byTopic)), ["conversation_topics"]);
  const fiveStars = comparableMetrics(CATALOGUE, "operator", { value: ['{"stars":5}'] });
  assert.deepEqual(ids(fiveStars), ["satisfaction_score", "rating_rate"]);
});

test("the server is asked for the number that a column shows", () => {
  assert.deepEqual(orderOf(METRICS.received, false), {
    measure: OrderMeasure.COUNT,
    descending: true,
    kpiId: "conversations_received",
  });
  assert.deepEqual(orderOf(METRICS.responses, true), {
    measure: OrderMeasure.PERCENTILE,
    descending: false,
    kpiId: "response_time",
    percentile: 0.5,
  });
  assert.equal(orderOf(METRICS.stars, false).measure, OrderMeasure.MEAN);
  assert.equal(orderOf(METRICS.answerRate, false).measure, OrderMeasure.RATE);
  assert.deepEqual(orderOf(undefined, true), { measure: OrderMeasure.KEY, descending: false });
});

test("the first column sorts, unless another one of them or the names were chosen", () => {
  const columns = [METRICS.received, METRICS.stars];
  assert.equal(sortedColumn(view, columns), METRICS.received);
  assert.equal(sortedColumn({ ...view, sort: METRICS.stars.id }, columns), METRICS.stars);
  assert.equal(sortedColumn({ ...view, sort: "no_column" }, columns), METRICS.received);
  assert.equal(sortedColumn({ ...view, sort: "name" }, columns), undefined);
});

test("a heading sorts from the largest on, then from the smallest; names from A", () => {
  assert.deepEqual(sortedBy(view, "a", "b"), { sort: "b", ascending: false, metric: "b" });
  assert.deepEqual(sortedBy(view, "b", "b"), { sort: "b", ascending: true, metric: "b" });
  assert.deepEqual(sortedBy({ ...view, ascending: true }, "b", "b"), { sort: "b", ascending: false, metric: "b" });
  assert.deepEqual(sortedBy(view, "b", "name"), { sort: "name", ascending: true });
});

test("the rest is what the filter keeps without the rows that are there", () => {
  assert.deepEqual(filterWithout({ widget: ["w"] }, "operator", ["a", ""]), {
    widgets: { anyOf: ["w"] },
    operators: { noneOf: ["a", ""] },
  });
  assert.deepEqual(filterWithout({ operator: ["a", "b"] }, "operator", ["a"]), { operators: { anyOf: ["b"] } });
  assert.equal(filterWithout({ operator: ["a"] }, "operator", ["a"]), undefined);
});

const answer = (totals: readonly { id?: string; kpi: string; count: bigint; rest?: boolean }[]) =>
  create(QueryTotalsResponseSchema, {
    totals: totals.map(({ id, kpi, count, rest = false }) => ({
      kpiId: kpi,
      count,
      rest,
      ...(id !== undefined && { key: { operatorId: id } }),
    })),
  });

test("rows of several answers are one each, in the order of the first, and so is the rest", () => {
  const { rows, rest } = tableOf(
    [
      answer([
        { id: "b", kpi: "x", count: 9n },
        { id: "", kpi: "x", count: 3n },
        { kpi: "x", count: 4n, rest: true },
      ]),
      answer([
        { id: "", kpi: "y", count: 1n },
        { id: "c", kpi: "y", count: 2n },
        { id: "b", kpi: "y", count: 5n },
      ]),
      answer([{ kpi: "y", count: 7n, rest: true }]),
    ],
    "operator",
  );
  assert.deepEqual(
    rows.map((row) => row.id),
    ["b", "", "c"],
  );
  assert.deepEqual(
    rows.map((row) => [row.totals.get("x")?.count, row.totals.get("y")?.count]),
    [
      [9n, 5n],
      [3n, 1n],
      [undefined, 2n],
    ],
  );
  assert.deepEqual([rest?.totals.get("x")?.count, rest?.totals.get("y")?.count], [4n, 7n]);
});

test("a rest of which nothing is counted is none", () => {
  assert.equal(tableOf([answer([{ kpi: "x", count: 0n, rest: true }])], "operator").rest, undefined);
});

const rowOf = (id: string, number: number, kpi = METRICS.received.id): Row => ({
  id,
  totals: new Map(
    create(QueryTotalsResponseSchema, {
      totals: [{ kpiId: kpi, count: BigInt(Math.round(number)), mean: number }],
    }).totals.map((total) => [kpi, total]),
  ),
});

test("bars are by the largest number, and by the place among the stars", () => {
  const bars = barsOf([rowOf("a", 10), rowOf("b", 5), { id: "c", totals: new Map() }], METRICS.received);
  assert.deepEqual(
    [...bars],
    [
      ["a", 1],
      ["b", 0.5],
      ["c", 0],
    ],
  );
  assert.deepEqual([...barsOf([rowOf("a", 0)], METRICS.received)], [["a", 0]]);
  assert.deepEqual([...barsOf([rowOf("a", 3, METRICS.stars.id)], METRICS.stars)], [["a", 0.5]]);
});

test("names are sorted as the reader's language does, numbers in them as numbers", () => {
  const names = ["Zoë", "operator 10", "Émile", "operator 9", "äpfel"];
  const rows = names.map((name) => rowOf(name, 1));
  const sorted = inOrderOfNames(rows, (row) => row.id, "de", true).map((row) => row.id);
  assert.deepEqual(sorted, ["äpfel", "Émile", "operator 9", "operator 10", "Zoë"]);
  assert.deepEqual(
    inOrderOfNames(rows, (row) => row.id, "de", false).map((row) => row.id),
    sorted.toReversed(),
  );
});

test("no more rows are overlaid than a chart has colours", () => {
  const full = Array.from({ length: PICKED_MAX }, (_, place) => String(place));
  assert.deepEqual(pickedWith(full, "more"), full);
  assert.deepEqual(
    pickedWith(full, "3"),
    full.filter((id) => id !== "3"),
  );
  assert.deepEqual(pickedWith(["a"], ""), ["a", ""]);
});
