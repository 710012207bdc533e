/** Which line is which; pressing a name hides its line, or shows it again. */
import { colourName, idOf, type Line } from "./plot.ts";

export function Legend({
  lines,
  hidden,
  setHidden,
  label,
}: {
  readonly lines: readonly Line[];
  /** By `idOf`. */
  readonly hidden: ReadonlySet<string>;
  readonly setHidden: (hidden: ReadonlySet<string>) => void;
  readonly label: string;
}) {
  if (lines.length < 2) return null;
  const toggle = (name: string) => {
    const next = new Set(hidden);
    if (!next.delete(name)) next.add(name);
    // A chart without any line says nothing: the last one stays.
    if (next.size < lines.length) setHidden(next);
  };
  return (
    <div class="time-legend" role="group" aria-label={label}>
      {lines.map((line, place) => (
        <button
          key={idOf(line)}
          type="button"
          aria-pressed={!hidden.has(idOf(line))}
          title={line.label}
          onClick={() => toggle(idOf(line))}
        >
          <span class={`swatch ${colourName(lines, place).slice(2)}`} aria-hidden="true" />
          <bdi>{line.label}</bdi>
        </button>
      ))}
    </div>
  );
}
