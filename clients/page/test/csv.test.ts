/** A CSV that programs read and spreadsheets may open. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { csvText } from "../src/export/csv.ts";

/** Without the byte order mark. */
const text = (...rows: Parameters<typeof csvText>[0]) => csvText(rows).slice(1);

test("it begins with a byte order mark, and its lines end as RFC 4180 has them", () => {
  assert.equal(csvText([{ kpi: "messages", count: 3 }]), "\ufeffkpi,count\r\nmessages,3\r\n");
});

test("without rows it is empty", () => {
  assert.equal(csvText([]), "");
});

test("a column that only some rows have is there for all", () => {
  assert.equal(
    text({ kpi: "a", count: 1 }, { kpi: "b", rest: true, count: 2 }),
    "kpi,count,rest\r\na,1,\r\nb,2,True\r\n",
  );
});

test("quotes, commas and line breaks do not end a cell", () => {
  assert.equal(
    text({ a: 'say "hi"', b: "x,y", c: "two\nlines", d: "two\r\nlines" }),
    'a,b,c,d\r\n"say ""hi""","x,y","two\nlines","two\r\nlines"\r\n',
  );
});

test("an id that is a formula is none any more", () => {
  for (const id of ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "＝1", "＋1", "－1", "＠x"])
    assert.equal(text({ id }), `id\r\n'${id}\r\n`, JSON.stringify(id));
  assert.equal(text({ id: "\r=1" }), `id\r\n"'\r=1"\r\n`);
  assert.equal(text({ id: "\n=1" }), `id\r\n"'\n=1"\r\n`);
  assert.equal(text({ id: '=HYPERLINK("http://x","y")' }), `id\r\n"'=HYPERLINK(""http://x"",""y"")"\r\n`);
});

test("a negative number stays a number, and so does one beyond what a double holds", () => {
  assert.equal(text({ a: -5, b: -0.25, c: -9_007_199_254_740_993n }), "a,b,c\r\n-5,-0.25,-9007199254740993\r\n");
});

test("what is absent is an empty cell, not the word for it", () => {
  assert.equal(text({ a: undefined, b: null, c: Number.NaN, d: 0, e: "" }), "a,b,c,d,e\r\n,,,0,\r\n");
});
