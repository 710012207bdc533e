/** What a view shows comes from calls: still under way, there, or failed; what was there stays until it is replaced. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { type Failure, failureOf, isAborted } from "../api/errors.ts";

export interface Loaded<T> {
  /** The last answer to this very question, or to the one before while this one is under way. */
  readonly value: T | undefined;
  /** Whether `value` is of an earlier question, or there is none yet. */
  readonly isLoading: boolean;
  readonly failure: Failure | undefined;
}

/**
 * Loads again whenever the key or the tick changes; an answer that comes too late is dropped.
 *
 * @param key all that the answer depends on; undefined loads nothing.
 * @param tick asks the same again, as in a live view: what is shown stays until the new answer is there.
 */
export function useLoaded<T>(
  key: string | undefined,
  load: (signal: AbortSignal) => Promise<T>,
  tick: number | string = 0,
): Loaded<T> {
  const [loaded, setLoaded] = useState<Loaded<T> & { readonly key: string | undefined }>({
    key: undefined,
    value: undefined,
    isLoading: true,
    failure: undefined,
  });
  const latest = useRef(load);
  latest.current = load;
  // Not after the next painting: the call is under way while that is done.
  useLayoutEffect(() => {
    if (key === undefined) return undefined;
    const ending = new AbortController();
    latest.current(ending.signal).then(
      (value) => {
        if (!ending.signal.aborted) setLoaded({ key, value, isLoading: false, failure: undefined });
      },
      (thrown: unknown) => {
        if (ending.signal.aborted || isAborted(thrown)) return;
        // What answers another question does not stand under this one's headings.
        setLoaded((last) => {
          const value = last.key === key ? last.value : undefined;
          return { key, value, isLoading: false, failure: failureOf(thrown) };
        });
      },
    );
    return () => ending.abort();
  }, [key, tick]);
  return loaded.key === key ? loaded : { ...loaded, isLoading: key !== undefined, failure: undefined };
}
