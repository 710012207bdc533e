/** What is compared, how many rows there are, and which columns. */
import { useRef, useState } from "preact/hooks";
import type { Metric } from "../api/catalogue.ts";
import { countText } from "../format/numbers.ts";
import { useDismiss } from "../parts/dismiss.ts";
import { usePage } from "../state/page.ts";
import { TOP_MAX } from "../state/view.ts";
import { COMPARE } from "../texts/compare.ts";
import { type Compared, sortedColumn } from "./compare_rows.ts";

const COMPARED: readonly Compared[] = ["operator", "group", "widget"];
const TOPS: readonly number[] = [10, 20, 50, 100, 200, 500, TOP_MAX];

interface Metrics {
  readonly comparable: readonly Metric[];
  readonly columns: readonly Metric[];
}

export function CompareControls({ comparable, columns }: Metrics) {
  const { view, go } = usePage();
  const own = COMPARE[view.language];
  return (
    <div class="controls">
      <div class="choice" role="group" aria-label={own.compare}>
        {COMPARED.map((by) => (
          <button
            key={by}
            type="button"
            aria-pressed={view.by === by}
            onClick={() => view.by !== by && go({ by, picked: [] })}
          >
            {own.by[by]}
          </button>
        ))}
      </div>
      <TopMenu />
      {sortedColumn(view, columns)?.figure === "rate" && <FloorMenu key={view.floor} />}
      <ColumnMenu comparable={comparable} columns={columns} />
    </div>
  );
}

function TopMenu() {
  const { view, go } = usePage();
  const own = COMPARE[view.language];
  const offered = TOPS.includes(view.top) ? TOPS : [...TOPS, view.top].toSorted((one, other) => one - other);
  return (
    <label class="menu">
      <span>{own.rows}</span>
      <select name="top" value={view.top} onChange={(event) => go({ top: Number(event.currentTarget.value) })}>
        {offered.map((count) => (
          <option key={count} value={count}>
            {own.topRows(countText(count, view.language))}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Of rates: how many there must be below the line. */
function FloorMenu() {
  const { view, go } = usePage();
  const own = COMPARE[view.language];
  const [typed, setTyped] = useState(String(view.floor));
  const apply = () => {
    const floor = /^\d{1,9}$/.test(typed) ? Math.max(1, Number(typed)) : view.floor;
    if (floor === view.floor) setTyped(String(floor));
    else go({ floor });
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        apply();
      }}
    >
      <label class="menu" title={own.floorHelp}>
        <span>{own.floor}</span>
        <input
          type="number"
          name="floor"
          inputMode="numeric"
          min={1}
          max={999_999_999}
          step={1}
          value={typed}
          onInput={(event) => setTyped(event.currentTarget.value)}
          onChange={apply}
        />
      </label>
    </form>
  );
}

/** The columns, to be ticked. */
function ColumnMenu({ comparable, columns }: Metrics) {
  const { view, go, catalogue } = usePage();
  const own = COMPARE[view.language];
  const chosen = new Set(columns);
  const [isOpen, setOpen] = useState(false);
  const root = useRef<HTMLDetailsElement>(null);
  useDismiss(root, isOpen, () => setOpen(false));
  const toggle = (metric: Metric) => {
    const next = chosen.has(metric) ? columns.filter((each) => each !== metric) : [...columns, metric];
    go({ columns: next.map((each) => each.id) });
  };
  const of = (metrics: readonly Metric[]) => metrics.filter((metric) => comparable.includes(metric));
  return (
    <details
      class="columns"
      ref={root}
      open={isOpen}
      onToggle={(event) => setOpen(event.currentTarget.open)}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        setOpen(false);
        root.current?.querySelector("summary")?.focus();
      }}
    >
      <summary>{own.columns}</summary>
      <div class="panel">
        {view.columns.length > 0 && (
          <button type="button" onClick={() => go({ columns: [] })}>
            {own.usualColumns}
          </button>
        )}
        {catalogue.sections.map((section) => (
          <fieldset key={section.name} hidden={of(section.metrics).length === 0}>
            <legend>{section.name}</legend>
            {of(section.metrics).map((metric) => (
              <label key={metric.id} title={metric.help.what}>
                <input
                  type="checkbox"
                  checked={chosen.has(metric)}
                  disabled={columns.length === 1 && chosen.has(metric)}
                  onChange={() => toggle(metric)}
                />
                {metric.name}
              </label>
            ))}
          </fieldset>
        ))}
      </div>
    </details>
  );
}
