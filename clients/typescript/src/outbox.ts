import { create, toBinary } from "@bufbuild/protobuf";
import { status } from "@grpc/grpc-js";

import { Backoff } from "./backoff.js";
import { isTransient, TelwerkError } from "./errors.js";
import { type Event, EventSchema } from "./gen/telwerk/v1/event_pb.js";
import {
  type IngestEventsResponse,
  type Rejection,
  RejectionSchema,
  Verdict,
} from "./gen/telwerk/v1/ingestion_service_pb.js";

/** How a sender batches, and how much it holds. */
export interface Limits {
  /** A batch goes as soon as it has so many events: 1,000. */
  batchEvents: number;
  /** Or so many bytes: 1 MiB. */
  batchBytes: number;
  /** Or as soon as its first event has waited for so long: 200. */
  lingerMs: number;
  /** Of events that are not answered yet there are never more: 20,000. */
  bufferEvents: number;
  /** Nor more than about so many bytes: 16 MiB. */
  bufferBytes: number;
}

/** What became of the events so far. */
export interface Tally {
  accepted: number;
  duplicate: number;
  rejected: number;
}

/** Events that are sent together. */
export interface Batch {
  events: readonly Event[];
  bytes: number;
  /** The place of its oldest event among all that were ever put, from 1. */
  first: number;
}

/** What became of a batch that was sent. */
export interface Outcome {
  accepted: number;
  duplicate: number;
  refused: readonly { event: Event; rejection: Rejection }[];
  /** What of it is still to be answered. */
  again: readonly Batch[];
  error?: unknown;
  /** Nothing was learnt: wait before the next batch. */
  pause?: boolean;
  /** Sending again cannot mend the error. */
  final?: boolean;
}

const DEFAULTS: Limits = {
  batchEvents: 1_000,
  batchBytes: 2 ** 20,
  lingerMs: 200,
  bufferEvents: 20_000,
  bufferBytes: 2 ** 24,
};

/** The limits, with the defaults where nothing is given; throws a `RangeError` if they make no sense. */
export function completed(given: Partial<Limits>): Limits {
  const limits = { ...DEFAULTS, ...given };
  if (!(Math.min(limits.batchEvents, limits.batchBytes) >= 1 && limits.lingerMs >= 0)) {
    throw new RangeError("batchEvents and batchBytes are at least 1, and lingerMs is not negative");
  }
  if (!(limits.bufferEvents >= limits.batchEvents && limits.bufferBytes >= limits.batchBytes)) {
    throw new RangeError("bufferEvents and bufferBytes have room for a batch at least");
  }
  return limits;
}

/**
 * What is to be sent and not yet answered: the part of an `EventSender` that neither waits nor sends.
 *
 * Nothing leaves but by an answer. A batch that failed is sent again with the same events and ids, so that nothing counts
 * twice. A batch that the server refuses as a whole is halved until the event at fault stands alone.
 */
export class Outbox {
  readonly tally: Tally = { accepted: 0, duplicate: 0, rejected: 0 };
  /** The last error of a call. */
  lastError: unknown;
  /** Why nothing more can be sent: a key that is refused, say. */
  stoppedBy: unknown;
  /** Events that were ever put. */
  putCount = 0;
  /** Events that are not answered yet. */
  heldCount = 0;

  readonly #limits: Limits;
  readonly #onTheWay = new Set<Batch>();
  readonly #backoff = new Backoff();
  #waiting: { event: Event; bytes: number; since: number }[] = [];
  #waitingBytes = 0;
  #heldBytes = 0;
  #again: Batch[] = [];
  #notBefore = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Whether the event can be put. One that is larger than all the room can, while there is nothing else. */
  hasRoom(bytes: number): boolean {
    if (this.heldCount === 0) return true;
    return this.heldCount < this.#limits.bufferEvents && this.#heldBytes + bytes <= this.#limits.bufferBytes;
  }

  /** Holds the event until it is answered; `hasRoom` was asked before. Whether a batch is due at another time now. */
  put(event: Event, bytes: number, now: number): boolean {
    this.#waiting.push({ event, bytes, since: now });
    this.#waitingBytes += bytes;
    this.putCount += 1;
    this.heldCount += 1;
    this.#heldBytes += bytes;
    return this.#waiting.length === 1 || this.#isFullBatch();
  }

  /** After how long there is a batch to take; undefined where nothing waits, or all has stopped. */
  dueMs(now: number, hurry: boolean): number | undefined {
    const [oldest] = this.#waiting;
    if (this.stoppedBy !== undefined || (this.#again.length === 0 && oldest === undefined)) return undefined;
    let due = this.#notBefore;
    if (this.#again.length === 0 && oldest !== undefined && !hurry && !this.#isFullBatch()) {
      due = Math.max(due, oldest.since + this.#limits.lingerMs);
    }
    return Math.max(0, due - now);
  }

  /** The next batch to send, if one is due; on its way from then on. */
  take(now: number, hurry: boolean): Batch | undefined {
    if (this.dueMs(now, hurry) !== 0) return undefined;
    const batch = this.#again.shift() ?? this.#newBatch();
    this.#onTheWay.add(batch);
    return batch;
  }

  /** What became of a batch. */
  settle(batch: Batch, outcome: Outcome, now: number): void {
    this.#onTheWay.delete(batch);
    this.#again.unshift(...outcome.again);
    this.heldCount -= batch.events.length - outcome.again.reduce((sum, rest) => sum + rest.events.length, 0);
    this.#heldBytes -= batch.bytes - outcome.again.reduce((sum, rest) => sum + rest.bytes, 0);
    this.tally.accepted += outcome.accepted;
    this.tally.duplicate += outcome.duplicate;
    this.tally.rejected += outcome.refused.length;
    this.lastError = outcome.error ?? this.lastError;
    if (outcome.final === true) this.stoppedBy = outcome.error;
    if (outcome.pause === true) this.#notBefore = now + this.#backoff.failed(outcome.error);
    else this.#backoff.reset();
  }

  /** Whether the first `number` events that were ever put are all answered. */
  settled(number: number): boolean {
    const waitingFirst = this.putCount - this.#waiting.length + 1;
    return (
      [...this.#again, ...this.#onTheWay].every((batch) => batch.first > number) &&
      (this.#waiting.length === 0 || waitingFirst > number)
    );
  }

  /** All events that are held. */
  unanswered(): Event[] {
    const sent = [...this.#again, ...this.#onTheWay].flatMap((batch) => batch.events);
    return [...sent, ...this.#waiting.map(({ event }) => event)];
  }

  #isFullBatch(): boolean {
    return this.#waiting.length >= this.#limits.batchEvents || this.#waitingBytes >= this.#limits.batchBytes;
  }

  /** Of the oldest that wait; at least one, however large. */
  #newBatch(): Batch {
    let count = 0;
    let bytes = 0;
    for (const waiting of this.#waiting) {
      if (count === this.#limits.batchEvents || (count > 0 && bytes + waiting.bytes > this.#limits.batchBytes)) break;
      count += 1;
      bytes += waiting.bytes;
    }
    const first = this.putCount - this.#waiting.length + 1;
    const events = this.#waiting.splice(0, count).map(({ event }) => event);
    this.#waitingBytes -= bytes;
    return { events, bytes, first };
  }
}

/** The bytes of an event in a request. */
export function bytesOf(event: Event): number {
  return toBinary(EventSchema, event).length;
}

/** What an answer means for a batch. Only events with a verdict are answered; where there are fewer, the rest goes again. */
export function judgeAnswer(batch: Batch, answer: IngestEventsResponse): Outcome {
  const verdicts = answer.verdicts.slice(0, batch.events.length);
  if (verdicts.length === 0) {
    return { ...NOTHING, again: [batch], error: new Error("the server's answer has no verdicts"), pause: true };
  }
  const rejections = new Map(answer.rejections.map((rejection) => [rejection.index, rejection]));
  const refused = batch.events.flatMap((event, index) => {
    if (verdicts[index] !== Verdict.REJECTED) return [];
    return [{ event, rejection: rejections.get(index) ?? create(RejectionSchema, { index, eventId: event.eventId }) }];
  });
  const rest = batch.events.slice(verdicts.length);
  return {
    accepted: verdicts.filter((verdict) => verdict === Verdict.ACCEPTED).length,
    duplicate: verdicts.filter((verdict) => verdict === Verdict.DUPLICATE).length,
    refused,
    again: rest.length > 0 ? [part(batch, rest)] : [],
  };
}

/** What an error means for a batch. */
export function judgeError(batch: Batch, error: unknown): Outcome {
  if (isTransient(error)) return { ...NOTHING, again: [batch], error, pause: true };
  if (error instanceof TelwerkError && isOfEvents(error)) return halved(batch, error);
  return { ...NOTHING, again: [batch], error, final: true };
}

const NOTHING = { accepted: 0, duplicate: 0, refused: [] };

/** Whether the events are to blame: not where the account itself cannot be. */
function isOfEvents({ code, violations }: TelwerkError): boolean {
  if (code === status.RESOURCE_EXHAUSTED) return true;
  return code === status.INVALID_ARGUMENT && !violations.some(({ field }) => field === "account_id");
}

/** The server refuses the batch whatever its state: which event is to blame shows when it stands alone. */
function halved(batch: Batch, error: TelwerkError): Outcome {
  const [event, ...others] = batch.events;
  if (event === undefined || others.length > 0) {
    const middle = batch.events.length >> 1;
    const halves = [part(batch, batch.events.slice(0, middle)), part(batch, batch.events.slice(middle))];
    return { ...NOTHING, again: halves, error };
  }
  const withoutReason = error.code === status.RESOURCE_EXHAUSTED ? "LIMIT_EXCEEDED" : "INVALID_REQUEST";
  const rejection = create(RejectionSchema, {
    eventId: event.eventId,
    reason: error.reason === "" ? withoutReason : error.reason,
    field: error.violations[0]?.field ?? "",
    message: error.message,
  });
  return { ...NOTHING, refused: [{ event, rejection }], again: [], error };
}

function part({ first }: Batch, events: readonly Event[]): Batch {
  return { events, bytes: events.reduce((sum, event) => sum + bytesOf(event), 0), first };
}
