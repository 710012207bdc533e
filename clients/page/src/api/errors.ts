/** Why a call failed, as far as a reader can do something about it. */
import { Code, ConnectError } from "@connectrpc/connect";

/**
 * - `key`: a key is needed, or the one given is not, or no longer, valid;
 * - `permission`: the key may not read this account;
 * - `unreachable`: no server answers;
 * - `busy`: a limit of the account or the server is used up for now;
 * - `refused`: the question itself is refused, the text says why;
 * - `other`: anything else, the text says what.
 */
export type FailureKind = "key" | "permission" | "unreachable" | "busy" | "refused" | "other";

export interface Failure {
  readonly kind: FailureKind;
  /** The server's sentence, in English; empty if there is none. */
  readonly text: string;
}

const KINDS = new Map<Code, FailureKind>([
  [Code.Unauthenticated, "key"],
  [Code.PermissionDenied, "permission"],
  [Code.Unavailable, "unreachable"],
  [Code.DeadlineExceeded, "unreachable"],
  [Code.ResourceExhausted, "busy"],
  [Code.InvalidArgument, "refused"],
  [Code.FailedPrecondition, "refused"],
  [Code.OutOfRange, "refused"],
  [Code.NotFound, "refused"],
]);

/** The failure behind what a call threw. */
export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof ConnectError) {
    // What fetch throws where there is no connection reaches us without a code of the server's.
    if (thrown.cause instanceof TypeError) return { kind: "unreachable", text: "" };
    return { kind: KINDS.get(thrown.code) ?? "other", text: thrown.rawMessage };
  }
  if (thrown instanceof TypeError && /fetch|network/i.test(thrown.message)) return { kind: "unreachable", text: "" };
  return { kind: "other", text: thrown instanceof Error ? thrown.message : String(thrown) };
}

/** Whether it was ended by ourselves. */
export const isAborted = (thrown: unknown): boolean =>
  (thrown instanceof ConnectError && thrown.code === Code.Canceled) ||
  (thrown instanceof DOMException && thrown.name === "AbortError");
