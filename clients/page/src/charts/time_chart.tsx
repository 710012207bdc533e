/** Numbers over time: lines, or bars, one place for each bucket. Drawn on a canvas; a table beside it says the same. */
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Granularity } from "#stubs/kpi_service_pb.js";
import type { FigureKind } from "../api/catalogue.ts";
import { compactText, figureText, rateText, shortDurationText } from "../format/numbers.ts";
import { bucketText } from "../format/times.ts";
import { THEME_CHANGED } from "../parts/theme.tsx";

/** One line, NaN where there is no number. */
export interface Line {
  readonly label: string;
  readonly values: readonly number[];
  /** The compared period's are dashed and pale. */
  readonly isBefore?: boolean;
}

export interface TimeChartProps {
  readonly lines: readonly Line[];
  /** Where each bucket begins, in seconds since 1970. */
  readonly starts: readonly number[];
  readonly granularity: Granularity;
  readonly figure: FigureKind;
  readonly kind: "line" | "bar";
  readonly zone: string;
  readonly language: string;
  readonly height: number;
  /** A small one has no axes, and takes no clicks. */
  readonly isSmall?: boolean;
  /** What it shows, for those who do not see it. */
  readonly label: string;
  /** A bucket of a line was clicked. */
  readonly onPick?: (bucket: number, line: number) => void;
}

export const COLOURS = 8;

const colourOf = (style: CSSStyleDeclaration, name: string): string => style.getPropertyValue(name).trim();

function edgeText(figure: FigureKind, number: number, language: string): string {
  switch (figure) {
    case "duration":
      return shortDurationText(number, language);
    case "rate":
      return rateText(number, language, 0);
    case "stars":
      return number.toLocaleString(language);
    case "count":
      return compactText(number, language);
  }
}

function optionsOf(props: TimeChartProps, width: number, style: CSSStyleDeclaration): uPlot.Options {
  const { lines, starts, figure, kind, isSmall = false, language, zone, granularity } = props;
  const [text, grid] = [colourOf(style, "--muted"), colourOf(style, "--grid")];
  const bars = uPlot.paths.bars?.({ size: [0.7, 60] });
  const axis = { stroke: text, grid: { stroke: grid, width: 1 }, ticks: { show: false }, font: "12px system-ui" };
  return {
    width,
    height: props.height,
    padding: isSmall ? [4, 2, 2, 2] : [10, 12, 0, 0],
    legend: { show: false },
    cursor: { show: !isSmall, drag: { x: false, y: false }, points: { size: 7 } },
    scales: {
      x: { time: false, range: [-0.5, Math.max(starts.length - 0.5, 0.5)] },
      y: { range: (_plot, _low, high) => (figure === "stars" ? [1, 5] : [0, high > 0 ? high * 1.08 : 1]) },
    },
    axes: [
      {
        ...axis,
        show: !isSmall,
        grid: { show: false },
        incrs: [1, 2, 3, 4, 6, 7, 12, 14, 24, 28, 48, 56, 96, 168, 336, 672],
        space: 110,
        values: (_plot, places) =>
          places.map((place) => {
            const start = starts[place];
            return start === undefined ? "" : bucketText(start, granularity, zone, language);
          }),
      },
      {
        ...axis,
        show: !isSmall,
        size: 62,
        values: (_plot, numbers) => numbers.map((number) => edgeText(figure, number, language)),
      },
    ],
    series: [
      {},
      ...lines.map((line, place) => {
        const colour = colourOf(style, line.isBefore ? "--before" : `--line-${place % COLOURS}`);
        const isBar = kind === "bar" && !line.isBefore && lines.filter((other) => !other.isBefore).length === 1;
        return {
          label: line.label,
          stroke: colour,
          width: line.isBefore ? 1.5 : 2,
          ...(line.isBefore && { dash: [4, 4] }),
          ...(isBar && bars && { paths: bars, fill: colour }),
          points: { show: !isSmall && starts.length < 40 && !isBar && !line.isBefore, size: 5, fill: colour },
          value: (_plot: uPlot, number: number | null) => figureText(figure, number ?? NaN, language),
        } satisfies uPlot.Series;
      }),
    ],
  };
}

const dataOf = ({ lines, starts }: TimeChartProps): uPlot.AlignedData => [
  starts.map((_, place) => place),
  ...lines.map((line) =>
    starts.map((_, place) => {
      const value = line.values[place];
      return value === undefined || Number.isNaN(value) ? null : value;
    }),
  ),
];

export function TimeChart(props: TimeChartProps) {
  const root = useRef<HTMLDivElement>(null);
  const latest = useRef(props);
  latest.current = props;
  const shape = JSON.stringify([
    props.lines.map((line) => [line.label, line.isBefore]),
    props.kind,
    props.figure,
    props.starts,
    props.language,
    props.height,
  ]);
  const plot = useRef<uPlot>(undefined);
  useEffect(() => {
    const element = root.current;
    if (!element) return undefined;
    const draw = () => {
      plot.current?.destroy();
      plot.current = new uPlot(
        optionsOf(latest.current, element.clientWidth, getComputedStyle(document.documentElement)),
        dataOf(latest.current),
        element,
      );
      plot.current.over.addEventListener("click", () => {
        const { idx } = plot.current?.cursor ?? {};
        if (typeof idx === "number") latest.current.onPick?.(idx, 0);
      });
    };
    draw();
    const resized = new ResizeObserver(() =>
      plot.current?.setSize({ width: element.clientWidth, height: latest.current.height }),
    );
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
    };
  }, [shape]);
  useEffect(() => {
    plot.current?.setData(dataOf(props));
  });
  return <div ref={root} class="chart" role="img" aria-label={props.label} style={{ height: `${props.height}px` }} />;
}
