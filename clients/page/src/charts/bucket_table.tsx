/** What a chart shows, as a table: for screen readers, and for whoever prefers numbers. */
import { useState } from "preact/hooks";
import type { FigureKind } from "../api/catalogue.ts";
import { figureText, NOT_THERE } from "../format/numbers.ts";
import { Link } from "../parts/link.tsx";
import type { Language, View } from "../state/view.ts";
import { CHARTS_TEXTS } from "../texts/charts.ts";
import { idOf, type Line } from "./plot.ts";
import type { Bucket, TimeChartProps } from "./time_chart.tsx";

/** A browser lays out no more rows in good time. */
export const TABLE_ROWS_MAX = 1000;

export function BucketTable({
  buckets,
  lines,
  figure,
  language,
  label,
  why,
}: {
  readonly buckets: readonly Bucket[];
  readonly lines: readonly Line[];
  readonly figure: FigureKind;
  readonly language: Language;
  readonly label: string;
  readonly why: TimeChartProps["why"];
}) {
  const texts = CHARTS_TEXTS[language];
  const [isOpen, setIsOpen] = useState(false);
  return (
    <details class="as-table" onToggle={(event) => setIsOpen(event.currentTarget.open)}>
      <summary>{texts.asTable}</summary>
      {isOpen && (
        <div class="scrolled" tabIndex={0} role="group" aria-label={label}>
          <table>
            <thead>
              <tr>
                <th scope="col">{texts.step}</th>
                {lines.map((line) => (
                  <th key={idOf(line)} scope="col" class="number">
                    <bdi>{line.label}</bdi>
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {buckets.slice(0, TABLE_ROWS_MAX).map((bucket, place) => (
                <tr key={bucket.name}>
                  <th scope="row">{bucket.name}</th>
                  {lines.map((line, index) => (
                    <td key={idOf(line)} class="number">
                      <Explained
                        text={figureText(figure, line.values[place], language)}
                        why={line.isBefore ? undefined : why?.(place, index)}
                      />
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
          {buckets.length > TABLE_ROWS_MAX && <p class="help">{texts.cut(TABLE_ROWS_MAX, buckets.length)}</p>}
        </div>
      )}
    </details>
  );
}

/** A number, and the way to what made it. */
function Explained({ text, why }: { readonly text: string; readonly why: Partial<View> | undefined }) {
  if (!why || text === NOT_THERE) return text;
  return <Link change={why}>{text}</Link>;
}
