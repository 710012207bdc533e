/** What uPlot is told to draw: lines or bars over buckets, each bucket one place of the x axis. */
import uPlot from "uplot";
import type { Granularity } from "#stubs/kpi_service_pb.js";
import type { FigureKind } from "../api/catalogue.ts";
import type { Language } from "../state/view.ts";
import { type Scale, scaleOf } from "./scale.ts";
import { timeTicks } from "./time_ticks.ts";

/** One line, NaN where there is no number. */
export interface Line {
  readonly label: string;
  /** What tells it from the others where labels may be the same. Absent: the label. */
  readonly id?: string;
  readonly values: readonly number[];
  /** The compared period's are dashed and pale. */
  readonly isBefore?: boolean;
}

export interface PlotProps {
  readonly lines: readonly Line[];
  /** Where each bucket begins, in seconds since 1970. */
  readonly starts: readonly number[];
  readonly granularity: Granularity;
  readonly figure: FigureKind;
  /** Bars are drawn of one line alone; several are drawn as lines. */
  readonly kind: "line" | "bar";
  readonly zone: string;
  readonly language: Language;
  readonly height: number;
  /** A small one has no axes, no table, and takes no clicks. */
  readonly isSmall?: boolean;
  /** Buckets of which the period has only a part, by index. */
  readonly partial?: ReadonlySet<number>;
}

const COLOURS = 8;

export const idOf = (line: Line): string => line.id ?? line.label;

/** The line's colour, by its place among those that are not of the compared period. */
export const colourName = (lines: readonly Line[], place: number): string =>
  lines[place]?.isBefore
    ? "--before"
    : `--line-${lines.slice(0, place).filter((line) => !line.isBefore).length % COLOURS}`;

const TICK_GAP_PX = 46;
const GLYPH_PX = 7;
/** Half of the name of the first bucket stands below the axis of numbers. */
const AXIS_PX_MIN = 42;
/** Up to so many buckets each is marked by a point. */
const POINTS_MAX = 40;
/** The ground below a line of counts, behind its colour, which is of six digits. */
const AREA_ALPHA = "1a";
const FONT = "12px system-ui, sans-serif";

/** Every bucket, or only those that no line leads to. */
function pointsOf(values: readonly (number | null | undefined)[], withAll: boolean): number[] {
  const isThere = (place: number) => values[place] !== null && values[place] !== undefined;
  const all = values.flatMap((_, place) => (isThere(place) ? [place] : []));
  return withAll ? all : all.filter((place) => !isThere(place - 1) && !isThere(place + 1));
}

function seriesOf(props: PlotProps, place: number, colour: string): uPlot.Series {
  const { lines, kind, isSmall = false } = props;
  const line = lines[place] as Line;
  const isAlone = lines.filter((other) => !other.isBefore).length === 1;
  const isBar = kind === "bar" && !line.isBefore && isAlone;
  // Of counts the ground is their sum; of durations, say, it would be nothing.
  const isArea = props.figure === "count" && isAlone && !line.isBefore;
  const bars = isBar ? uPlot.paths.bars?.({ size: [0.7, 60] }) : undefined;
  return {
    label: line.label,
    stroke: colour,
    width: line.isBefore ? 1.5 : 2,
    ...(line.isBefore && { dash: [4, 4] }),
    ...(bars ? { paths: bars, fill: colour } : isArea && { fill: `${colour}${AREA_ALPHA}` }),
    points: isBar
      ? { show: false }
      : {
          size: isSmall || line.isBefore ? 3 : 5,
          fill: colour,
          filter: (plot, index) => {
            const withAll = !isSmall && !line.isBefore && props.starts.length <= POINTS_MAX;
            return pointsOf(plot.data[index] as (number | null)[], withAll);
          },
        },
  };
}

/** A pale ground behind the buckets that are only partly there. */
function shadePartial(plot: uPlot, partial: ReadonlySet<number>, colour: string): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.fillStyle = colour;
  for (const place of partial) {
    const [left, right] = [plot.valToPos(place - 0.5, "x", true), plot.valToPos(place + 0.5, "x", true)];
    ctx.fillRect(left, bbox.top, right - left, bbox.height);
  }
  ctx.restore();
}

/** @param scale the one of the numbers that are drawn now. */
function axesOf(props: PlotProps, scale: () => Scale, text: string, grid: string): uPlot.Axis[] {
  const { starts, isSmall = false, language, zone, granularity } = props;
  const axis = { show: !isSmall, stroke: text, ticks: { show: false }, font: FONT };
  const named = (plot: uPlot) => timeTicks(starts, granularity, zone, plot.bbox.width / uPlot.pxRatio, language);
  let ticks = { places: [] as readonly number[], texts: [] as readonly string[] };
  return [
    {
      ...axis,
      grid: { show: false },
      size: 34,
      gap: 9,
      splits: (plot) => {
        ticks = named(plot);
        return [...ticks.places];
      },
      values: () => [...ticks.texts],
    },
    {
      ...axis,
      grid: { stroke: grid, width: 1 },
      splits: () => [...scale().ticks],
      values: (_plot, numbers) => numbers.map(scale().text),
      size: (_plot, texts) =>
        Math.max(AXIS_PX_MIN, Math.max(0, ...(texts ?? []).map((one) => one.length)) * GLYPH_PX + 14),
    },
  ];
}

/** @param style where the colours' values are, by name. */
export function optionsOf(props: PlotProps, width: number, style: CSSStyleDeclaration): uPlot.Options {
  const { lines, starts, figure, isSmall = false, language, partial } = props;
  const colour = (name: string) => style.getPropertyValue(name).trim();
  let scale = scaleOf(figure, 1, 1, language);
  return {
    width,
    height: props.height,
    padding: isSmall ? [4, 2, 2, 2] : [10, 8, 0, 0],
    legend: { show: false },
    cursor: { show: !isSmall, y: false, drag: { x: false, y: false }, points: { size: 8 } },
    scales: {
      x: { time: false, range: [-0.5, Math.max(starts.length - 0.5, 0.5)] },
      y: {
        range: (_plot, _low, high) => {
          if (isSmall && figure !== "stars") return [0, high > 0 ? high * 1.08 : 1];
          scale = scaleOf(figure, high, props.height / TICK_GAP_PX, language);
          return [scale.ticks[0] ?? 0, scale.ticks.at(-1) ?? 1];
        },
      },
    },
    axes: axesOf(props, () => scale, colour("--muted"), colour("--grid")),
    series: [{}, ...lines.map((_, place) => seriesOf(props, place, colour(colourName(lines, place))))],
    hooks: partial ? { drawClear: [(plot) => shadePartial(plot, partial, colour("--grid"))] } : {},
  };
}

export const dataOf = ({ lines, starts }: Pick<PlotProps, "lines" | "starts">): uPlot.AlignedData => [
  starts.map((_, place) => place),
  ...lines.map((line) =>
    starts.map((_, place) => {
      const value = line.values[place];
      return value === undefined || Number.isNaN(value) ? null : value;
    }),
  ),
];
