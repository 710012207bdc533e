/** What a number is made of, and which of it is listed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { ExplainCountResponseSchema } from "#stubs/kpi_service_pb.js";
import { textOfValue } from "../src/state/value.ts";
import { isAllOf, listedIn, partsOf, shownOf } from "../src/views/why_parts.ts";
import { assigned, CATALOGUE, fiveStars, METRICS } from "./metrics.ts";

const told = (parts: ReturnType<typeof partsOf>) => parts.map((part) => [part.metric.id, part.place, part.filters]);

test("a KPI is made of its own facts", () => {
  const filters = { operator: ["a"] };
  assert.deepEqual(told(partsOf(METRICS.responses, CATALOGUE, filters)), [["response_time", "number", filters]]);
});

test("facts that stand above and below a rate's line are listed once", () => {
  assert.deepEqual(told(partsOf(METRICS.answerRate, CATALOGUE, {})), [
    ["live_conversations_answered", "both", {}],
    ["unanswered_live_conversations", "below", {}],
  ]);
});

test("a term has its own value", () => {
  const filters = { group: ["g"] };
  assert.deepEqual(told(partsOf(METRICS.offlineRate, CATALOGUE, filters)), [
    ["offline_assignments", "above", { group: ["g"], value: [textOfValue(assigned)] }],
    ["offline_assignments", "below", filters],
  ]);
});

test("what only the KPI above the line has narrows it alone", () => {
  const filters = { operator: ["a"], value: [textOfValue(fiveStars)] };
  assert.deepEqual(told(partsOf(METRICS.ratingRate, CATALOGUE, filters)), [
    ["satisfaction_score", "above", filters],
    ["conversations_received", "below", { operator: ["a"] }],
  ]);
});

test("a term that the catalogue lacks is left out", () => {
  const rate = { ...METRICS.answerRate, terms: { above: undefined, below: METRICS.answerRate.terms?.below ?? [] } };
  assert.equal(partsOf(rate, { ...CATALOGUE, metrics: new Map() }, {}).length, 0);
});

const { conversations } = create(ExplainCountResponseSchema, {
  conversations: [
    { conversationId: "counted", counted: [{ eventId: "1" }, { eventId: "2" }], leftOut: [{ eventId: "3" }] },
    { conversationId: "held", heldBack: [{ eventId: "1" }] },
    { conversationId: "left out", leftOut: [{ eventId: "1" }, { eventId: "2" }] },
  ],
});
const shownIds = (leftOut: boolean) => shownOf(conversations, leftOut).map((each) => each.conversationId);

test("what is counted or held back is listed apart from what is left out", () => {
  assert.deepEqual(listedIn(conversations), { counted: 2, heldBack: 1, leftOut: 3 });
  assert.deepEqual(shownIds(false), ["counted", "held"]);
  assert.deepEqual(shownIds(true), ["counted", "left out"]);
});

test("all is listed when the counted, the held back and the unexplainable add up to the number", () => {
  const listed = (unexplainable: number) => ({ conversations, unexplainable });
  assert.equal(isAllOf(listed(0), { counted: 2, heldBack: 1 }), true);
  assert.equal(isAllOf(listed(0), { counted: 3, heldBack: 1 }), false);
  assert.equal(isAllOf(listed(1), { counted: 3, heldBack: 1 }), true);
  assert.equal(isAllOf(listed(0), { counted: 2, heldBack: 2 }), false);
  assert.equal(isAllOf({ conversations: [], unexplainable: 0 }, { counted: 0, heldBack: 0 }), true);
});
