/** Rows as CSV (RFC 4180), which a spreadsheet may open without taking anybody's id for a formula. Pure. */

/** A number stays one; what is absent is an empty cell. */
export type Cell = string | number | bigint | boolean | null | undefined;

/** By column. */
export type Row = Readonly<Record<string, Cell>>;

/** What a spreadsheet takes for the beginning of a formula; the last four are the first four in full width. */
const FORMULA = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;

const BYTE_ORDER_MARK = "\ufeff";

function cellText(cell: Cell): string {
  if (cell === null || cell === undefined || (typeof cell === "number" && !Number.isFinite(cell))) return "";
  if (typeof cell === "boolean") return cell ? "True" : "False";
  if (typeof cell !== "string") return String(cell);
  // Ids and names are chosen by others.
  const text = FORMULA.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The rows under the columns that any of them has, as `telwerk -o csv` names them; empty where there are no rows. */
export function csvText(rows: readonly Row[]): string {
  if (rows.length === 0) return "";
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = [columns, ...rows.map((row) => columns.map((column) => row[column]))];
  return BYTE_ORDER_MARK + lines.map((line) => `${line.map(cellText).join(",")}\r\n`).join("");
}
