/** A plot in an element of the page: drawn anew when its shape changes, moved when its numbers do, and taken away at the end. */
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { THEME_CHANGED } from "../parts/theme.tsx";
import type { Pointed } from "./bucket_readout.tsx";
import { dataOf, idOf, optionsOf, type PlotProps } from "./plot.ts";

/** The same with every rendering: another set would have all charts drawn again. */
const NONE: ReadonlySet<string> = new Set();

/** Draws into `root`, again whenever the shape changes; new numbers alone move the lines that are there. */
export function usePlot(
  props: PlotProps,
  setPointed: ((pointed: Pointed | undefined) => void) | undefined,
  hidden: ReadonlySet<string> = NONE,
) {
  const root = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const latest = useRef({ ...props, hidden });
  latest.current = { ...props, hidden };
  const { lines, starts } = props;
  /** What the plot shows already. */
  const drawn = useRef<{ lines?: PlotProps["lines"]; hidden?: ReadonlySet<string> }>({});
  const shape = JSON.stringify([
    lines.map((line) => [idOf(line), line.label, line.isBefore]),
    [props.kind, props.figure, props.language, props.zone, props.height],
    starts,
    [...(props.partial ?? [])],
  ]);
  useEffect(() => {
    const element = root.current;
    if (!element) return undefined;
    const draw = () => {
      plot.current?.destroy();
      const options = optionsOf(latest.current, element.clientWidth, getComputedStyle(document.documentElement));
      for (const [place, line] of latest.current.lines.entries()) {
        const series = options.series[place + 1];
        if (series) series.show = !latest.current.hidden.has(idOf(line));
      }
      plot.current = new uPlot(options, dataOf(latest.current), element);
      drawn.current = latest.current;
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
    if (drawn.current.lines === lines) return;
    plot.current?.setData(dataOf({ lines, starts }));
    drawn.current = { ...drawn.current, lines };
  }, [lines]);
  useEffect(() => {
    if (drawn.current.hidden === hidden) return;
    for (const [place, line] of lines.entries()) plot.current?.setSeries(place + 1, { show: !hidden.has(idOf(line)) });
    drawn.current = { ...drawn.current, hidden };
  }, [hidden]);
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
