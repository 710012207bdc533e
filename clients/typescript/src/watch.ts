import { setTimeout as sleep } from "node:timers/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";

import { Backoff } from "./backoff.js";
import { isTransient } from "./errors.js";
import type {
  KpiService,
  QueryTimeSeriesResponse,
  WatchTimeSeriesRequestSchema,
} from "./gen/telwerk/v1/kpi_service_pb.js";
import type { ServiceClient } from "./service_client.js";
import { Watched } from "./watched.js";

/** How to watch. */
export interface WatchOptions {
  /** How long a server that went away is waited for, from when the connection was lost: 60,000. */
  patienceMs?: number;
  /** Ends it. */
  signal?: AbortSignal;
}

const PATIENCE_MS = 60_000;

/** See `Telwerk.watch`. */
export async function* watch(
  kpis: ServiceClient<typeof KpiService>,
  request: MessageInitShape<typeof WatchTimeSeriesRequestSchema>,
  { patienceMs = PATIENCE_MS, ...options }: WatchOptions,
): AsyncGenerator<QueryTimeSeriesResponse> {
  const reopening = new Reopening(patienceMs);
  for (;;) {
    const watched = new Watched(request.query?.sparse ?? false);
    let broken: unknown;
    try {
      for await (const { update } of kpis.watchTimeSeries(request, options)) {
        reopening.answered();
        if (update.case !== undefined) yield watched.update(update);
      }
    } catch (error) {
      broken = error;
    }
    if (options.signal?.aborted === true) throw broken ?? options.signal.reason;
    await sleep(reopening.pauseMs(broken, performance.now()), undefined, options);
  }
}

/** Whether, and after how long, a watch that broke is opened again. */
class Reopening {
  readonly #patienceMs: number;
  readonly #backoff = new Backoff();
  #everAnswered = false;
  #brokenAt: number | undefined;

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /** An update came. */
  answered(): void {
    this.#everAnswered = true;
    this.#brokenAt = undefined;
    this.#backoff.reset();
  }

  /**
   * How long to wait after a break, or an end that nobody asked for (undefined). Throws the error where opening again is
   * of no use: it never worked, nothing would get better, or the server has been away for too long.
   */
  pauseMs(error: unknown, now: number): number {
    if (error !== undefined && !isTransient(error)) throw error;
    this.#brokenAt ??= now;
    const pause = this.#backoff.failed(error);
    const impatient = now + pause > this.#brokenAt + this.#patienceMs;
    if (error !== undefined && (!this.#everAnswered || impatient)) throw error;
    return pause;
  }
}
