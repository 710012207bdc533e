/** Numbers over time, drawn on a canvas; what it shows is said of each bucket, and stands in a table below it. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { bucketTexts } from "../format/times.ts";
import { useDismiss } from "../parts/dismiss.ts";
import { THEME_CHANGED } from "../parts/theme.tsx";
import { usePage } from "../state/page.ts";
import type { View } from "../state/view.ts";
import { CHARTS_TEXTS } from "../texts/charts.ts";
import { BucketReadout, type Pointed, spokenBucket } from "./bucket_readout.tsx";
import { BucketTable } from "./bucket_table.tsx";
import { Legend } from "./legend.tsx";
import { dataOf, idOf, type Line, optionsOf, type PlotProps } from "./plot.ts";

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
  const { root } = usePlot(props, undefined);
  return <div ref={root} class="chart" role="img" aria-label={props.label} style={{ height: `${props.height}px` }} />;
}

function FullChart(props: TimeChartProps) {
  const { lines, starts, language, figure, why, label, height } = props;
  const { go } = usePage();
  const texts = CHARTS_TEXTS[language];
  const [pointed, setPointed] = useState<Pointed>();
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const shown = useMemo(() => lines.filter((line) => !hidden.has(idOf(line))), [lines, hidden]);
  const running = runningBucket(props);
  const partial = useMemo(
    () => new Set([...(props.partial ?? []), ...(running === undefined ? [] : [running])]),
    [props.partial, running],
  );
  const buckets = useMemo(
    () => bucketsOf(props),
    [starts, props.beforeStarts, props.granularity, props.zone, language, props.partial, props.knownUntil],
  );
  const { root, plot } = usePlot({ ...props, lines, partial }, setPointed, hidden);
  const around = useRef<HTMLDivElement>(null);
  useDismiss(around, pointed?.isTouched ?? false, () => setPointed(undefined));
  const pick = (at: Pointed) => {
    const nearest = nearestLine(shown, at) ?? lines[0];
    if (why && nearest) go(why(at.bucket, lines.indexOf(nearest)));
  };
  const point = (bucket: number) => {
    const place = Math.max(0, Math.min(starts.length - 1, bucket));
    plot.current?.setCursor({ left: plot.current.valToPos(place, "x"), top: 0 });
  };
  const keys: Readonly<Record<string, () => void>> = {
    ArrowLeft: () => point((pointed?.bucket ?? starts.length) - 1),
    ArrowRight: () => point((pointed?.bucket ?? -1) + 1),
    Home: () => point(0),
    End: () => point(starts.length - 1),
    Escape: () => {
      plot.current?.setCursor({ left: -10, top: -10 });
      setPointed(undefined);
    },
    Enter: () => pointed && pick(pointed),
  };
  return (
    <div class="time-chart">
      <Legend lines={lines} hidden={hidden} setHidden={setHidden} label={texts.lines} />
      <div ref={around} class={why ? "plot picks" : "plot"}>
        <div
          ref={root}
          class="chart"
          style={{ height: `${height}px` }}
          tabIndex={0}
          role="slider"
          aria-label={label}
          aria-description={texts.keys}
          aria-valuemin={1}
          aria-valuemax={Math.max(1, starts.length)}
          aria-valuenow={(pointed?.bucket ?? 0) + 1}
          aria-valuetext={spokenBucket(buckets, shown, pointed?.bucket ?? 0, figure, language)}
          onClick={() => pointed && !pointed.isTouched && pick(pointed)}
          onKeyDown={(event) => {
            const act = keys[event.key];
            if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
            event.preventDefault();
            act();
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
            pick={why && (() => pick(pointed))}
          />
        )}
      </div>
      <BucketTable buckets={buckets} lines={lines} figure={figure} language={language} label={label} why={why} />
    </div>
  );
}

/** The line whose number is next to the pointer; the only one, where there is one. */
function nearestLine(shown: readonly Line[], { bucket, value }: Pointed): Line | undefined {
  const candidates = shown.filter((line) => !isBefore(line) && !Number.isNaN(line.values[bucket] ?? NaN));
  const distance = (line: Line) => Math.abs((line.values[bucket] ?? NaN) - value);
  return candidates.sort((one, other) => distance(one) - distance(other))[0];
}

/** Draws into `root`, again whenever the shape changes; new numbers alone move the lines that are there. */
function usePlot(
  props: PlotProps,
  setPointed: ((pointed: Pointed | undefined) => void) | undefined,
  hidden: ReadonlySet<string> = new Set(),
) {
  const root = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const latest = useRef({ ...props, hidden });
  latest.current = { ...props, hidden };
  const { lines, starts } = props;
  const shape = JSON.stringify([
    lines.map((line) => [idOf(line), line.label, line.isBefore]),
    [props.kind, props.figure, props.language, props.zone, props.height],
    starts,
    [...(props.partial ?? [])],
  ]);
  const show = () => {
    for (const [place, line] of latest.current.lines.entries())
      plot.current?.setSeries(place + 1, { show: !latest.current.hidden.has(idOf(line)) });
  };
  useEffect(() => {
    const element = root.current;
    if (!element) return undefined;
    const draw = () => {
      plot.current?.destroy();
      const options = optionsOf(latest.current, element.clientWidth, getComputedStyle(document.documentElement));
      plot.current = new uPlot(options, dataOf(latest.current), element);
      show();
      if (setPointed) followPointer(plot.current, setPointed);
    };
    draw();
    const resized = new ResizeObserver(() => {
      const { clientWidth } = element;
      if (clientWidth > 0 && clientWidth !== plot.current?.width)
        plot.current?.setSize({ width: clientWidth, height: latest.current.height });
    });
    resized.observe(element);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", draw);
    addEventListener(THEME_CHANGED, draw);
    return () => {
      resized.disconnect();
      dark.removeEventListener("change", draw);
      removeEventListener(THEME_CHANGED, draw);
      plot.current?.destroy();
      plot.current = undefined;
      setPointed?.(undefined);
    };
  }, [shape]);
  useEffect(() => {
    plot.current?.setData(dataOf({ lines, starts }));
  }, [lines]);
  useEffect(show, [hidden]);
  return { root, plot };
}

/** Tells which bucket the pointer, or the keyboard, is at. */
function followPointer(plot: uPlot, setPointed: (pointed: Pointed | undefined) => void): void {
  let isTouched = false;
  plot.over.addEventListener("pointerdown", (event) => {
    isTouched = event.pointerType === "touch";
  });
  const tell = () => {
    const { idx, left = -1, top = -1 } = plot.cursor;
    // A finger that leaves for the readout's button is still at its bucket.
    if (typeof idx !== "number" || left < 0) return isTouched ? undefined : setPointed(undefined);
    const x = plot.valToPos(idx, "x") + plot.bbox.left / uPlot.pxRatio;
    return setPointed({ bucket: idx, x, isOnRight: x > plot.width / 2, value: plot.posToVal(top, "y"), isTouched });
  };
  plot.hooks.setCursor = [...(plot.hooks.setCursor ?? []), tell];
}
