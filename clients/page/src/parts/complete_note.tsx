/** Until when the numbers are complete, and what is held back: in sight on every view. */
import type { KpiAnswer } from "#stubs/kpi_service_pb.js";
import { countText } from "../format/numbers.ts";
import { type ComparedPeriod, comparedText, minuteText } from "../format/times.ts";
import { usePage } from "../state/page.ts";

export function CompleteNote({
  seconds,
  answers,
  compared,
}: {
  /** Since 1970. */
  readonly seconds: number;
  readonly answers: readonly KpiAnswer[];
  /** What the changes and the dashed lines are against, where nothing else says so. */
  readonly compared?: ComparedPeriod;
}) {
  const { view, texts, zone, catalogue } = usePage();
  // A rate holds back what the KPI above its line does.
  const held = answers.filter(
    (answer) => answer.heldBackCount > 0n && catalogue.metrics.get(answer.kpiId)?.figure !== "rate",
  );
  const against = comparedText(compared, zone, view.language);
  return (
    <p class="complete">
      {against && <span>{texts.comparedWith(against)}</span>}
      {seconds > 0 && (
        <span title={texts.completeUntilHelp}>{texts.completeUntil(minuteText(seconds, zone, view.language))}</span>
      )}
      {held.map((answer) => (
        <span key={answer.kpiId}>
          {texts.heldBack(
            countText(answer.heldBackCount, view.language),
            catalogue.metrics.get(answer.kpiId)?.name ?? answer.kpiId,
          )}
        </span>
      ))}
    </p>
  );
}
