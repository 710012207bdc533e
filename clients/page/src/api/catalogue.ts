/** The catalogue: every number that can be asked for, KPIs, service times and rates alike, as a `Metric`. */
import {
  type Dimension,
  Direction,
  type HelpHeadings,
  type Kpi,
  type Rate,
  type RateTerm,
  Revisability,
  type ValueInfo,
  ValueKind,
} from "#stubs/kpi_service_pb.js";
import { kpis } from "./clients.ts";

/** What the number of a metric is: a count, the mean of stars, durations in milliseconds, or a rate from 0. */
export type FigureKind = "count" | "stars" | "duration" | "rate";

/** A metric's help: the catalogue's own texts. */
export interface Help {
  readonly what: string;
  readonly unit: string;
  readonly when: string;
  readonly why: string;
  readonly example: string;
}

export interface Metric {
  readonly id: string;
  readonly name: string;
  readonly figure: FigureKind;
  readonly unit: string;
  readonly dimensions: ReadonlySet<Dimension>;
  readonly valueKind: ValueKind;
  /** The values that are known beforehand, in order. */
  readonly values: readonly ValueInfo[];
  /** 1: more is better; -1: less is better; 0: neither, or not known. */
  readonly direction: 1 | -1 | 0;
  readonly isRevisable: boolean;
  readonly help: Help;
  /** Of a rate: what is above and below the line. */
  readonly terms: { readonly above: RateTerm | undefined; readonly below: readonly RateTerm[] } | undefined;
}

export interface MetricSection {
  readonly name: string;
  readonly introduction: string;
  readonly metrics: readonly Metric[];
}

export interface Catalogue {
  readonly sections: readonly MetricSection[];
  readonly metrics: ReadonlyMap<string, Metric>;
  readonly headings: HelpHeadings | undefined;
}

function directionOf(direction: Direction): Metric["direction"] {
  if (direction === Direction.HIGHER_IS_BETTER) return 1;
  return direction === Direction.LOWER_IS_BETTER ? -1 : 0;
}

function figureOf(kpi: Kpi): FigureKind {
  if (kpi.valueKind === ValueKind.DURATION) return "duration";
  return kpi.hasMean ? "stars" : "count";
}

const helpOf = ({ what, unit, when, why, example }: Help): Help => ({ what, unit, when, why, example });

const ofKpi = (kpi: Kpi): Metric => ({
  id: kpi.kpiId,
  name: kpi.displayName,
  figure: figureOf(kpi),
  unit: kpi.unit,
  dimensions: new Set(kpi.dimensions),
  valueKind: kpi.valueKind,
  values: kpi.values,
  direction: directionOf(kpi.direction),
  isRevisable: kpi.revisability === Revisability.REVISABLE,
  help: helpOf(kpi),
  terms: undefined,
});

const ofRate = (rate: Rate): Metric => ({
  id: rate.rateId,
  name: rate.displayName,
  figure: "rate",
  unit: rate.unit,
  dimensions: new Set(rate.dimensions),
  valueKind: rate.valueKind,
  values: [],
  direction: directionOf(rate.direction),
  isRevisable: true,
  help: helpOf(rate),
  terms: { above: rate.above, below: rate.below },
});

/** Reads it, in that language; sections as the server has them, then service times and rates under the names given. */
export async function loadCatalogue(
  languageCode: string,
  names: { readonly serviceTimes: string; readonly rates: string },
  signal: AbortSignal,
): Promise<Catalogue> {
  const answer = await kpis.listKpis({ languageCode }, { signal });
  const all = new Map([...answer.kpis, ...answer.serviceTimes].map((kpi) => [kpi.kpiId, ofKpi(kpi)]));
  for (const rate of answer.rates) all.set(rate.rateId, ofRate(rate));
  const of = (ids: readonly string[]) => ids.flatMap((id) => all.get(id) ?? []);
  const sections = answer.sections.map((section) => ({
    name: section.displayName,
    introduction: section.introduction,
    metrics: of(section.kpiIds),
  }));
  const more = [
    { name: names.serviceTimes, introduction: "", metrics: of(answer.serviceTimes.map((kpi) => kpi.kpiId)) },
    { name: names.rates, introduction: "", metrics: of(answer.rates.map((rate) => rate.rateId)) },
  ];
  return {
    sections: [...sections, ...more].filter((section) => section.metrics.length > 0),
    metrics: all,
    headings: answer.headings,
  };
}
