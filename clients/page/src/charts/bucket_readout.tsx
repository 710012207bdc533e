/** What a chart shows at one bucket: beside the pointer, and for those who hear it. */
import type { FigureKind } from "../api/catalogue.ts";
import { figureText } from "../format/numbers.ts";
import type { Language } from "../state/view.ts";
import { CHARTS_TEXTS } from "../texts/charts.ts";
import { colourName, idOf, type Line } from "./plot.ts";
import type { Bucket } from "./time_chart.tsx";

/** Where the pointer or the keyboard is. */
export interface Pointed {
  readonly bucket: number;
  /** Pixels from the chart's left edge. */
  readonly x: number;
  readonly isOnRight: boolean;
  /** Of the y axis, at the pointer. */
  readonly value: number;
  /** By a finger, which covers what it points at and cannot hover: it opens the readout first. */
  readonly isTouched: boolean;
}

/** A bucket in one sentence. */
export function spokenBucket(
  buckets: readonly Bucket[],
  lines: readonly Line[],
  place: number,
  figure: FigureKind,
  language: Language,
): string {
  const single = lines.filter((line) => !line.isBefore).length === 1;
  const parts = lines.map((line) => {
    const text = figureText(figure, line.values[place], language);
    return single && !line.isBefore ? text : `${line.label} ${text}`;
  });
  return `${buckets[place]?.name ?? ""}: ${parts.join("; ")}`;
}

export function BucketReadout({
  pointed,
  bucket,
  lines,
  hidden,
  figure,
  language,
  pick,
}: {
  readonly pointed: Pointed;
  readonly bucket: Bucket | undefined;
  readonly lines: readonly Line[];
  readonly hidden: ReadonlySet<string>;
  readonly figure: FigureKind;
  readonly language: Language;
  readonly pick: (() => void) | undefined;
}) {
  const texts = CHARTS_TEXTS[language];
  return (
    <div
      class={`readout${pointed.isOnRight ? " left" : ""}${pointed.isTouched ? " touched" : ""}`}
      style={{ left: `${pointed.x}px` }}
    >
      <strong>{bucket?.name}</strong>
      <table>
        <tbody>
          {lines.map(
            (line, place) =>
              !hidden.has(idOf(line)) && (
                <tr key={idOf(line)}>
                  <td>
                    <span class={`swatch ${colourName(lines, place).slice(2)}`} /> {line.label}
                    {line.isBefore && bucket?.beforeName && <span class="help"> ({bucket.beforeName})</span>}
                  </td>
                  <td class="number">{figureText(figure, line.values[pointed.bucket], language)}</td>
                </tr>
              ),
          )}
        </tbody>
      </table>
      {pick &&
        (pointed.isTouched ? (
          <button type="button" onClick={pick}>
            {texts.why}
          </button>
        ) : (
          <span class="help">{texts.clickForWhy}</span>
        ))}
    </div>
  );
}
