/** A view and its address are each other's inverse. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDay } from "../src/state/day.ts";
import { PRESETS } from "../src/state/period.ts";
import {
  addressOf,
  CHARTS,
  DIMENSIONS,
  GRANULARITIES,
  LANGUAGES,
  SPLITS,
  searchIn,
  searchOf,
  VIEWS,
  type View,
  viewOf,
} from "../src/state/view.ts";

/** Ids that look like markup, formulas, control sequences, parts of an address; right to left, and long. */
const IDS = [
  "a",
  "",
  "nobody",
  "<b>&amp;",
  "=1+1",
  "a&operator=b",
  "a#b?c",
  "100%",
  "a b+c",
  "\u202eabc",
  "\u001b[31m",
  "עברית",
  "😀",
  `{"stars":5}`,
  "x".repeat(128),
] as const;
const [first, last] = [parseDay("2026-10-25"), parseDay("2026-11-01")];

/** Always the same choices, one after another. */
function* choices(): Generator<number> {
  for (let state = 7; ; state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) yield state / 2_147_483_648;
}

test("whatever is looked at, its address shows it again", () => {
  const source = choices();
  const one = <T>(of: readonly T[]): T => of[Math.floor((source.next().value ?? 0) * of.length)] as T;
  for (let round = 0; round < 400; round += 1) {
    const view: View = {
      ...viewOf("", one(LANGUAGES)),
      view: one(VIEWS),
      account: one(IDS),
      period: first && last && one([true, false]) ? { first, last } : one(PRESETS),
      granularity: one(GRANULARITIES),
      filters: Object.fromEntries(
        DIMENSIONS.filter(() => one([true, false])).map((name) => [name, [...new Set([one(IDS), one(IDS)])]]),
      ),
      metric: one(IDS),
      chart: one(CHARTS),
      split: one([...SPLITS, ""] as const),
      by: one(["operator", "group", "widget"] as const),
      sort: one(["", "name", "messages"]),
      ascending: one([true, false]),
      top: one([1, 20, 1000]),
      floor: one([1, 50]),
      columns: [...new Set([one(IDS), one(IDS)])],
      picked: [...new Set([one(IDS), one(IDS)])],
      at: one([undefined, { start: 1_793_000_700, end: 1_793_001_600 }]),
      term: one([0, 2]),
      leftOut: one([true, false]),
      live: one([true, false]),
    };
    const search = searchOf(view);
    assert.deepEqual(viewOf(search, "en"), view);
    assert.equal(searchOf(viewOf(search, "en")), search);
  }
});

test("what an address says wrongly is the default", () => {
  const plain = viewOf("", "en");
  for (const search of [
    "?view=nothing",
    "?period=century",
    "?from=2026-02-30&to=2026-03-01",
    "?from=2026-03-02&to=2026-03-01",
    "?granularity=second",
    "?chart=pie",
    "?split=hour",
    "?top=0",
    "?top=1001",
    "?top=1e3",
    "?floor=-1",
    "?floor=x",
    "?at=5-5",
    "?at=9-1",
    "?at=abc",
    "?term=-1",
    "?left-out=yes",
    "?live=yes",
    "?language=fr",
    "?by=topic",
  ])
    assert.deepEqual(viewOf(search, "en"), plain, search);
});

test("the same id twice is one", () => {
  assert.deepEqual(viewOf("?operator=a&operator=b&operator=a", "en").filters, { operator: ["a", "b"] });
});

test("an address that servers would refuse is kept from them, and says the same", () => {
  const ids = Array.from({ length: 1_000 }, (_, place) => `operator-${place} & more`);
  const long = { ...viewOf("?account=a&period=28d", "en"), filters: { operator: ids } };
  const url = new URL(addressOf(long), "http://localhost");
  assert.equal(url.search, "");
  assert.deepEqual(viewOf(searchIn(url), "en"), long);
  const short = new URL(addressOf({ ...long, filters: {} }), "http://localhost");
  assert.equal(short.hash, "");
  assert.deepEqual(viewOf(searchIn(short), "en"), { ...long, filters: {} });
});
