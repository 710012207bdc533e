/** A mark in the browser's own timeline when a view is painted, by which its speed is measured. */
import { useEffect } from "preact/hooks";

/** A live view is painted for hours: what is measured are the first times, and the browser keeps each mark for ever. */
const MARKS_MAX = 200;
let marks = 0;

export function useDrawnMark(view: string, value: unknown): void {
  useEffect(() => {
    if (value === undefined) return;
    requestAnimationFrame(() => {
      if (marks >= MARKS_MAX) return;
      marks += 1;
      performance.mark("view-drawn", { detail: view });
    });
  }, [value]);
}
