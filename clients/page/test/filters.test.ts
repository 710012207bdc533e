/** How filters change, what they offer, and what may have a name in them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { NameKind } from "#stubs/display_name_pb.js";
import { ValueSchema } from "#stubs/kpi_service_pb.js";
import { findChoices, offeredDimensions } from "../src/api/choices.ts";
import { namedInFilters } from "../src/api/names.ts";
import { missingDimensions } from "../src/api/slice.ts";
import { chosenIn, toggled } from "../src/state/filters.ts";
import { textOfValue } from "../src/state/value.ts";
import { viewOf } from "../src/state/view.ts";
import { CATALOGUE, fiveStars, METRICS, metricOf } from "./metrics.ts";

test("an id is added, and taken away again; nobody is an id", () => {
  const one = toggled({}, "operator", "");
  assert.deepEqual(one, { operator: [""] });
  const two = toggled(toggled(one, "operator", "a"), "widget", "w");
  assert.deepEqual(chosenIn(two), [
    { dimension: "operator", id: "" },
    { dimension: "operator", id: "a" },
    { dimension: "widget", id: "w" },
  ]);
  assert.deepEqual(toggled(two, "operator", ""), { operator: ["a"], widget: ["w"] });
  assert.deepEqual(toggled({ operator: ["a"] }, "operator", "a"), {});
});

test("values, topics and questions are offered of one metric alone", () => {
  const view = (search: string) => viewOf(search, "en");
  const usual = ["operator", "group", "widget"];
  assert.deepEqual(offeredDimensions(view("?view=overview"), METRICS.topics), usual);
  assert.deepEqual(offeredDimensions(view("?view=compare"), METRICS.topics), usual);
  assert.deepEqual(offeredDimensions(view("?view=metric"), undefined), usual);
  assert.deepEqual(offeredDimensions(view("?view=metric"), METRICS.topics), [...usual, "value", "topic"]);
  assert.deepEqual(offeredDimensions(view("?view=why"), METRICS.stars), [...usual, "value"]);
});

test("values that the catalogue knows are found by any part of their name, without a call", async () => {
  const stars = metricOf("satisfaction_score", {
    values: [1, 5].map((count) => ({
      $typeName: "telwerk.v1.ValueInfo",
      value: create(ValueSchema, { kind: { case: "stars", value: count } }),
      displayName: `${count} Stars`,
      description: "",
    })),
  });
  const wanted = { accountId: "a", catalogue: CATALOGUE, dimension: "value" as const, metric: stars, nobody: "" };
  const find = async (typed: string) =>
    (await findChoices({ ...wanted, typed }, new AbortController().signal)).choices.map((choice) => choice.id);
  assert.deepEqual(await find("star"), ['{"stars":1}', '{"stars":5}']);
  assert.deepEqual(await find("5 s"), ['{"stars":5}']);
  assert.deepEqual(await find("goal"), []);
});

test("a filter by values of another kind is one that a metric cannot be filtered by", () => {
  const byStars = { value: [textOfValue(fiveStars)] };
  assert.deepEqual(missingDimensions(METRICS.stars, byStars), []);
  assert.deepEqual(missingDimensions(METRICS.topics, byStars), ["value"]);
  assert.deepEqual(missingDimensions(METRICS.received, { operator: ["a"], topic: ["t"], ...byStars }).toSorted(), [
    "topic",
    "value",
  ]);
});

test("names are looked for of every id in a filter, once each, but not of nobody", () => {
  const answer = textOfValue(
    create(ValueSchema, { kind: { case: "answer", value: { questionId: "q", optionId: "o" } } }),
  );
  const topics = textOfValue(create(ValueSchema, { kind: { case: "topics", value: { topicIds: ["t", "u"] } } }));
  assert.deepEqual(
    namedInFilters({ operator: ["", "a"], topic: ["t"], value: [answer, topics, "no value", '{"stars":5}'] }, 9),
    [
      { kind: NameKind.OPERATOR, id: "a", questionId: "" },
      { kind: NameKind.TOPIC, id: "t", questionId: "" },
      { kind: NameKind.QUESTION, id: "q", questionId: "" },
      { kind: NameKind.OPTION, id: "o", questionId: "q" },
      { kind: NameKind.TOPIC, id: "u", questionId: "" },
    ],
  );
  assert.equal(namedInFilters({ widget: ["a", "b", "c"] }, 2).length, 2);
});
