/** The server's clock, by the Date of its answers: "today" is what the server thinks, however wrong this computer is. */

let offsetMs = 0;
let known = false;

/** Reads an answer's Date, which is exact to a second. */
export function heardDate(date: string | null): void {
  const told = Date.parse(date ?? "");
  if (Number.isNaN(told)) return;
  const offset = told + 500 - Date.now();
  // A second's rounding is no change.
  if (!known || Math.abs(offset - offsetMs) > 2000) offsetMs = offset;
  known = true;
}

/** The server's time, in seconds since 1970. */
export const serverNow = (): number => Math.floor((Date.now() + offsetMs) / 1000);

/** By how many seconds this computer's clock is behind the server's; negative if it is ahead. */
export const clockBehind = (): number => Math.round(offsetMs / 1000);
