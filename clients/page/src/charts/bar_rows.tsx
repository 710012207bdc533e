/** Rows with a bar each, the longest across: a table that is a chart. */
import type { ComponentChildren } from "preact";

export interface BarRow {
  readonly key: string;
  readonly name: ComponentChildren;
  /** What the bar is as long as; NaN has none. */
  readonly size: number;
  /** Below the columns' headings. */
  readonly cells: readonly ComponentChildren[];
}

export interface BarColumn {
  readonly heading: string;
  /** Left out where there is no room. */
  readonly isExtra?: boolean;
}

const classOf = ({ isExtra = false }: BarColumn): string => (isExtra ? "number extra" : "number");

export function BarRows({
  caption,
  heading,
  columns,
  rows,
  most,
}: {
  readonly caption: string;
  /** Above the names. */
  readonly heading: string;
  readonly columns: readonly BarColumn[];
  readonly rows: readonly BarRow[];
  /** What a bar across the whole width is. Absent: the largest. */
  readonly most?: number;
}) {
  const top = most ?? Math.max(0, ...rows.map((row) => (Number.isNaN(row.size) ? 0 : row.size)));
  const percent = (size: number) => (top > 0 && size > 0 ? Math.max(0.5, (100 * size) / top) : 0);
  return (
    <table class="bar-rows">
      <caption class="hidden">{caption}</caption>
      <thead>
        <tr>
          <th scope="col">{heading}</th>
          <td class="bar-cell" />
          {columns.map((column) => (
            <th key={column.heading} scope="col" class={classOf(column)}>
              {column.heading}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.key}>
            <th scope="row">{row.name}</th>
            <td class="bar-cell">
              <div class="bar" style={{ width: `${percent(row.size)}%` }} />
            </td>
            {columns.map((column, place) => (
              <td key={column.heading} class={classOf(column)}>
                {row.cells[place]}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
