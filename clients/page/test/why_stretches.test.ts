/** Where an explanation looks: in the stretches of time that have facts, unless they are most of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConversationExplanation } from "#stubs/kpi_service_pb.js";
import { together } from "../src/views/why_pages.ts";
import { stretchesOf } from "../src/views/why_stretches.ts";

const HOURS = Array.from({ length: 24 }, (_, hour) => hour * 3_600);
const DAY = 86_400;

test("hours that touch are one stretch, the last one ends with the period", () => {
  assert.deepEqual(stretchesOf(HOURS, DAY, [1, 2, 5, 23]), [
    { start: 3_600, end: 10_800 },
    { start: 18_000, end: 21_600 },
    { start: 82_800, end: DAY },
  ]);
  assert.deepEqual(stretchesOf(HOURS, DAY, []), []);
});

test("where facts are in most of the hours, the period is looked through as a whole", () => {
  const first = (count: number) => HOURS.slice(0, count).map((_, hour) => hour);
  assert.notEqual(stretchesOf(HOURS, DAY, first(12)), undefined);
  assert.equal(stretchesOf(HOURS, DAY, first(13)), undefined);
});

test("a conversation that was found in two stretches is listed once, with all of its facts", () => {
  const found = (conversationId: string, ...counted: readonly string[]) =>
    ({ conversationId, counted, heldBack: [], leftOut: [] }) as unknown as ConversationExplanation;
  const listed = together([found("a", "1"), found("b", "2"), found("a", "3")]);
  assert.deepEqual(listed, [found("a", "1", "3"), found("b", "2")]);
});
