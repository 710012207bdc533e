/** What is kept for the session of this tab alone: the key or token that was typed, never in the URL, never on disk. */

const KEY = "telwerk.key";

/** Whether a text may be a key or a token: what else was pasted fits in no header. */
export const isKeyLike = (text: string): boolean => /^[\x21-\x7e]{1,8000}$/.test(text);

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
