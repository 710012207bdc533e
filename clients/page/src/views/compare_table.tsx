/** The table: a row each, a column for each metric, every number with its change and a way to what made it. */
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { Availability, type KpiAnswer, type Total } from "#stubs/kpi_service_pb.js";
import type { Metric } from "../api/catalogue.ts";
import { figureOfTotal } from "../api/figures.ts";
import type { Label } from "../format/labels.ts";
import { changeOf, countText, figureText } from "../format/numbers.ts";
import { minuteText } from "../format/times.ts";
import { useLinksWithin } from "../parts/link.tsx";
import { fullText } from "../parts/named.tsx";
import { hrefOf, usePage, whyOf } from "../state/page.ts";
import { type Language, searchOf } from "../state/view.ts";
import { COMPARE } from "../texts/compare.ts";
import { OVERVIEW } from "../texts/overview.ts";
import { filtersOf, firstRows, groupsOf, RowGroups } from "./compare_row_groups.tsx";
import { BY_NAME, barsOf, inOrderOfNames, PICKED_MAX, type Row, type Rows, sortedBy } from "./compare_rows.ts";

/** With more rows the table scrolls by itself, its headings always in sight. */
const LONG = 20;

interface TableProps {
  readonly rows: Rows;
  readonly columns: readonly Metric[];
  /** The column that the rows are sorted by; undefined for their names. */
  readonly sorted: Metric | undefined;
  readonly labelOf: (id: string) => Label;
}

export function CompareTable(props: TableProps) {
  const { rows, columns, sorted, labelOf } = props;
  const { view, texts } = usePage();
  const own = COMPARE[view.language];
  const cells = useCells(props);
  const root = useRef<HTMLDivElement>(null);
  useLinksWithin(root);
  useEffect(() => (root.current ? reveal(root.current) : undefined), [sorted?.id]);
  const isWhole = rows.rest === undefined;
  const isCompared = rows.compared !== undefined;
  const inOrder = useMemo(
    () =>
      sorted || !isWhole
        ? rows.rows
        : inOrderOfNames(rows.rows, (row) => labelOf(row.id).text, view.language, view.ascending),
    [rows, sorted, isWhole, view.language, view.ascending],
  );
  const isChartShown = view.picked.length > 0;
  const groups = useMemo(() => groupsOf(inOrder, cells, firstRows(isChartShown)), [inOrder, cells, isChartShown]);
  const whole = { name: own.whole, href: (metric: Metric) => hrefOf(view, whyOf(metric)) };
  return (
    <>
      <p class="help tick-help">
        {view.picked.length >= PICKED_MAX ? own.overlayFull(String(PICKED_MAX)) : own.overlayHelp}
      </p>
      <div
        ref={root}
        class={inOrder.length > LONG ? "scroll long" : "scroll"}
        role="region"
        aria-label={own.tableOf(own.by[view.by])}
        tabIndex={0}
      >
        <table style={{ "--numbers-width": `${columns.reduce((sum, { name }) => sum + columnWidth(name), 0)}rem` }}>
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
          <RowGroups groups={groups} labelOf={labelOf} />
          <tfoot>
            {rows.rest && (
              <tr class="rest">
                <th scope="row" title={own.restHelp}>
                  {texts.rest}
                </th>
                <Cells columns={columns} totals={rows.rest.totals} language={view.language} isCompared={isCompared} />
              </tr>
            )}
            <tr class="whole">
              <th scope="row">{own.whole}</th>
              <Cells
                columns={columns}
                totals={rows.whole.totals}
                language={view.language}
                isCompared={isCompared}
                explained={whole}
              />
            </tr>
          </tfoot>
        </table>
      </div>
      <ColumnNotes rows={rows} columns={columns} />
    </>
  );
}

/** As wide as a number with its change, or as the longest word of the heading, which is not broken; in rem. */
const columnWidth = (name: string): number =>
  Math.max(8, 1.9 + 0.57 * Math.max(...name.split(/[\s-]/).map((word) => word.length)));

/** Scrolls the sorted column into sight, as on a phone it may begin beside the screen. */
function reveal(scroller: HTMLElement): void {
  const [first, ...others] = scroller.querySelectorAll<HTMLElement>("thead th");
  const header = others.find((each) => each.hasAttribute("aria-sort"));
  if (!first || !header) return;
  const latest = header.offsetLeft - first.offsetWidth;
  const earliest = header.offsetLeft + header.offsetWidth - scroller.clientWidth;
  scroller.scrollLeft = Math.min(latest, Math.max(earliest, scroller.scrollLeft));
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
      style={isNumber ? { width: `${columnWidth(name)}rem` } : undefined}
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

/** The numbers of every row, by its id; they stay the same while only other things change. */
function useCells({ rows, columns, sorted, labelOf }: TableProps): ReadonlyMap<string, VNode> {
  const { view } = usePage();
  const { language } = view;
  // Where a number leads to does not depend on what is ticked.
  const base = { ...view, picked: [] };
  return useMemo(() => {
    const isCompared = rows.compared !== undefined;
    const bars = sorted ? barsOf(rows.rows, sorted) : new Map<string, number>();
    const cellsOf = (row: Row) => {
      const filters = filtersOf(view, row.id);
      const href = (metric: Metric) => hrefOf(base, whyOf(metric, undefined, filters));
      const explained = { name: fullText(labelOf(row.id)), href };
      const props = {
        columns,
        totals: row.totals,
        language,
        explained,
        sorted,
        isCompared,
        bar: bars.get(row.id) ?? 0,
      };
      return <Cells {...props} />;
    };
    return new Map(rows.rows.map((row) => [row.id, cellsOf(row)]));
  }, [rows, columns.map((metric) => metric.id).join(), sorted, searchOf(base)]);
}

interface CellsProps {
  readonly columns: readonly Metric[];
  readonly totals: Row["totals"];
  readonly language: Language;
  /** What the row is of, and the address that explains its number of a metric; absent where none does. */
  readonly explained?: { readonly name: string; readonly href: (metric: Metric) => string };
  readonly sorted?: Metric | undefined;
  /** Whether there is a period before, in which a row without an answer had nothing either. */
  readonly isCompared: boolean;
  /** The length of the bar in the sorted column, 0 to 1. */
  readonly bar?: number;
}

/**
 * The numbers of a row.
 *
 * They look at nothing but what they are given, so that a thousand rows are not drawn anew when one of them is ticked;
 * their links are plain ones (`useLinksWithin`).
 */
function Cells({ columns, totals, language, explained, sorted, isCompared, bar = 0 }: CellsProps) {
  const own = COMPARE[language];
  return columns.map((metric) => (
    <td key={metric.id} class={metric === sorted ? "number sorted" : "number"} data-metric={metric.id}>
      {metric === sorted && <span class="bar" aria-hidden="true" style={{ width: `${(bar * 100).toFixed(1)}%` }} />}
      <Figure
        metric={metric}
        total={totals.get(metric.id)}
        language={language}
        isCompared={isCompared}
        href={explained?.href(metric)}
        title={explained && own.why(metric.name, explained.name)}
      />
    </td>
  ));
}

/** A number, how it changed, and of how many it is. */
function Figure({
  metric,
  total,
  language,
  isCompared,
  href,
  title,
}: {
  readonly metric: Metric;
  readonly total: Total | undefined;
  readonly language: Language;
  readonly isCompared: boolean;
  readonly href: string | undefined;
  readonly title: string | undefined;
}) {
  const own = COMPARE[language];
  // A row without a fact of a metric has no answer for it: nothing was counted.
  const none = metric.figure === "count" ? { value: 0, before: isCompared ? 0 : undefined, count: 0 } : undefined;
  const figure = total ? figureOfTotal(metric, total) : none;
  const text = figureText(metric.figure, figure?.value, language);
  const change = figure && changeOf(metric, figure.value, figure.before, language);
  const isOf = figure && metric.figure !== "count" && figure.count > 0;
  return (
    <>
      {href && figure ? (
        <a class="value" href={href} title={title}>
          {text}
        </a>
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
    </>
  );
}

/** What holds for whole columns: why there are no numbers, or only from then on. */
function ColumnNotes({ rows, columns }: Pick<TableProps, "rows" | "columns">) {
  const { view, texts, zone } = usePage();
  const noteOf = ({ availability, knownFrom, unscheduledWidgetIds, count }: KpiAnswer): string => {
    if (availability === Availability.NOT_YET_COUNTED) return texts.notYetCounted;
    if (availability === Availability.NOT_ENABLED) return texts.notEnabled;
    if (unscheduledWidgetIds.length > 0 && count === 0n) return OVERVIEW[view.language].noOpeningHours;
    return knownFrom ? texts.knownFrom(minuteText(Number(knownFrom.seconds), zone, view.language)) : "";
  };
  const notes = columns.flatMap((metric) => {
    const about = rows.answers.find((answer) => answer.kpiId === metric.id);
    const note = about && noteOf(about);
    return note ? [`${metric.name}: ${note}`] : [];
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
