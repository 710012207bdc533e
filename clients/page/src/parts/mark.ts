/** A mark in the browser's own timeline when a view is painted, by which its speed is measured. */
import { useEffect } from "preact/hooks";

export function useDrawnMark(view: string, value: unknown): void {
  useEffect(() => {
    if (value === undefined) return;
    requestAnimationFrame(() => performance.mark("view-drawn", { detail: view }));
  }, [value]);
}
