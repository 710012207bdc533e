/** The table's rows in groups: those in sight are drawn at once, the others when there is time. */
import type { VNode } from "preact";
import { useRef } from "preact/hooks";
import { useDue } from "../charts/use_due.ts";
import type { Label } from "../format/labels.ts";
import { Link } from "../parts/link.tsx";
import { fullText, Named } from "../parts/named.tsx";
import { usePage } from "../state/page.ts";
import type { View } from "../state/view.ts";
import { COMPARE } from "../texts/compare.ts";
import { PICKED_MAX, pickedWith, type Row } from "./compare_rows.ts";

/** About as high as a row is, and as what stands above the rows, with the chart of those that are overlaid and without. */
const ROW_PX = 46;
const ABOVE_PX = { withChart: 620, alone: 320 };
const FIRST_ROWS_MIN = 5;
/** Drawn together later: few enough that the page answers in between. */
const LATER_ROWS = 40;

/** A row's id, and its numbers as they are drawn. */
interface DrawnRow {
  readonly id: string;
  readonly cells: VNode | undefined;
}

type Group = readonly DrawnRow[];

/** As many rows as a window has room for that was not scrolled. */
export const firstRows = (isChartShown: boolean): number =>
  Math.max(FIRST_ROWS_MIN, Math.ceil((innerHeight - ABOVE_PX[isChartShown ? "withChart" : "alone"]) / ROW_PX));

/** The first rows, which are always drawn at once, and groups of those below them. */
export function groupsOf(rows: readonly Row[], cells: ReadonlyMap<string, VNode>, first: number): readonly Group[] {
  const drawn = rows.map(({ id }) => ({ id, cells: cells.get(id) }));
  const later = Array.from({ length: Math.ceil(Math.max(0, rows.length - first) / LATER_ROWS) }, (_, place) => {
    const start = first + place * LATER_ROWS;
    return drawn.slice(start, start + LATER_ROWS);
  });
  return [drawn.slice(0, first), ...later];
}

type LabelOf = (id: string) => Label;

export function RowGroups({ groups, labelOf }: { readonly groups: readonly Group[]; readonly labelOf: LabelOf }) {
  const [first = [], ...later] = groups;
  return (
    <>
      <tbody>
        <GroupRows group={first} labelOf={labelOf} />
      </tbody>
      {later.map((group, place) => (
        <LaterGroup key={place} group={group} labelOf={labelOf} />
      ))}
    </>
  );
}

interface GroupProps {
  readonly group: Group;
  readonly labelOf: LabelOf;
}

function LaterGroup({ group, labelOf }: GroupProps) {
  const root = useRef<HTMLTableSectionElement>(null);
  const due = useDue(root, group, 0);
  return <tbody ref={root}>{due && <GroupRows group={due} labelOf={labelOf} />}</tbody>;
}

function GroupRows({ group, labelOf }: GroupProps) {
  // An address may name more than the chart has room for.
  const picked = usePage().view.picked.slice(0, PICKED_MAX);
  // By their place, not by their id: in another order the rows that are there get other texts, and none is moved.
  return group.map(({ id, cells }, row) => {
    const line = picked.indexOf(id);
    return (
      <tr key={row} data-id={id} class={line < 0 ? undefined : "picked"}>
        <RowHead id={id} label={labelOf(id)} line={line < 0 ? undefined : line} />
        {cells}
      </tr>
    );
  });
}

export const filtersOf = (view: View, id: string): View["filters"] => ({ ...view.filters, [view.by]: [id] });

/** A row's beginning: its name, which leads to its overview, and whether it is overlaid. */
function RowHead({
  id,
  label,
  line,
}: {
  readonly id: string;
  readonly label: Label;
  /** Which line of the chart it is. */
  readonly line: number | undefined;
}) {
  const { view, go } = usePage();
  const own = COMPARE[view.language];
  const name = fullText(label);
  return (
    <th scope="row">
      <span class="rowhead">
        <input
          type="checkbox"
          aria-label={own.overlay(name)}
          class={line === undefined ? undefined : `line-${line}`}
          checked={line !== undefined}
          disabled={line === undefined && view.picked.length >= PICKED_MAX}
          onChange={() => go({ picked: pickedWith(view.picked, id) }, "replace")}
        />
        <Link
          change={{ view: "overview", filters: filtersOf(view, id), picked: [], at: undefined }}
          title={own.only(name)}
        >
          <Named label={label} />
        </Link>
      </span>
    </th>
  );
}
