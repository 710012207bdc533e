/** Waiting between two attempts: it ends by time, by the network, or by the signal, and leaves nothing behind. */
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { pause } from "../src/api/pause.ts";

const HOUR_MS = 3_600_000;

function waiting(ms: number) {
  const [ending, network] = [new AbortController(), new EventTarget()];
  const ended = pause(ms, ending.signal, network);
  const left = () => [...getEventListeners(ending.signal, "abort"), ...getEventListeners(network, "online")].length;
  return { ending, network, ended, left };
}

test("whatever ends a wait, none of its listeners is left", async () => {
  const [byTime, byNetwork, bySignal] = [waiting(1), waiting(HOUR_MS), waiting(HOUR_MS)];
  assert.equal(byNetwork.left(), 2);
  byNetwork.network.dispatchEvent(new Event("online"));
  bySignal.ending.abort();
  for (const each of [byTime, byNetwork, bySignal]) {
    await each.ended;
    assert.equal(each.left(), 0);
  }
});

test("what was ended before is not waited for", async () => {
  const ended = AbortSignal.abort();
  await pause(HOUR_MS, ended, new EventTarget());
  assert.equal(getEventListeners(ended, "abort").length, 0);
});
