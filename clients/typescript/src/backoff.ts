import { TelwerkError } from "./errors.js";

const FIRST_MS = 100;
const MAX_MS = 5_000;

/**
 * How long to wait before trying again: twice as long each time, up to five seconds, and by chance up to half less, which
 * keeps many clients of a server that comes back from calling it at once.
 */
export class Backoff {
  #ms = 0;

  /** It went well. */
  reset(): void {
    this.#ms = 0;
  }

  /** Milliseconds to wait now; at least as long as the server asks for. */
  failed(error: unknown): number {
    this.#ms = Math.min(Math.max(FIRST_MS, 2 * this.#ms), MAX_MS);
    const asked = error instanceof TelwerkError ? (error.retryAfterMs ?? 0) : 0;
    return Math.max(this.#ms * (0.5 + Math.random() / 2), asked);
  }
}
