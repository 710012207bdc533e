/** Which days, and in which steps. */
import { useState } from "preact/hooks";
import { type Day, isoOf, parseDay, plusDays } from "../state/day.ts";
import { usePage } from "../state/page.ts";
import { type Period, PRESETS, type Preset } from "../state/period.ts";
import { GRANULARITIES, type GranularityName } from "../state/view.ts";

const CUSTOM = "custom";

export function PeriodMenu() {
  const { view, texts, go, slice } = usePage();
  const isCustom = typeof view.period === "object";
  const [choosing, setChoosing] = useState(isCustom);
  const choose = (name: string) => {
    setChoosing(name === CUSTOM);
    if (name !== CUSTOM) go({ period: name as Preset, at: undefined });
  };
  return (
    <div class="period">
      <label class="menu">
        <span>{texts.period}</span>
        <select
          name="period"
          value={choosing || isCustom ? CUSTOM : (view.period as Preset)}
          onChange={(event) => choose(event.currentTarget.value)}
        >
          {PRESETS.map((name) => (
            <option key={name} value={name}>
              {texts.presets[name]}
            </option>
          ))}
          <option value={CUSTOM}>{texts.custom}</option>
        </select>
      </label>
      {(choosing || isCustom) && (
        <DaysForm
          key={`${isoOf(slice.span.start)} ${isoOf(slice.span.end)}`}
          first={slice.span.start}
          last={plusDays(slice.span.end, -1)}
          choose={(period) => go({ period, at: undefined })}
        />
      )}
    </div>
  );
}

function DaysForm({
  first,
  last,
  choose,
}: {
  readonly first: Day;
  readonly last: Day;
  readonly choose: (period: Period) => void;
}) {
  const { texts } = usePage();
  const [from, setFrom] = useState(isoOf(first));
  const [to, setTo] = useState(isoOf(last));
  return (
    <form
      class="days"
      onSubmit={(event) => {
        event.preventDefault();
        const days = [parseDay(from), parseDay(to)] as const;
        if (days[0] && days[1] && from <= to) choose({ first: days[0], last: days[1] });
      }}
    >
      <label class="menu">
        <span>{texts.from}</span>
        <input
          type="date"
          name="from"
          required
          min="2000-01-01"
          max={to}
          value={from}
          onInput={(event) => setFrom(event.currentTarget.value)}
        />
      </label>
      <label class="menu">
        <span>{texts.to}</span>
        <input
          type="date"
          name="to"
          required
          min={from}
          max="2199-12-30"
          value={to}
          onInput={(event) => setTo(event.currentTarget.value)}
        />
      </label>
      <button type="submit">{texts.apply}</button>
    </form>
  );
}

export function GranularityMenu() {
  const { view, texts, go } = usePage();
  return (
    <label class="menu">
      <span>{texts.granularity}</span>
      <select
        name="granularity"
        value={view.granularity}
        onChange={(event) => go({ granularity: event.currentTarget.value as GranularityName })}
      >
        {GRANULARITIES.map((name) => (
          <option key={name} value={name}>
            {texts.granularities[name]}
          </option>
        ))}
      </select>
    </label>
  );
}
