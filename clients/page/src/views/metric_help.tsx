/** The catalogue's own text about a metric, under its own headings. */
import type { Metric } from "../api/catalogue.ts";
import { usePage } from "../state/page.ts";
import { METRIC } from "../texts/metric.ts";

const PARTS = ["what", "unit", "when", "why", "example"] as const;

export function MetricHelp({ metric }: { readonly metric: Metric }) {
  const { view, catalogue } = usePage();
  // The unit is that of files; the page writes durations in the one that reads best.
  const parts = PARTS.filter((part) => part !== "unit" || metric.figure !== "duration");
  const values = metric.values.filter((value) => value.description);
  return (
    <aside class="explained card" aria-label={METRIC[view.language].explained}>
      <h2>{METRIC[view.language].explained}</h2>
      {parts
        .filter((part) => metric.help[part])
        .map((part) => (
          <section key={part}>
            <h3>{catalogue.headings?.[part]}</h3>
            <p>{metric.help[part]}</p>
          </section>
        ))}
      {values.length > 0 && (
        <details>
          <summary>{catalogue.headings?.values}</summary>
          <dl>
            {values.map((value) => (
              <div key={value.displayName}>
                <dt>{value.displayName}</dt>
                <dd>{value.description}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
    </aside>
  );
}
