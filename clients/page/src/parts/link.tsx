/** A link to another view: an address like any, which can be opened in a tab of its own; a plain click stays here. */
import type { ComponentChildren } from "preact";
import { hrefOf, usePage } from "../state/page.ts";
import type { View } from "../state/view.ts";

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
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button !== 0) return;
        event.preventDefault();
        go(change);
        scrollTo(0, 0);
      }}
    >
      {children}
    </a>
  );
}
