/** The table: a row each, a column for each metric, every number with its change and a way to what made it. */
import type { ComponentChildren } from "preact";
import { Availability, type Total } from "#stubs/kpi_service_pb.js";
import type { Metric } from "../api/catalogue.ts";
import { figureOfTotal } from "../api/figures.ts";
import type { Label } from "../format/labels.ts";
import { changeOf, countText, figureText } from "../format/numbers.ts";
import { minuteText } from "../format/times.ts";
import { Link } from "../parts/link.tsx";
import { fullText, Named } from "../parts/named.tsx";
import { usePage, whyOf } from "../state/page.ts";
import type { View } from "../state/view.ts";
import { COMPARE } from "../texts/compare.ts";
import {
  BY_NAME,
  barsOf,
  inOrderOfNames,
  PICKED_MAX,
  pickedWith,
  type Row,
  type Rows,
  sortedBy,
} from "./compare_rows.ts";

export interface TableProps {
  readonly rows: Rows;
  readonly columns: readonly Metric[];
  /** The column that the rows are sorted by; undefined for their names. */
  readonly sorted: Metric | undefined;
  readonly labelOf: (id: string) => Label;
}

export function CompareTable({ rows, columns, sorted, labelOf }: TableProps) {
  const { view, texts } = usePage();
  const own = COMPARE[view.language];
  const isWhole = rows.rest === undefined;
  const inOrder =
    sorted || !isWhole
      ? rows.rows
      : inOrderOfNames(rows.rows, (row) => labelOf(row.id).text, view.language, view.ascending);
  const bars = sorted ? barsOf(rows.rows, sorted) : new Map<string, number>();
  return (
    <>
      <p class="help">{view.picked.length >= PICKED_MAX ? own.overlayFull(String(PICKED_MAX)) : own.overlayHelp}</p>
      <div class="scroll" role="region" aria-label={own.tableOf(own.by[view.by])} tabIndex={0}>
        <table>
          <thead>
            <tr>
              <SortHeader id={BY_NAME} name={texts.dimensions[view.by]} sorted={sorted?.id ?? BY_NAME}>
                {!sorted && !isWhole && <small>{own.byIds}</small>}
              </SortHeader>
              {columns.map((metric) => (
                <SortHeader key={metric.id} id={metric.id} name={metric.name} sorted={sorted?.id ?? BY_NAME} isNumber />
              ))}
            </tr>
          </thead>
          <tbody>
            {inOrder.map((row) => (
              <CompareRow
                key={row.id}
                row={row}
                columns={columns}
                sorted={sorted}
                bar={bars.get(row.id) ?? 0}
                label={labelOf(row.id)}
              />
            ))}
          </tbody>
          <tfoot>
            {rows.rest && <RestRow rest={rows.rest} count={rows.restCount} columns={columns} />}
            <WholeRow whole={rows.whole} columns={columns} />
          </tfoot>
        </table>
      </div>
      <ColumnNotes rows={rows} columns={columns} />
    </>
  );
}

function SortHeader({
  id,
  name,
  sorted,
  isNumber = false,
  children,
}: {
  readonly id: string;
  readonly name: string;
  readonly sorted: string;
  readonly isNumber?: boolean;
  readonly children?: ComponentChildren;
}) {
  const { view, go } = usePage();
  const isSorted = sorted === id;
  return (
    <th
      scope="col"
      class={isNumber ? "number" : undefined}
      aria-sort={isSorted ? (view.ascending ? "ascending" : "descending") : undefined}
    >
      <button type="button" title={COMPARE[view.language].sortBy(name)} onClick={() => go(sortedBy(view, sorted, id))}>
        {name}
        <span class="arrow" aria-hidden="true">
          {isSorted ? (view.ascending ? "▲" : "▼") : ""}
        </span>
      </button>
      {children}
    </th>
  );
}

function CompareRow({
  row,
  columns,
  sorted,
  bar,
  label,
}: {
  readonly row: Row;
  readonly columns: readonly Metric[];
  readonly sorted: Metric | undefined;
  readonly bar: number;
  readonly label: Label;
}) {
  const { view, go } = usePage();
  const own = COMPARE[view.language];
  const isPicked = view.picked.includes(row.id);
  const filters = { ...view.filters, [view.by]: [row.id] };
  const name = fullText(label);
  return (
    <tr data-id={row.id} class={isPicked ? "picked" : undefined}>
      <th scope="row">
        <span class="rowhead">
          <input
            type="checkbox"
            aria-label={own.overlay(name)}
            checked={isPicked}
            disabled={!isPicked && view.picked.length >= PICKED_MAX}
            onChange={() => go({ picked: pickedWith(view.picked, row.id) }, "replace")}
          />
          <Link change={{ view: "overview", filters, picked: [], at: undefined }} title={own.only(name)}>
            <Named label={label} />
          </Link>
        </span>
      </th>
      {columns.map((metric) => (
        <Cell
          key={metric.id}
          metric={metric}
          total={row.totals.get(metric.id)}
          filters={filters}
          name={name}
          bar={metric === sorted ? bar : undefined}
        />
      ))}
    </tr>
  );
}

function RestRow({
  rest,
  count,
  columns,
}: {
  readonly rest: Row;
  readonly count: number;
  readonly columns: readonly Metric[];
}) {
  const { view, texts } = usePage();
  const own = COMPARE[view.language];
  return (
    <tr class="rest">
      <th scope="row" title={own.restHelp}>
        {count > 0 ? own.rest(countText(count, view.language)) : texts.rest}
      </th>
      {columns.map((metric) => (
        <Cell key={metric.id} metric={metric} total={rest.totals.get(metric.id)} />
      ))}
    </tr>
  );
}

function WholeRow({ whole, columns }: { readonly whole: Row; readonly columns: readonly Metric[] }) {
  const { view } = usePage();
  const own = COMPARE[view.language];
  return (
    <tr class="whole">
      <th scope="row">{own.whole}</th>
      {columns.map((metric) => (
        <Cell
          key={metric.id}
          metric={metric}
          total={whole.totals.get(metric.id)}
          filters={view.filters}
          name={own.whole}
        />
      ))}
    </tr>
  );
}

/** A number; with filters it links to what made it. */
function Cell({
  metric,
  total,
  filters,
  name = "",
  bar,
}: {
  readonly metric: Metric;
  readonly total: Total | undefined;
  readonly filters?: View["filters"];
  readonly name?: string;
  readonly bar?: number | undefined;
}) {
  const { view } = usePage();
  const { language } = view;
  const own = COMPARE[language];
  // A row without a fact of a metric has no answer for it: nothing was counted.
  const none = metric.figure === "count" ? { value: 0, before: undefined, count: 0 } : undefined;
  const figure = total ? figureOfTotal(metric, total) : none;
  const text = figureText(metric.figure, figure?.value, language);
  const change = figure && changeOf(metric, figure.value, figure.before, language);
  const isOf = figure && metric.figure !== "count" && figure.count > 0;
  return (
    <td class="number" data-metric={metric.id}>
      {bar !== undefined && <span class="bar" aria-hidden="true" style={{ width: `${(bar * 100).toFixed(1)}%` }} />}
      {filters && total ? (
        <Link class="value" change={whyOf(metric, undefined, filters)} title={own.why(metric.name, name)}>
          {text}
        </Link>
      ) : (
        <span class="value">{text}</span>
      )}
      <span class="beside">
        {change && (
          <span class={`change ${change.verdict}`}>
            {change.text}
            {change.verdict !== "none" && <span class="hidden"> {own[change.verdict]}</span>}
          </span>
        )}
        {isOf && <span class="of">{own.of(countText(figure.count, language))}</span>}
      </span>
    </td>
  );
}

/** What holds for whole columns: not counted yet, known from then on only. */
function ColumnNotes({ rows, columns }: Pick<TableProps, "rows" | "columns">) {
  const { view, texts, zone } = usePage();
  const notes = columns.flatMap((metric) => {
    const about = rows.answers.find((answer) => answer.kpiId === metric.id);
    if (about?.availability === Availability.NOT_YET_COUNTED) return [`${metric.name}: ${texts.notYetCounted}`];
    if (about?.availability === Availability.NOT_ENABLED) return [`${metric.name}: ${texts.notEnabled}`];
    if (!about?.knownFrom) return [];
    return [`${metric.name}: ${texts.knownFrom(minuteText(Number(about.knownFrom.seconds), zone, view.language))}`];
  });
  return (
    <>
      {notes.map((note) => (
        <p key={note} class="help">
          {note}
        </p>
      ))}
    </>
  );
}
