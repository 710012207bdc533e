/** Numbers over time, drawn on a canvas; what it shows is said of each bucket, and stands in a table below it. */
import { useMemo, useRef, useState } from "preact/hooks";
import { bucketTexts } from "../format/times.ts";
import { useDismiss } from "../parts/dismiss.ts";
import { usePage } from "../state/page.ts";
import type { View } from "../state/view.ts";
import { CHARTS_TEXTS } from "../texts/charts.ts";
import { BucketReadout, type Pointed, spokenBucket } from "./bucket_readout.tsx";
import { BucketTable } from "./bucket_table.tsx";
import { Legend } from "./legend.tsx";
import { idOf, type Line, type PlotProps } from "./plot.ts";
import { useDue } from "./use_due.ts";
import { usePlot } from "./use_plot.ts";

export type { Line } from "./plot.ts";

export interface TimeChartProps extends PlotProps {
  /** What it shows, for those who do not see it. */
  readonly label: string;
  /** Where each bucket of the compared period begins. */
  readonly beforeStarts?: readonly number[];
  /** Where the last bucket ends. Absent: it is over. */
  readonly end?: number;
  /** From this instant on there are no numbers yet: what begins later is left blank, what it lies in is "so far". */
  readonly knownUntil?: number;
  /** The view that explains a number: where its bucket, or its cell of the table, leads. */
  readonly why?: (bucket: number, line: number) => Partial<View>;
}

/** A bucket as it is told of. */
export interface Bucket {
  readonly name: string;
  /** Of the compared period; empty if there is none. */
  readonly beforeName: string;
}

const isBefore = (line: Line): boolean => line.isBefore ?? false;

/** The lines without what is not known yet: a day to come has no number, not the number zero. */
function knownLines(
  lines: readonly Line[],
  starts: readonly number[],
  knownUntil: number | undefined,
): readonly Line[] {
  if (knownUntil === undefined) return lines;
  return lines.map((line) =>
    isBefore(line)
      ? line
      : { ...line, values: line.values.map((value, place) => ((starts[place] ?? 0) < knownUntil ? value : NaN)) },
  );
}

/** The bucket that is not over; none if all are, or none has begun. */
function runningBucket({ starts, end, knownUntil }: TimeChartProps): number | undefined {
  if (knownUntil === undefined || (starts[0] ?? knownUntil) >= knownUntil) return undefined;
  const next = starts.findIndex((start) => start >= knownUntil);
  if (next > 0) return next - 1;
  return end !== undefined && end > knownUntil ? starts.length - 1 : undefined;
}

function bucketsOf(props: TimeChartProps): readonly Bucket[] {
  const { starts, beforeStarts = [], granularity, zone, language, partial } = props;
  const texts = CHARTS_TEXTS[language];
  const running = runningBucket(props);
  const before = bucketTexts(beforeStarts, granularity, zone, language);
  return bucketTexts(starts, granularity, zone, language).map((name, place) => {
    const mark = place === running ? texts.soFar : partial?.has(place) ? texts.part : "";
    return { name: mark ? `${name} (${mark})` : name, beforeName: before[place] ?? "" };
  });
}

export function TimeChart(props: TimeChartProps) {
  const { starts, knownUntil, isSmall = false } = props;
  const lines = useMemo(() => knownLines(props.lines, starts, knownUntil), [props.lines, starts, knownUntil]);
  if (isSmall) return <SmallChart {...props} lines={lines} />;
  return <FullChart {...props} lines={lines} />;
}

function SmallChart(props: TimeChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const due = useDue(place, props);
  return (
    <div ref={place} class="chart" role="img" aria-label={props.label} style={{ height: `${props.height}px` }}>
      {due && <SmallPlot {...due} />}
    </div>
  );
}

function SmallPlot(props: PlotProps) {
  const { root } = usePlot(props, undefined);
  return <div ref={root} />;
}

function FullChart(props: TimeChartProps) {
  const { lines, starts, language, figure, why, label } = props;
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const running = runningBucket(props);
  const partial = useMemo(
    () => new Set([...(props.partial ?? []), ...(running === undefined ? [] : [running])]),
    [props.partial, running],
  );
  const buckets = useMemo(
    () => bucketsOf(props),
    [starts, props.beforeStarts, props.granularity, props.zone, language, props.partial, props.knownUntil],
  );
  return (
    <div class="time-chart">
      <Legend lines={lines} hidden={hidden} setHidden={setHidden} label={CHARTS_TEXTS[language].lines} />
      <PlotArea {...props} partial={partial} buckets={buckets} hidden={hidden} />
      <BucketTable buckets={buckets} lines={lines} figure={figure} language={language} label={label} why={why} />
    </div>
  );
}

interface PlotAreaProps extends TimeChartProps {
  readonly buckets: readonly Bucket[];
  /** Lines that are not shown, by `idOf`. */
  readonly hidden: ReadonlySet<string>;
}

/** The drawing, which a pointer, a finger and keys move through. */
function PlotArea(props: PlotAreaProps) {
  const { lines, starts, language, figure, why, buckets, hidden } = props;
  const { go } = usePage();
  const [pointed, setPointed] = useState<Pointed>();
  const shown = useMemo(() => lines.filter((line) => !hidden.has(idOf(line))), [lines, hidden]);
  const { root, plot } = usePlot(props, setPointed, hidden);
  const around = useRef<HTMLDivElement>(null);
  useDismiss(around, pointed?.isTouched ?? false, () => setPointed(undefined));
  const pick = () => {
    const nearest = (pointed && nearestLine(shown, pointed)) ?? lines[0];
    if (pointed && why && nearest) go(why(pointed.bucket, lines.indexOf(nearest)));
  };
  return (
    <div ref={around} class={why ? "plot picks" : "plot"}>
      <div
        ref={root}
        class="chart"
        style={{ height: `${props.height}px` }}
        tabIndex={0}
        role="slider"
        aria-label={props.label}
        aria-description={CHARTS_TEXTS[language].keys}
        aria-valuemin={1}
        aria-valuemax={Math.max(1, starts.length)}
        aria-valuenow={(pointed?.bucket ?? 0) + 1}
        aria-valuetext={spokenBucket(buckets, shown, pointed?.bucket ?? 0, figure, language)}
        onClick={() => !pointed?.isTouched && pick()}
        onKeyDown={(event) => {
          const at =
            event.ctrlKey || event.metaKey || event.altKey ? undefined : moved(event.key, pointed, starts.length);
          if (at === undefined && event.key !== "Enter") return;
          event.preventDefault();
          if (at === undefined) return pick();
          plot.current?.setCursor({ left: at < 0 ? -10 : plot.current.valToPos(at, "x"), top: at < 0 ? -10 : 0 });
          if (at < 0) setPointed(undefined);
        }}
      />
      {pointed && (
        <BucketReadout
          pointed={pointed}
          bucket={buckets[pointed.bucket]}
          lines={lines}
          hidden={hidden}
          figure={figure}
          language={language}
          pick={why && pick}
        />
      )}
    </div>
  );
}

/** The bucket that a key leads to, of so many; -1 leaves the chart; undefined for any other key. */
function moved(key: string, pointed: Pointed | undefined, length: number): number | undefined {
  const last = Math.max(0, length - 1);
  switch (key) {
    case "ArrowLeft":
      return Math.max(0, (pointed?.bucket ?? length) - 1);
    case "ArrowRight":
      return Math.min(last, (pointed?.bucket ?? -1) + 1);
    case "Home":
      return 0;
    case "End":
      return last;
    case "Escape":
      return -1;
    default:
      return undefined;
  }
}

/** The line whose number is next to the pointer; the only one, where there is one. */
function nearestLine(shown: readonly Line[], { bucket, value }: Pointed): Line | undefined {
  const candidates = shown.filter((line) => !isBefore(line) && !Number.isNaN(line.values[bucket] ?? NaN));
  const distance = (line: Line) => Math.abs((line.values[bucket] ?? NaN) - value);
  return candidates.sort((one, other) => distance(one) - distance(other))[0];
}
