/** What is kept for the session of this tab alone: the key or token that was typed, never in the URL, never on disk. */

const KEY = "telwerk.key";

export function heldKey(): string {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return held;
  }
}

/** Where the browser refuses even that, the key lasts until the page is loaded again. */
let held = "";

/** Keeps the key; an empty one forgets it. */
export function holdKey(key: string): void {
  held = key;
  try {
    if (key) sessionStorage.setItem(KEY, key);
    else sessionStorage.removeItem(KEY);
  } catch {
    // `held` has it.
  }
}
