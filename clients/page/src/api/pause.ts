/** Waiting between two attempts to reach the server. */

/**
 * Returns after so many milliseconds, or as soon as the network is back or the signal ends it.
 *
 * Whichever comes first, nothing of the wait is left behind: a page that has no connection for days waits often.
 *
 * @param network tells that the network is back; the browser's window does.
 */
export function pause(ms: number, signal: AbortSignal, network: EventTarget = globalThis): Promise<void> {
  return new Promise((resolve) => {
    const over = new AbortController();
    const wake = () => {
      clearTimeout(timer);
      over.abort();
      resolve();
    };
    const timer = setTimeout(wake, ms);
    signal.addEventListener("abort", wake, { signal: over.signal });
    network.addEventListener("online", wake, { signal: over.signal });
    if (signal.aborted) wake();
  });
}
