/** A link to another view: an address like any, which can be opened in a tab of its own; a plain click stays here. */
import type { ComponentChildren, RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { hrefOf, usePage } from "../state/page.ts";
import { searchIn, type View, viewOf } from "../state/view.ts";

/** Whether a click is meant for the browser: a tab or a window of its own, or a download. */
const isForBrowser = (event: MouseEvent): boolean =>
  event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button !== 0;

export function Link({
  change,
  current = false,
  class: className,
  title,
  children,
}: {
  readonly change: Partial<View>;
  readonly current?: boolean;
  readonly class?: string;
  readonly title?: string;
  readonly children: ComponentChildren;
}) {
  const { view, go } = usePage();
  return (
    <a
      href={hrefOf(view, change)}
      class={className}
      title={title}
      aria-current={current ? "page" : undefined}
      onClick={(event) => {
        if (isForBrowser(event)) return;
        event.preventDefault();
        go(change);
        scrollTo(0, 0);
      }}
    >
      {children}
    </a>
  );
}

/** In an element with thousands of plain links to views: one listener for all, which does what `Link` does. */
export function useLinksWithin(root: RefObject<HTMLElement | null>): void {
  const page = usePage();
  const latest = useRef(page);
  latest.current = page;
  useEffect(() => {
    const follow = (event: MouseEvent) => {
      if (event.defaultPrevented || isForBrowser(event) || !(event.target instanceof Element)) return;
      const link = event.target.closest("a");
      if (!link || link.origin !== location.origin) return;
      event.preventDefault();
      const { view, go } = latest.current;
      go(viewOf(searchIn(link), view.language));
      scrollTo(0, 0);
    };
    const element = root.current;
    element?.addEventListener("click", follow);
    return () => element?.removeEventListener("click", follow);
  }, []);
}
