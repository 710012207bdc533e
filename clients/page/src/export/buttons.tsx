/** What a chart shows, to take along: its numbers as CSV, and its picture as PNG. */
import type { RefObject } from "preact";
import type { Language } from "../state/view.ts";
import { CHARTS_TEXTS } from "../texts/charts.ts";
import { csvText, type Row } from "./csv.ts";
import { pictureOf } from "./paint.ts";

/** A file's name of its parts, of letters that every system takes. */
const fileName = (parts: readonly string[], ending: string): string =>
  `${parts
    .map((part) => part.replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^[-.]+|[-.]+$/g, ""))
    .filter(Boolean)
    .join("_")
    .slice(0, 120)}.${ending}`;

function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser reads it after the click.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Saves rows as CSV. */
export function CsvButton({
  rows,
  name,
  language,
}: {
  readonly rows: () => readonly Row[];
  /** The parts of the file's name. */
  readonly name: readonly string[];
  readonly language: Language;
}) {
  const saveRows = () => save(new Blob([csvText(rows())], { type: "text/csv;charset=utf-8" }), fileName(name, "csv"));
  return (
    <button type="button" onClick={saveRows}>
      {CHARTS_TEXTS[language].csv}
    </button>
  );
}

export function ExportButtons({
  rows,
  chart,
  heading,
  name,
  language,
}: {
  readonly rows: () => readonly Row[];
  /** The element that is shown. */
  readonly chart: RefObject<HTMLElement | null>;
  /** What stands above the picture: its title, its period. */
  readonly heading: readonly string[];
  /** The parts of the files' name. */
  readonly name: readonly string[];
  readonly language: Language;
}) {
  const texts = CHARTS_TEXTS[language];
  const savePicture = async () => {
    const element = chart.current;
    const blob = element && (await pictureOf({ heading, element }));
    if (blob) save(blob, fileName(name, "png"));
  };
  return (
    <div class="export" role="group" aria-label={texts.export}>
      <CsvButton rows={rows} name={name} language={language} />
      <button type="button" onClick={() => void savePicture()}>
        {texts.png}
      </button>
    </div>
  );
}
