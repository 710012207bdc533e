/**
 * Live: a watch tells that the numbers moved, and the view asks for them again.
 *
 * A view has totals, percentiles and rows of several questions, of one moment. Rather than applying changes to each, it asks
 * its questions anew when its watch says that something changed, at most once in `REFRESH_MS`; so that what is shown is
 * always an answer of the server, and memory does not grow with the hours.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { QueryTimeSeriesRequestSchema } from "#stubs/kpi_service_pb.js";
import { streams } from "./clients.ts";
import { type Failure, failureOf } from "./errors.ts";
import { pause } from "./pause.ts";

export type LiveState = "off" | "connecting" | "on" | "lost";

/** At most so often the view is asked for again. */
const REFRESH_MS = 1_000;
/** Without any change, so often: what is complete moves on, and a day may begin. */
const QUIET_MS = 60_000;
/**
 * After so many messages the watch is opened anew: with each one, connect's client leaves half a kilobyte behind until its
 * stream ends (it races each against the same promise), and one looks for hours.
 */
const MESSAGES_MAX = 250;
const RETRY_MS = [500, 1_000, 2_000, 5_000, 10_000, 20_000] as const;

type Query = MessageInitShape<typeof QueryTimeSeriesRequestSchema>;

export interface LiveListener {
  readonly state: (state: LiveState, failure?: Failure) => void;
  /** The numbers may have changed. */
  readonly changed: () => void;
}

/** Watches until the signal; comes back by itself whenever the connection goes. */
export async function watch(query: Query, listener: LiveListener, signal: AbortSignal): Promise<void> {
  const refresh = new Throttle(REFRESH_MS, listener.changed, signal);
  const quiet = setInterval(refresh.soon, QUIET_MS);
  signal.addEventListener("abort", () => clearInterval(quiet), { once: true });
  let failures = 0;
  listener.state("connecting");
  while (!signal.aborted) {
    try {
      const isFull = await follow(query, signal, () => {
        listener.state("on");
        failures = 0;
        refresh.soon();
      });
      if (isFull) continue;
      failures += 1;
      if (!signal.aborted) listener.state("lost");
    } catch (thrown) {
      if (signal.aborted) return;
      const failure = failureOf(thrown);
      listener.state("lost", failure);
      // A refused question is refused again; a key is asked for by the view's own questions.
      if (failure.kind === "refused") return;
      failures += 1;
      if (failure.kind === "key" || failure.kind === "permission") refresh.soon();
    }
    await pause(RETRY_MS[Math.min(failures - 1, RETRY_MS.length - 1)] ?? 500, signal);
  }
}

/** Opens one watch; returns when it ends, with whether that was for its number of messages. */
async function follow(query: Query, signal: AbortSignal, told: () => void): Promise<boolean> {
  const ending = new AbortController();
  signal.addEventListener("abort", () => ending.abort(), { signal: ending.signal });
  let count = 0;
  try {
    const asked = { accountId: query.accountId ?? "", query };
    for await (const _ of streams.watchTimeSeries(asked, { signal: ending.signal })) {
      told();
      count += 1;
      if (count === MESSAGES_MAX) break;
    }
  } finally {
    ending.abort();
  }
  return count === MESSAGES_MAX;
}

/** Calls soon, but not more often than that. */
class Throttle {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private last = 0;

  constructor(
    private readonly ms: number,
    private readonly call: () => void,
    private readonly signal: AbortSignal,
  ) {}

  readonly soon = (): void => {
    if (this.timer !== undefined || this.signal.aborted) return;
    this.timer = setTimeout(
      () => {
        this.timer = undefined;
        this.last = Date.now();
        if (!this.signal.aborted) this.call();
      },
      Math.max(0, this.last + this.ms - Date.now()),
    );
  };
}
