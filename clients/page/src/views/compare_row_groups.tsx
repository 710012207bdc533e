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

/** As many as a screen has. */
const FIRST_ROWS = 15;
/** Drawn together later: few enough that the page answers in between. */
const LATER_ROWS = 40;

/** A row's id, and its numbers as they are drawn. */
interface DrawnRow {
  readonly id: string;
  readonly cells: VNode | undefined;
}

type Group = readonly DrawnRow[];

/** The first rows, which are always drawn at once, and groups of those below them. */
export function groupsOf(rows: readonly Row[], cells: ReadonlyMap<string, VNode>): readonly Group[] {
  const drawn = rows.map(({ id }) => ({ id, cells: cells.get(id) }));
  const later = Array.from({ length: Math.ceil(Math.max(0, rows.length - FIRST_ROWS) / LATER_ROWS) }, (_, place) => {
    const start = FIRST_ROWS + place * LATER_ROWS;
    return drawn.slice(start, start + LATER_ROWS);
  });
  return [drawn.slice(0, FIRST_ROWS), ...later];
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
  const due = useDue(root, group);
  return <tbody ref={root}>{due && <GroupRows group={due} labelOf={labelOf} />}</tbody>;
}

function GroupRows({ group, labelOf }: GroupProps) {
  const { picked } = usePage().view;
  return group.map(({ id, cells }) => {
    const place = picked.indexOf(id);
    return (
      <tr key={id} data-id={id} class={place < 0 ? undefined : "picked"}>
        <RowHead id={id} label={labelOf(id)} place={place < 0 ? undefined : place} />
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
  place,
}: {
  readonly id: string;
  readonly label: Label;
  /** Which line of the chart it is. */
  readonly place: number | undefined;
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
          class={place === undefined ? undefined : `line-${place}`}
          checked={place !== undefined}
          disabled={place === undefined && view.picked.length >= PICKED_MAX}
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
