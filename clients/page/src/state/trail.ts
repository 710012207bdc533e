/** Where the reader came from: an explanation is always of a number that was seen somewhere else. */
import type { View } from "./view.ts";

let last: View | undefined;

/** Takes note of what is looked at. */
export function remember(view: View): void {
  if (view.view !== "why") last = view;
}

/** What was looked at before an explanation of the same account, in this tab since it was loaded. */
export const cameFrom = (account: string): View | undefined => (last?.account === account ? last : undefined);
