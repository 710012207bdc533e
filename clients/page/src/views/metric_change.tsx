/** How a number differs from the one before, and whether that is good: by its colour, and in a word for those who hear it. */
import type { Metric } from "../api/catalogue.ts";
import { changeOf, NOT_THERE } from "../format/numbers.ts";
import { usePage } from "../state/page.ts";
import { METRIC } from "../texts/metric.ts";

export function ChangeText({
  metric,
  value,
  before,
}: {
  readonly metric: Metric;
  readonly value: number | undefined;
  readonly before: number | undefined;
}) {
  const { language } = usePage().view;
  const change = changeOf(metric, value, before, language);
  if (!change) return NOT_THERE;
  return (
    <span class={`change ${change.verdict}`}>
      {change.text}
      {change.verdict !== "none" && <span class="hidden"> {METRIC[language][change.verdict]}</span>}
    </span>
  );
}
