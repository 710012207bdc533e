/** A catalogue for tests: one metric of each kind. */
import { create } from "@bufbuild/protobuf";
import { Dimension, RateTermSchema, type Value, ValueKind, ValueSchema } from "#stubs/kpi_service_pb.js";
import type { Catalogue, Metric } from "../src/api/catalogue.ts";

const PLAIN: Metric = {
  id: "",
  name: "",
  figure: "count",
  unit: "",
  dimensions: new Set([Dimension.OPERATOR, Dimension.OPERATOR_GROUP, Dimension.WIDGET]),
  valueKind: ValueKind.NONE,
  values: [],
  direction: 0,
  isRevisable: false,
  help: { what: "", unit: "", when: "", why: "", example: "" },
  terms: undefined,
};

export const metricOf = (id: string, more: Partial<Metric> = {}): Metric => ({ ...PLAIN, id, name: id, ...more });

const withValues = (...more: Dimension[]) => new Set([...PLAIN.dimensions, Dimension.VALUE, ...more]);

const term = (kpiId: string, value?: Value) => create(RateTermSchema, { kpiId, ...(value && { value }) });

export const assigned = create(ValueSchema, { kind: { case: "offlineAssignment", value: 1 } });
export const fiveStars = create(ValueSchema, { kind: { case: "stars", value: 5 } });

export const METRICS = {
  answered: metricOf("live_conversations_answered"),
  unanswered: metricOf("unanswered_live_conversations"),
  received: metricOf("conversations_received"),
  responses: metricOf("response_time", { figure: "duration", valueKind: ValueKind.DURATION }),
  stars: metricOf("satisfaction_score", {
    figure: "stars",
    valueKind: ValueKind.STARS,
    dimensions: withValues(),
  }),
  topics: metricOf("conversation_topics", {
    valueKind: ValueKind.TOPIC_SET,
    dimensions: withValues(Dimension.TOPIC),
  }),
  offline: metricOf("offline_assignments", {
    valueKind: ValueKind.OFFLINE_ASSIGNMENT,
    dimensions: withValues(),
  }),
  answerRate: metricOf("live_answer_rate", {
    figure: "rate",
    terms: {
      above: term("live_conversations_answered"),
      below: [term("live_conversations_answered"), term("unanswered_live_conversations")],
    },
  }),
  ratingRate: metricOf("rating_rate", {
    figure: "rate",
    valueKind: ValueKind.STARS,
    dimensions: withValues(),
    terms: { above: term("satisfaction_score"), below: [term("conversations_received")] },
  }),
  offlineRate: metricOf("offline_reassignment_rate", {
    figure: "rate",
    terms: { above: term("offline_assignments", assigned), below: [term("offline_assignments")] },
  }),
} as const;

export const CATALOGUE: Catalogue = {
  sections: [],
  metrics: new Map(Object.values(METRICS).map((metric) => [metric.id, metric])),
  headings: undefined,
};
