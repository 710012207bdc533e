import { create, type MessageInitShape } from "@bufbuild/protobuf";

import { type Event, EventSchema } from "./gen/telwerk/v1/event_pb.js";
import type { Rejection } from "./gen/telwerk/v1/ingestion_service_pb.js";
import {
  type Batch,
  bytesOf,
  completed,
  judgeAnswer,
  judgeError,
  type Limits,
  Outbox,
  type Outcome,
  type Tally,
} from "./outbox.js";
import { BufferFullError, NotSentError, SenderClosedError } from "./sender_errors.js";
import type { Telwerk } from "./telwerk.js";

/** Senders that are not closed: what they hold is sent before the program ends by itself. */
const OPEN = new Set<EventSender>();

process.on("beforeExit", () => {
  for (const sender of OPEN) {
    sender.close().catch((error: unknown) => process.emitWarning(error instanceof Error ? error : String(error)));
  }
});

/** How a sender works. */
export interface SenderOptions {
  /** See `Limits` for the defaults. */
  limits?: Partial<Limits>;
  /** What `add` does without room: wait for it ("wait", the default), or reject with a `BufferFullError` ("fail"). */
  whenFull?: "wait" | "fail";
  /**
   * Is told of each event that the server will never take, and why; by default a warning is printed. It must not wait for
   * the sender in turn.
   */
  onRejected?: (event: Event, rejection: Rejection) => void;
  /** How many batches are on their way at once, at most: 2. */
  calls?: number;
  /** How long `close` goes on sending: 30,000. */
  closeMs?: number;
}

/**
 * Holds the events of one account, sends them in batches in the background, and keeps on until each is answered.
 *
 *     const sender = new EventSender(telwerk, "acme");
 *     await sender.add(events.rated("chat-1", { widget: "web", at: new Date(), stars: 5 }));
 *     await sender.close();
 *
 * - Batches go by size and by time, see `Limits`.
 * - A server that is away, slow or restarted, or that asks to wait because a quota is used up, is waited for. The same
 *   events are sent again with the same ids, so that nothing is lost and nothing counts twice.
 * - Memory is bounded. Without room, `add` waits for it, or rejects with a `BufferFullError`.
 * - An event that the server refuses is told to `onRejected`.
 * - What sending again cannot mend (a wrong or expired key, an impossible account, a closed client) stops the sender: `add`
 *   and `flush` reject with it, and `close` hands back what was not sent.
 * - `close` sends what is left. So does a program that forgot it when it ends by itself (not by `process.exit`).
 *
 * A sender that has nothing to send keeps no program running. An event must not be changed after it was added.
 */
export class EventSender {
  readonly #telwerk: Telwerk;
  readonly #accountId: string;
  readonly #options: SenderOptions;
  readonly #outbox: Outbox;
  readonly #changes = new Changes();
  readonly #ended = new AbortController();
  readonly #workers: Promise<void>[];
  #flushing = 0;
  #closing: Promise<void> | undefined;

  constructor(telwerk: Telwerk, accountId: string, options: SenderOptions = {}) {
    const calls = options.calls ?? 2;
    if (!(calls >= 1)) throw new RangeError("calls is at least 1");
    this.#telwerk = telwerk;
    this.#accountId = accountId;
    this.#options = options;
    this.#outbox = new Outbox(completed(options.limits ?? {}));
    this.#workers = Array.from({ length: calls }, () => this.#work());
    OPEN.add(this);
  }

  /** What became of the events so far. */
  get tally(): Readonly<Tally> {
    return { ...this.#outbox.tally };
  }

  /** Events that are not answered yet. */
  get heldCount(): number {
    return this.#outbox.heldCount;
  }

  /**
   * Takes the event, to be sent soon. Rejects, without having taken it, with a `BufferFullError` or `SenderClosedError`,
   * with what stopped the sender, or with the reason of the signal.
   */
  async add(given: MessageInitShape<typeof EventSchema>, { signal }: { signal?: AbortSignal } = {}): Promise<void> {
    const event = create(EventSchema, given);
    const bytes = bytesOf(event);
    while (!this.#canTake(bytes)) {
      signal?.throwIfAborted();
      await this.#changes.next({ keepAlive: true, ...(signal === undefined ? {} : { signal }) });
    }
    if (this.#outbox.put(event, bytes, performance.now())) this.#changes.notify();
  }

  /**
   * Sends all that was added before, without waiting for more. True once all of it is answered; false if that took longer
   * than `timeoutMs`: nothing is lost by that, and sending goes on. Rejects with what stopped the sender.
   */
  async flush({ timeoutMs = Infinity }: { timeoutMs?: number } = {}): Promise<boolean> {
    const number = this.#outbox.putCount;
    const end = performance.now() + timeoutMs;
    this.#flushing += 1;
    this.#changes.notify();
    try {
      while (!this.#outbox.settled(number)) {
        if (this.#outbox.stoppedBy !== undefined) throw this.#outbox.stoppedBy;
        const left = end - performance.now();
        if (left <= 0) return false;
        await this.#changes.next({ ms: left, keepAlive: true });
      }
      return true;
    } finally {
      this.#flushing -= 1;
    }
  }

  /**
   * Takes nothing more, and sends all that is left; for at most `timeoutMs`, else `closeMs`. A call that is still on its
   * way then is cancelled. Rejects with a `NotSentError` if not everything was answered. Called again, it waits for the
   * first call's end.
   */
  async close({ timeoutMs = this.#options.closeMs ?? 30_000 }: { timeoutMs?: number } = {}): Promise<void> {
    if (this.#closing !== undefined) return this.#closing.catch(() => undefined);
    this.#closing = this.#close(timeoutMs);
    return this.#closing;
  }

  /** For `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(timeoutMs: number): Promise<void> {
    OPEN.delete(this);
    this.#changes.notify();
    // What went wrong is the cause of the error below.
    await this.flush({ timeoutMs }).catch(() => undefined);
    this.#ended.abort();
    this.#changes.notify();
    await Promise.all(this.#workers);
    const left = this.#outbox.unanswered();
    if (left.length > 0) throw new NotSentError(left, this.#outbox.lastError);
  }

  #canTake(bytes: number): boolean {
    if (this.#closing !== undefined) throw new SenderClosedError("the sender is closed");
    if (this.#outbox.stoppedBy !== undefined) throw this.#outbox.stoppedBy;
    if (this.#outbox.hasRoom(bytes)) return true;
    if (this.#options.whenFull !== "fail") return false;
    throw new BufferFullError(
      `${this.heldCount} events wait for their answer: there is no room for another (bufferEvents, bufferBytes)`,
    );
  }

  async #work(): Promise<void> {
    for (let batch = await this.#next(); batch !== undefined; batch = await this.#next()) {
      const outcome = await this.#sent(batch);
      // Closed meanwhile: it stays unanswered.
      if (outcome === undefined) return;
      // Before the batch is settled, so that after a flush everything was told.
      for (const { event, rejection } of outcome.refused) this.#tell(event, rejection);
      this.#outbox.settle(batch, outcome, performance.now());
      this.#changes.notify();
    }
  }

  /** The next batch, waiting for it; undefined once the sender is closed. */
  async #next(): Promise<Batch | undefined> {
    while (!this.#ended.signal.aborted) {
      const [now, hurry] = [performance.now(), this.#flushing > 0];
      const batch = this.#outbox.take(now, hurry);
      if (batch !== undefined) return batch;
      const ms = this.#outbox.dueMs(now, hurry);
      await this.#changes.next({ ...(ms === undefined ? {} : { ms }), keepAlive: hurry });
    }
    return undefined;
  }

  async #sent(batch: Batch): Promise<Outcome | undefined> {
    const request = { accountId: this.#accountId, events: [...batch.events] };
    try {
      return judgeAnswer(batch, await this.#telwerk.ingestion.ingestEvents(request, { signal: this.#ended.signal }));
    } catch (error) {
      return this.#ended.signal.aborted ? undefined : judgeError(batch, error);
    }
  }

  #tell(event: Event, rejection: Rejection): void {
    const tell = this.#options.onRejected ?? warn;
    try {
      tell(event, rejection);
    } catch (error) {
      // Its own defect must not keep other events from being sent.
      process.emitWarning(`onRejected failed for event ${event.eventId}: ${String(error)}`, "TelwerkWarning");
    }
  }
}

function warn({ eventId, conversationId }: Event, { reason, message }: Rejection): void {
  const text = `event ${eventId} of conversation ${conversationId} is refused: ${reason} ${message}`;
  process.emitWarning(text, "TelwerkWarning");
}

/** Lets several wait for the next change. */
class Changes {
  #waiting = new Set<() => void>();

  /** Wakes all that wait. */
  notify(): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const wake of waiting) wake();
  }

  /** Resolves at the next change, after so long, or when the signal is aborted. Keeps the program running if asked to. */
  next({ ms = 2 ** 30, keepAlive, signal }: { ms?: number; keepAlive: boolean; signal?: AbortSignal }): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", wake);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, Math.min(Math.ceil(ms), 2 ** 30));
      if (!keepAlive) timer.unref();
      signal?.addEventListener("abort", wake);
      this.#waiting.add(wake);
    });
  }
}
