/** A mark in the browser's own timeline when a view is painted, by which its speed is measured. */
import { useLayoutEffect } from "preact/hooks";

/** A live view is painted for hours: what is measured are the first times, and the browser keeps each mark for ever. */
const MARKS_MAX = 200;
let marks = 0;

export function useDrawnMark(view: string, value: unknown): void {
  useLayoutEffect(() => {
    if (value === undefined) return;
    // The next frame is the one that has it; what is posted as that begins comes after it was painted.
    requestAnimationFrame(() => {
      const painted = new MessageChannel();
      painted.port1.onmessage = () => {
        painted.port1.close();
        if (marks >= MARKS_MAX) return;
        marks += 1;
        performance.mark("view-drawn", { detail: view });
      };
      painted.port2.postMessage(undefined);
    });
  }, [value]);
}
