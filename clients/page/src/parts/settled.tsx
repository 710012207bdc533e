/** What stays as it is until its next answer is there. */
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { PageContext, usePage } from "../state/page.ts";

/**
 * Leaves the content as it is while another answer is under way.
 *
 * Drawing hundreds of old numbers anew, only for their links to have the next period, would keep the question back that
 * the reader waits for. They keep the view that they are of, until they are replaced.
 */
export function Settled({
  isLoading,
  children,
}: {
  readonly isLoading: boolean;
  readonly children: ComponentChildren;
}) {
  const page = usePage();
  const settled = useRef({ page, children });
  if (!isLoading) settled.current = { page, children };
  return <PageContext.Provider value={settled.current.page}>{settled.current.children}</PageContext.Provider>;
}
