/** Operators, groups or widgets side by side. */
import { CsvButton } from "../export/buttons.tsx";
import { comparedRows } from "../export/compare_rows.ts";
import { Names } from "../format/labels.ts";
import { CompleteNote } from "../parts/complete_note.tsx";
import { LoadedView } from "../parts/loaded_view.tsx";
import { useLoaded } from "../parts/loading.ts";
import { Settled } from "../parts/settled.tsx";
import { EmptyNote } from "../parts/states.tsx";
import { isoOf, plusDays } from "../state/day.ts";
import { usePage } from "../state/page.ts";
import { COMPARE } from "../texts/compare.ts";
import { askRows } from "./compare_asked.ts";
import { CompareChart } from "./compare_chart.tsx";
import { CompareControls } from "./compare_controls.tsx";
import { columnsOf, comparableMetrics, sortedColumn } from "./compare_rows.ts";
import { CompareTable } from "./compare_table.tsx";

export function CompareView() {
  const { view, catalogue, texts } = usePage();
  const own = COMPARE[view.language];
  const comparable = comparableMetrics(catalogue, view.by, view.filters);
  const columns = columnsOf(view, comparable);
  return (
    <div class="compare">
      <h1 class="hidden">{texts.views.compare}</h1>
      <CompareControls comparable={comparable} columns={columns} />
      {columns.length === 0 ? (
        <p class="note">{own.noColumns}</p>
      ) : (
        <Compared columns={columns} comparable={comparable} />
      )}
    </div>
  );
}

type Metrics = ReturnType<typeof columnsOf>;

function Compared({ columns, comparable }: { readonly columns: Metrics; readonly comparable: Metrics }) {
  const { view, slice, tick, texts } = usePage();
  const sorted = sortedColumn(view, columns);
  const { by, top, floor, ascending, filters } = view;
  const loaded = useLoaded(
    JSON.stringify([slice.key, by, top, floor, ascending, sorted?.id, columns.map((metric) => metric.id)]),
    async (signal) => {
      const asked = { accountId: view.account, slice, filters, by, columns, sorted, ascending, top, floor };
      return { by, rows: await askRows(asked, signal) };
    },
    tick,
  );
  // Rows of operators say nothing about groups: they do not stay until those are there.
  const value = loaded.value?.by === by ? loaded.value.rows : undefined;
  return (
    <LoadedView name="compared" loaded={{ ...loaded, value }}>
      {(rows) => {
        const names = new Names(rows.names);
        const labelOf = (id: string) => names.label(by, id, texts.nobody);
        return (
          <>
            <CompareChart comparable={comparable} sorted={sorted ?? columns[0]} labelOf={labelOf} />
            <Settled isLoading={loaded.isLoading}>
              <div class="above">
                <CompleteNote seconds={rows.completeUntil} answers={rows.answers} compared={rows.compared} />
                <CsvButton
                  rows={() => comparedRows(rows.rows, columns, by, (id) => labelOf(id).text)}
                  name={["telwerk", view.account, by, isoOf(slice.span.start), isoOf(plusDays(slice.span.end, -1))]}
                  language={view.language}
                />
              </div>
              {rows.rows.length === 0 && !rows.rest ? (
                <EmptyNote />
              ) : (
                <CompareTable rows={rows} columns={columns} sorted={sorted} labelOf={labelOf} />
              )}
            </Settled>
          </>
        );
      }}
    </LoadedView>
  );
}
