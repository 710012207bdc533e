/** What one metric's charts give to take along, with what must be known to read it later. */
import type { RefObject } from "preact";
import { ExportButtons } from "../export/buttons.tsx";
import type { Row } from "../export/csv.ts";
import { cleanText } from "../format/labels.ts";
import { comparedText, spanText } from "../format/times.ts";
import { isoOf, plusDays } from "../state/day.ts";
import { usePage } from "../state/page.ts";
import { METRIC } from "../texts/metric.ts";
import type { Answered } from "./metric_asked.ts";

export function Exports({
  answered,
  rows,
  chart,
  part = answered.chart,
}: {
  readonly answered: Answered;
  readonly rows: () => readonly Row[];
  readonly chart: RefObject<HTMLElement | null>;
  /** In the files' name. */
  readonly part?: string;
}) {
  const { view, slice, zone } = usePage();
  const { metric } = answered;
  const isCompared = answered.chart !== "percentiles";
  const compared = isCompared ? comparedText(answered.totals.comparedPeriod, zone, view.language) : "";
  const period = [cleanText(view.account), spanText(slice.span, view.language), zone].join(" \u00b7 ");
  return (
    <ExportButtons
      rows={rows}
      chart={chart}
      heading={[metric.name, period, ...(compared ? [`${METRIC[view.language].before}: ${compared}`] : [])]}
      name={["telwerk", view.account, metric.id, part, isoOf(slice.span.start), isoOf(plusDays(slice.span.end, -1))]}
      language={view.language}
    />
  );
}
