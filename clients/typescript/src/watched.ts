import { clone, create, toBinary } from "@bufbuild/protobuf";

import { type DisplayName } from "./gen/telwerk/v1/display_name_pb.js";
import {
  type Distribution,
  DistributionSchema,
  type Key,
  KeySchema,
  type QueryTimeSeriesResponse,
  QueryTimeSeriesResponseSchema,
  type Series,
  SeriesSchema,
  type TimeSeriesChanges,
  type Value,
  ValueSchema,
  type WatchTimeSeriesResponse,
} from "./gen/telwerk/v1/kpi_service_pb.js";

type Update = Exclude<WatchTimeSeriesResponse["update"], { case: undefined }>;

/** A time series as its updates say it is now. */
export class Watched {
  readonly #sparse: boolean;
  #answer: QueryTimeSeriesResponse = create(QueryTimeSeriesResponseSchema);

  constructor(sparse: boolean) {
    this.#sparse = sparse;
  }

  /** The whole answer after this update, as a query would give it; a copy, which later updates leave alone. */
  update(update: Update): QueryTimeSeriesResponse {
    if (update.case === "snapshot") this.#answer = update.value;
    else this.#change(update.value);
    return clone(QueryTimeSeriesResponseSchema, this.#answer);
  }

  #change(changes: TimeSeriesChanges): void {
    const lines = new Map(this.#answer.series.map((line) => [identity(line), line]));
    for (const changed of changes.series) {
      const known = lines.get(identity(changed)) ?? create(SeriesSchema);
      lines.set(identity(changed), this.#merged(known, changed));
    }
    const order = new Map(changes.answers.map(({ kpiId }, place) => [kpiId, place]));
    const place = ({ kpiId }: Series) => order.get(kpiId) ?? 0;
    this.#answer.series = [...lines.values()]
      .filter((line) => encodedKey(line.key) === "" || line.counts.some((count) => count !== 0n))
      .sort((one, other) => place(one) - place(other) || compareKeys(one.key, other.key));
    this.#answer.answers = changes.answers;
    if (changes.completeUntil !== undefined) this.#answer.completeUntil = changes.completeUntil;
    this.#answer.names = mergedNames(this.#answer.names, changes.names);
  }

  /** The line with its changed buckets, dense or sparse as it was asked for. */
  #merged(before: Series, changed: Series): Series {
    const counts = column(before, before.counts, changed, changed.counts);
    const indexes = this.#sparse
      ? [...counts].filter(([, count]) => count !== 0n).map(([index]) => index).sort((one, other) => one - other)
      : this.#answer.bucketStartSeconds.map((_, index) => index);
    const at = (numbers: Map<number, bigint>) => indexes.map((index) => numbers.get(index) ?? 0n);
    const hasSums = before.sums.length + changed.sums.length > 0;
    return create(SeriesSchema, {
      kpiId: changed.kpiId,
      ...(changed.key === undefined ? {} : { key: changed.key }),
      bucketIndexes: this.#sparse ? indexes : [],
      counts: at(counts),
      sums: hasSums ? at(column(before, before.sums, changed, changed.sums)) : [],
      distribution: mergedDistribution(before, changed, at),
    });
  }
}

function mergedDistribution(
  before: Series,
  changed: Series,
  at: (numbers: Map<number, bigint>) => bigint[],
): Distribution[] {
  const old = new Map(before.distribution.map(({ value, counts }) => [encodedValue(value), counts]));
  const isNew = changed.distribution.length > 0;
  return (isNew ? changed : before).distribution.map(({ value, counts }) =>
    create(DistributionSchema, {
      ...(value === undefined ? {} : { value }),
      counts: at(column(before, old.get(encodedValue(value)) ?? [], changed, isNew ? counts : [])),
    }),
  );
}

/** Numbers by bucket: the old ones, and over them the new. */
function column(before: Series, old: bigint[], changed: Series, changes: bigint[]): Map<number, bigint> {
  const indexes = before.bucketIndexes;
  const numbers = new Map(old.map((number, place) => [indexes[place] ?? place, number]));
  for (const [place, number] of changes.entries()) {
    const index = changed.bucketIndexes[place];
    if (index !== undefined) numbers.set(index, number);
  }
  return numbers;
}

function identity(line: Series): string {
  return `${line.kpiId} ${encodedKey(line.key)}`;
}

function encodedKey(key: Key | undefined): string {
  return key === undefined ? "" : Buffer.from(toBinary(KeySchema, key)).toString("base64");
}

function encodedValue(value: Value | undefined): string {
  return value === undefined ? "" : Buffer.from(toBinary(ValueSchema, value)).toString("base64");
}

/** The display names after some have changed; an empty one is gone. By kind and id, as a query gives them. */
function mergedNames(before: DisplayName[], changed: DisplayName[]): DisplayName[] {
  const identityOf = ({ kind, questionId, id }: DisplayName) => JSON.stringify([kind, questionId, id]);
  const names = new Map([...before, ...changed].map((name) => [identityOf(name), name]));
  return [...names.values()]
    .filter(({ name }) => name !== "")
    .sort(
      (one, other) =>
        one.kind - other.kind || compareTexts(one.questionId, other.questionId) || compareTexts(one.id, other.id),
    );
}

/** The order of rows: by operator, group, widget, value, topic and question. */
function compareKeys(one: Key | undefined, other: Key | undefined): number {
  return (
    compareTexts(one?.operatorId, other?.operatorId) ||
    compareTexts(one?.operatorGroupId, other?.operatorGroupId) ||
    compareTexts(one?.widgetId, other?.widgetId) ||
    compareValues(one?.value, other?.value) ||
    compareTexts(one?.topicId, other?.topicId) ||
    compareTexts(one?.questionId, other?.questionId)
  );
}

/** Rows of one KPI have values of one kind. */
function compareValues(one: Value | undefined, other: Value | undefined): number {
  const [ones, others] = [parts(one), parts(other)];
  for (const [place, part] of ones.entries()) {
    const against = others[place];
    if (against === undefined) return 1;
    const order =
      typeof part === "number" && typeof against === "number"
        ? part - against
        : compareTexts(String(part), String(against));
    if (order !== 0) return order;
  }
  return ones.length - others.length;
}

function parts(value: Value | undefined): readonly (string | number)[] {
  const kind = value?.kind;
  if (kind?.case === undefined) return [];
  if (kind.case === "topics") return kind.value.topicIds;
  if (kind.case === "answer") return [kind.value.questionId, kind.value.optionId];
  return [kind.value];
}

/** By bytes, as the server does. */
function compareTexts(one = "", other = ""): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}
