/** The steps of a scenario that are about an `EventSender`. */

import { isDeepStrictEqual } from "node:util";

import {
  BufferFullError,
  EventSender,
  type Limits,
  NotSentError,
  SenderClosedError,
  type Telwerk,
} from "../src/index.js";
import { eventOf, type Told } from "./building.js";

/** Of a step. */
export interface SenderStep {
  sender: "open" | "add" | "flush" | "close" | "tally";
  accountId?: string;
  options?: Partial<Limits> & { whenFull?: "block" | "fail"; calls?: number };
  build?: Told[];
  timeoutMs?: number;
  error?: { code: string };
  tally?: { taken: number; rejected: number };
  rejected?: Rejected[];
  unsent?: string[];
}

interface Rejected {
  eventId: string;
  reason: string;
  field: string;
}

const FLUSH_MS = 60_000;

/** The one sender of a run. */
export class Sending {
  #sender: EventSender | undefined;
  #told: Rejected[] = [];

  /** Does what the step says, and compares what the sender says of it. */
  async play(telwerk: Telwerk, step: SenderStep): Promise<void> {
    if (step.sender === "open") return this.#open(telwerk, step);
    const sender = this.#sender;
    if (sender === undefined) throw new Error("no sender is open");
    let unsent: string[] = [];
    try {
      await act(sender, step);
      if (step.error !== undefined) throw new Error(`expected ${step.error.code}`);
    } catch (error) {
      if (error instanceof NotSentError) unsent = error.events.map(({ eventId }) => eventId).sort();
      else if (step.error?.code !== codeOf(error)) throw error;
      else return;
    }
    const { accepted, duplicate, rejected } = sender.tally;
    compare(step.tally, { taken: accepted + duplicate, rejected });
    compare(step.rejected, [...this.#told].sort((one, other) => (one.eventId < other.eventId ? -1 : 1)));
    compare(step.unsent, unsent);
  }

  /** Ends it, whatever is left in it. */
  async end(): Promise<void> {
    await this.#sender?.close({ timeoutMs: 0 }).catch(() => undefined);
  }

  #open(telwerk: Telwerk, { accountId = "", options: { whenFull, calls, ...limits } = {} }: SenderStep): void {
    this.#told = [];
    this.#sender = new EventSender(telwerk, accountId, {
      limits,
      whenFull: whenFull === "fail" ? "fail" : "wait",
      ...(calls === undefined ? {} : { calls }),
      onRejected: ({ eventId }, { reason, field }) => this.#told.push({ eventId, reason, field }),
    });
  }
}

async function act(sender: EventSender, { sender: what, build = [], timeoutMs = FLUSH_MS }: SenderStep): Promise<void> {
  if (what === "add") for (const told of build) await sender.add(eventOf(told));
  if (what === "flush" && !(await sender.flush({ timeoutMs }))) throw new Error("the flush took too long");
  if (what === "close") await sender.close({ timeoutMs });
}

function codeOf(error: unknown): string | undefined {
  if (error instanceof BufferFullError) return "BUFFER_FULL";
  return error instanceof SenderClosedError ? "CLOSED" : undefined;
}

function compare(expected: unknown, got: unknown): void {
  if (expected !== undefined && !isDeepStrictEqual(expected, got)) {
    throw new Error(`  expected ${JSON.stringify(expected)}\n  got      ${JSON.stringify(got)}`);
  }
}
