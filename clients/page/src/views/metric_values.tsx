/** A metric by its values: how often each star, goal, topic, answer; the shares, and what is left. */
import { NameKind } from "#stubs/display_name_pb.js";
import type { Total } from "#stubs/kpi_service_pb.js";
import type { Metric } from "../api/catalogue.ts";
import { figureOfTotal } from "../api/figures.ts";
import { type BarRow, BarRows } from "../charts/bar_rows.tsx";
import { cleanText, idOfKey, type Label, Names } from "../format/labels.ts";
import { countText, figureText, NOT_THERE, rateText } from "../format/numbers.ts";
import { Link } from "../parts/link.tsx";
import { Named } from "../parts/named.tsx";
import { EmptyNote } from "../parts/states.tsx";
import { usePage, whyOf } from "../state/page.ts";
import type { SplitName } from "../state/view.ts";
import { METRIC } from "../texts/metric.ts";
import { type Answered, type Look, splitsOf } from "./metric_asked.ts";
import { ChangeText } from "./metric_change.tsx";

/** How often a value occurs is counted, also where the metric's own number is their mean. */
const counted = (metric: Metric): Metric =>
  metric.figure === "stars" ? { ...metric, figure: "count", direction: 0 } : metric;

/** The id of the question that a row answers; rows of one question belong together. */
const questionOf = (total: Total): string =>
  total.key?.value?.kind.case === "answer" ? total.key.value.kind.value.questionId : "";

/** What the values are split by, where there is a choice. */
export function SplitMenu({ look }: { readonly look: Look }) {
  const { view, go } = usePage();
  const own = METRIC[view.language];
  const splits = splitsOf(look.metric);
  if (look.chart !== "values" || splits.length < 2) return null;
  return (
    <label class="menu">
      <span>{own.by}</span>
      <select
        name="split"
        value={look.split}
        onChange={(event) => go({ split: event.currentTarget.value as SplitName })}
      >
        {splits.map((split) => (
          <option key={split} value={split}>
            {own.splits[split]}
          </option>
        ))}
      </select>
    </label>
  );
}

export function ByValue({ answered }: { readonly answered: Answered }) {
  const own = METRIC[usePage().view.language];
  const [response] = answered.grouped;
  const rows = response?.totals ?? [];
  const questions = [...new Set(rows.map(questionOf))];
  const names = new Names(response?.names ?? []);
  return (
    <>
      {rows.length === 0 && <EmptyNote />}
      {questions.map((question) => (
        <ValueRows
          key={question}
          answered={answered}
          rows={rows.filter((total) => questionOf(total) === question)}
          names={names}
          question={question}
        />
      ))}
      {response?.answers[0]?.overlapping && <p class="help">{own.overlapping}</p>}
      {questions.some(Boolean) && <p class="help">{own.sharesOfQuestion}</p>}
    </>
  );
}

function ValueRows({
  answered: { metric, split },
  rows,
  names,
  question,
}: {
  readonly answered: Answered;
  readonly rows: readonly Total[];
  readonly names: Names;
  readonly question: string;
}) {
  const { view, texts } = usePage();
  const { language } = view;
  const own = METRIC[language];
  const shown = counted(metric);
  const nameOf = (total: Total): Label =>
    total.rest ? { text: texts.rest, id: "" } : optionName(names, total, split, metric, texts.nobody);
  const rowOf = (total: Total): BarRow => {
    const { value, before } = figureOfTotal(shown, total);
    const text = figureText(shown.figure, value, language);
    const filters = { ...view.filters, [split]: [idOfKey(total.key, split)] };
    return {
      key: total.rest ? "rest" : `id ${idOfKey(total.key, split)}`,
      name: <Named label={nameOf(total)} />,
      // All others together would dwarf each one that is named.
      size: total.rest ? NaN : (value ?? NaN),
      cells: [
        total.rest ? (
          text
        ) : (
          <Link key="why" change={whyOf(metric, undefined, filters)} title={own.whyThis}>
            {text}
          </Link>
        ),
        shown.figure === "rate"
          ? own.ofBelow(countText(total.count, language), countText(total.belowCount ?? 0n, language))
          : total.share === undefined
            ? NOT_THERE
            : rateText(total.share, language),
        <ChangeText key="change" metric={shown} value={value} before={before} />,
      ],
    };
  };
  const heading = question ? names.label("question", question, "").text : own.splits[split];
  const isRate = shown.figure === "rate";
  return (
    <BarRows
      caption={`${metric.name}: ${heading}`}
      heading={heading}
      columns={[
        { heading: isRate ? own.rate : own.count },
        { heading: isRate ? own.ofHeading : own.share },
        { heading: own.change, isExtra: true },
      ]}
      rows={rows.map(rowOf)}
    />
  );
}

/** Below its question, an answer is named by its option alone. */
function optionName(names: Names, total: Total, split: SplitName, metric: Metric, nobody: string): Label {
  const kind = total.key?.value?.kind;
  if (split !== "value" || kind?.case !== "answer") return names.key(total.key, split, metric, nobody);
  const { questionId, optionId } = kind.value;
  return { text: cleanText(names.of(NameKind.OPTION, optionId, questionId) || optionId), id: cleanText(optionId) };
}
