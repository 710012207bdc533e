/** Filters, and how they change. Pure. */
import { DIMENSIONS, type DimensionName, type Filters } from "./view.ts";

/** The filters with one id more, or without it; a dimension without ids is not filtered by. */
export function toggled(filters: Filters, dimension: DimensionName, id: string): Filters {
  const before = filters[dimension] ?? [];
  const after = before.includes(id) ? before.filter((other) => other !== id) : [...before, id];
  return Object.fromEntries(
    DIMENSIONS.map((name) => [name, name === dimension ? after : (filters[name] ?? [])] as const).filter(
      ([, ids]) => ids.length > 0,
    ),
  );
}

/** One id that is filtered by. */
export interface Chosen {
  readonly dimension: DimensionName;
  readonly id: string;
}

/** All of them, by dimension. */
export const chosenIn = (filters: Filters): readonly Chosen[] =>
  DIMENSIONS.flatMap((dimension) => (filters[dimension] ?? []).map((id) => ({ dimension, id })));
