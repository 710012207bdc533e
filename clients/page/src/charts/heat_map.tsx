/** The hours of a week, the more the deeper: a table, so that everybody can read it. */
import { useEffect, useState } from "preact/hooks";

export interface HeatCell {
  /** 1 for Monday to 7. */
  readonly weekday: number;
  /** 0 to 23. */
  readonly hour: number;
  /** How deep; NaN where there is no number. */
  readonly heat: number;
  /** What stands in the cell. */
  readonly short: string;
  /** What is said of it. */
  readonly long: string;
}

const WEEKDAYS = [1, 2, 3, 4, 5, 6, 7] as const;
const HOURS = Array.from({ length: 24 }, (_, hour) => hour);
const HEAT_LEVELS = 8;
/** A screen that has no room for 24 columns has them as rows. */
const WIDE = "(min-width: 68rem)";

/** 0: nothing; else in steps from the base to the top. */
export function heatLevel(heat: number, base: number, top: number): number {
  if (Number.isNaN(heat) || (heat <= 0 && base <= 0)) return 0;
  const part = top > base ? (heat - base) / (top - base) : 1;
  return Math.max(1, Math.min(HEAT_LEVELS, Math.ceil(part * HEAT_LEVELS - 1e-9)));
}

function useIsWide(): boolean {
  const [isWide, setIsWide] = useState(() => matchMedia(WIDE).matches);
  useEffect(() => {
    const query = matchMedia(WIDE);
    const changed = () => setIsWide(query.matches);
    query.addEventListener("change", changed);
    return () => query.removeEventListener("change", changed);
  }, []);
  return isWide;
}

const hourText = (hour: number): string => String(hour).padStart(2, "0");

export function HeatMap({
  cells,
  isFromZero,
  weekdayName,
  caption,
}: {
  readonly cells: readonly HeatCell[];
  /** Else the palest is the least that there is, as of rates, which are seldom near zero. */
  readonly isFromZero: boolean;
  readonly weekdayName: (weekday: number, width: "short" | "long") => string;
  readonly caption: string;
}) {
  const isWide = useIsWide();
  const found = new Map(cells.map((cell) => [`${cell.weekday} ${cell.hour}`, cell]));
  const heats = cells.map((cell) => cell.heat).filter((heat) => !Number.isNaN(heat));
  const [base, top] = [isFromZero ? 0 : Math.min(...heats), Math.max(...heats)];
  const [rows, columns] = isWide ? [WEEKDAYS, HOURS] : [HOURS, WEEKDAYS];
  const nameOf = (isWeekday: boolean, number: number) => (
    <abbr title={isWeekday ? weekdayName(number, "long") : `${hourText(number)}:00`}>
      {isWeekday ? weekdayName(number, "short") : hourText(number)}
    </abbr>
  );
  return (
    <table class="heat-map">
      <caption class="hidden">{caption}</caption>
      <thead>
        <tr>
          <td />
          {columns.map((column) => (
            <th key={column} scope="col">
              {nameOf(!isWide, column)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row}>
            <th scope="row">{nameOf(isWide, row)}</th>
            {columns.map((column) => {
              const cell = found.get(isWide ? `${row} ${column}` : `${column} ${row}`);
              if (!cell) return <td key={column} />;
              return (
                <td key={column} class={`heat-${heatLevel(cell.heat, base, top)}`} title={cell.long}>
                  {cell.short}
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
