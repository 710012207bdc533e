/** What filters are called: chips, headings and titles say the same. */

import type { Catalogue, Metric } from "../api/catalogue.ts";
import { findNames, namedInFilters } from "../api/names.ts";
import { cleanText, type Label, Names } from "../format/labels.ts";
import { usePage } from "../state/page.ts";
import { parseValue, textOfValue } from "../state/value.ts";
import type { DimensionName, Filters } from "../state/view.ts";
import { useLoaded } from "./loading.ts";

/** Of each dimension's ids, so many are named at most; further ones are shown as ids. */
const NAMED_MAX = 20;

/** A metric that knows this value beforehand. */
const metricOfValue = (catalogue: Catalogue, text: string): Metric | undefined =>
  [...catalogue.metrics.values()].find((metric) =>
    metric.values.some((info) => info.value && textOfValue(info.value) === text),
  );

export type FilterLabel = (dimension: DimensionName, id: string) => Label;

/** The label of each id of a filter: until its name is there, and where it has none, the id. */
export function useFilterLabels(filters: Filters): FilterLabel {
  const { view, texts, catalogue } = usePage();
  const wanted = namedInFilters(filters, NAMED_MAX);
  const loaded = useLoaded(
    wanted.length > 0 ? JSON.stringify([view.account, wanted]) : undefined,
    // Names are an embellishment: where they cannot be read, ids are shown.
    (signal) => findNames(view.account, wanted, signal).catch(() => []),
  );
  const names = new Names(loaded.value ?? []);
  return (dimension, id) => {
    if (dimension !== "value") return names.label(dimension, id, texts.nobody);
    const value = parseValue(id);
    return value ? names.value(value, metricOfValue(catalogue, id)) : { text: cleanText(id), id: "" };
  };
}
