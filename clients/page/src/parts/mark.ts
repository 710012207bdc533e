/** A mark in the browser's own timeline when a view is painted, by which its speed is measured. */
import { useEffect } from "preact/hooks";

const MARKS_MAX = 1_000;

export function useDrawnMark(view: string, value: unknown): void {
  useEffect(() => {
    if (value === undefined) return;
    requestAnimationFrame(() => {
      // A live view is drawn for hours: what is measured are the first times.
      if (performance.getEntriesByName("view-drawn").length < MARKS_MAX)
        performance.mark("view-drawn", { detail: view });
    });
  }, [value]);
}
