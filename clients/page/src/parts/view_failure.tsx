/** A view's call failed: what can be done about it is offered, and a missing key is asked for by the page. */
import { useEffect } from "preact/hooks";
import type { Failure } from "../api/errors.ts";
import { usePage } from "../state/page.ts";
import { FailureNote } from "./states.tsx";

export function ViewFailure({ failure, retry }: { readonly failure: Failure; readonly retry: () => void }) {
  const { texts, refused } = usePage();
  const wantsKey = failure.kind === "key" || failure.kind === "permission";
  useEffect(() => {
    if (wantsKey) refused(failure);
  }, [failure]);
  // What is refused is refused again, however often it is tried.
  return <FailureNote failure={failure} texts={texts} retry={failure.kind === "refused" ? undefined : retry} />;
}
