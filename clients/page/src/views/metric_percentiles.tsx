/** How durations are spread: their percentiles over time, and how many there are of each length. */
import { useRef } from "preact/hooks";
import { BarRows } from "../charts/bar_rows.tsx";
import { type Length, lengthsOf } from "../charts/lengths.ts";
import { histogramRows } from "../export/answer_rows.ts";
import { countText, rateText, shortDurationText } from "../format/numbers.ts";
import { usePage } from "../state/page.ts";
import { METRIC } from "../texts/metric.ts";
import { type CourseProps, PercentileCourse } from "./metric_course.tsx";
import { Exports } from "./metric_exports.tsx";

export function Percentiles(props: CourseProps) {
  const { view } = usePage();
  const { language } = view;
  const own = METRIC[language];
  const { total, metric } = props.answered;
  const short = (ms: number) => shortDurationText(ms, language);
  const nameOf = ({ from, to }: Length) => {
    if (to === undefined) return own.lengthFrom(short(from));
    return from === 0 ? own.lengthBelow(short(to)) : own.lengthBetween(short(from), short(to));
  };
  const all = Number(total?.count ?? 0n);
  const bins = total?.histogram ?? [];
  const chart = useRef<HTMLDivElement>(null);
  return (
    <>
      <PercentileCourse {...props} />
      <div class="chart-bar">
        <h2>{own.lengths}</h2>
        <Exports answered={props.answered} rows={() => histogramRows(metric.id, bins)} chart={chart} part="lengths" />
      </div>
      <div ref={chart}>
        <BarRows
          caption={`${metric.name}: ${own.lengths}`}
          heading={own.length}
          columns={[{ heading: own.count }, { heading: own.share, isExtra: true }, { heading: own.upTo }]}
          rows={lengthsOf(bins).map((length) => ({
            key: String(length.from),
            name: nameOf(length),
            size: length.count,
            cells: [
              countText(length.count, language),
              rateText(all > 0 ? length.count / all : 0, language),
              rateText(length.upTo, language),
            ],
          }))}
        />
      </div>
    </>
  );
}
