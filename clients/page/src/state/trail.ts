/** Where the reader came from: an explanation is always of a number that was seen somewhere else. */
import type { Filters, View } from "./view.ts";

let last: View | undefined;
/** What the number that is explained was narrowed by; undefined while none is. */
let explained: Filters | undefined;

/** Takes note of what is looked at. */
export function remember(view: View): void {
  if (view.view === "why") {
    explained ??= view.filters;
  } else {
    last = view;
    explained = undefined;
  }
}

/** What was looked at before an explanation of the same account, in this tab since it was loaded. */
export const cameFrom = (account: string): View | undefined => (last?.account === account ? last : undefined);

/**
 * The filters with which the reader goes on to another view.
 *
 * The row of a number that was clicked narrows its explanation, not what is looked at afterwards; unless it was changed
 * there, and so is the reader's own choice.
 */
export function filtersOnward(view: View): Filters {
  const before = view.view === "why" ? cameFrom(view.account) : undefined;
  const isOfTheNumber = JSON.stringify(explained) === JSON.stringify(view.filters);
  return before && isOfTheNumber ? before.filters : view.filters;
}
