/** What is to be drawn now: what is in sight at once, all else when the browser has nothing better to do. */

import type { RefObject } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";

/** At the latest then, also where the browser is never idle. */
const IDLE_MS_MAX = 1_000;

function isInSight(element: HTMLElement, margin: number): boolean {
  const { top, bottom } = element.getBoundingClientRect();
  return bottom > -margin * innerHeight && top < (1 + margin) * innerHeight;
}

/**
 * The value, once it is due for an element; until then the one before, undefined at first.
 *
 * @param margin how far out of sight still counts as in sight, in parts of the window.
 */
export function useDue<T extends object>(
  element: RefObject<HTMLElement | null>,
  value: T,
  margin = 0.5,
): T | undefined {
  const [due, setDue] = useState<T>();
  useLayoutEffect(() => {
    if (!element.current || isInSight(element.current, margin)) {
      setDue(value);
      return undefined;
    }
    const idle = requestIdleCallback(() => setDue(value), { timeout: IDLE_MS_MAX });
    return () => cancelIdleCallback(idle);
  }, [value]);
  return due;
}
