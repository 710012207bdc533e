/** The chart of overlaid rows, to take along. */
import type { RefObject } from "preact";
import { ExportButtons } from "../export/buttons.tsx";
import type { Row } from "../export/csv.ts";
import { cleanText } from "../format/labels.ts";
import { spanText } from "../format/times.ts";
import { isoOf, plusDays } from "../state/day.ts";
import { usePage } from "../state/page.ts";

export function CompareExports({
  title,
  part,
  rows,
  chart,
}: {
  /** Above the picture. */
  readonly title: string;
  /** In the files' name. */
  readonly part: string;
  readonly rows: () => readonly Row[];
  readonly chart: RefObject<HTMLElement | null>;
}) {
  const { view, slice, zone } = usePage();
  return (
    <ExportButtons
      rows={rows}
      chart={chart}
      heading={[title, [cleanText(view.account), spanText(slice.span, view.language), zone].join(" \u00b7 ")]}
      name={["telwerk", view.account, part, view.by, isoOf(slice.span.start), isoOf(plusDays(slice.span.end, -1))]}
      language={view.language}
    />
  );
}
