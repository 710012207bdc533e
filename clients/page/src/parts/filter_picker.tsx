/** A combobox over the ids of one dimension, of which several can be chosen: https://www.w3.org/WAI/ARIA/apg/patterns/combobox/ */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Metric } from "../api/catalogue.ts";
import { type Choice, findChoices } from "../api/choices.ts";
import { countText } from "../format/numbers.ts";
import { toggled } from "../state/filters.ts";
import { usePage } from "../state/page.ts";
import type { DimensionName } from "../state/view.ts";
import { FILTERS } from "../texts/filters.ts";
import { useLoaded } from "./loading.ts";
import { fullText, Named } from "./named.tsx";
import { ViewFailure } from "./view_failure.tsx";

const LIST = "filter-choices";
/** Who types fast is waited for. */
const DEBOUNCE_MS = 150;
/** Keys that move on in the list, by so many places. */
const STEPS: Readonly<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 };

const optionId = (place: number): string => `${LIST}-${place}`;

export function FilterPicker({
  dimension,
  metric,
  say,
}: {
  readonly dimension: DimensionName;
  readonly metric: Metric | undefined;
  readonly say: (text: string) => void;
}) {
  const { view, texts, catalogue, go } = usePage();
  const own = FILTERS[view.language];
  const [typed, setTyped] = useState("");
  const [asked, setAsked] = useState("");
  const [attempt, setAttempt] = useState(0);
  const [active, setActive] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const timer = setTimeout(() => setAsked(typed), DEBOUNCE_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  useEffect(() => input.current?.focus(), []);
  const loaded = useLoaded(JSON.stringify([view.account, metric?.id, dimension, asked, attempt]), (signal) =>
    findChoices({ accountId: view.account, catalogue, dimension, metric, typed: asked, nobody: texts.nobody }, signal),
  );
  const choices = loaded.value?.choices ?? [];
  const place = Math.min(active, choices.length - 1);
  const chosen = new Set(view.filters[dimension] ?? []);
  useEffect(() => document.getElementById(optionId(place))?.scrollIntoView({ block: "nearest" }), [place]);
  const choose = (choice: Choice) => {
    say((chosen.has(choice.id) ? own.removed : own.added)(fullText(choice.label)));
    go({ filters: toggled(view.filters, dimension, choice.id) });
    input.current?.select();
  };
  const statusOf = (found: readonly Choice[], hasMore: boolean): string => {
    if (found.length === 0) return texts.noMatches;
    return hasMore ? texts.moreMatches : own.choices(countText(found.length, view.language));
  };
  const press = (event: KeyboardEvent) => {
    const step = STEPS[event.key];
    const choice = choices[place];
    if (step !== undefined && choices.length > 0) {
      event.preventDefault();
      // From the ends on to the other end, by single steps.
      const next = place + step;
      const isAround = Math.abs(step) === 1 && (next < 0 || next >= choices.length);
      setActive(isAround ? (step > 0 ? 0 : choices.length - 1) : Math.max(0, Math.min(next, choices.length - 1)));
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (choice) choose(choice);
    } else if (event.key === "Escape" && typed) {
      // The first one empties the field, the second closes the menu.
      event.stopPropagation();
      setTyped("");
    }
  };
  return (
    <div class="picker">
      <label class="menu">
        <span>{texts.dimensions[dimension]}</span>
        <input
          ref={input}
          type="text"
          role="combobox"
          aria-expanded={choices.length > 0}
          aria-controls={LIST}
          aria-autocomplete="list"
          aria-activedescendant={place >= 0 ? optionId(place) : undefined}
          placeholder={texts.search}
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          maxLength={128}
          value={typed}
          onInput={(event) => {
            setTyped(event.currentTarget.value);
            setActive(event.currentTarget.value ? 0 : -1);
          }}
          onKeyDown={press}
        />
      </label>
      <ChoiceList label={texts.dimensions[dimension]} choices={choices} chosen={chosen} place={place} choose={choose} />
      {loaded.failure && <ViewFailure failure={loaded.failure} retry={() => setAttempt((last) => last + 1)} />}
      <p class="help" role="status">
        {loaded.isLoading ? texts.loading : !loaded.failure && statusOf(choices, loaded.value?.hasMore ?? false)}
      </p>
    </div>
  );
}

/** The choices, of which the one at the place is about to be chosen; the focus stays in the field. */
function ChoiceList({
  label,
  choices,
  chosen,
  place,
  choose,
}: {
  readonly label: string;
  readonly choices: readonly Choice[];
  /** By id. */
  readonly chosen: ReadonlySet<string>;
  readonly place: number;
  readonly choose: (choice: Choice) => void;
}) {
  return (
    <div id={LIST} role="listbox" aria-multiselectable="true" aria-label={label}>
      {choices.map((choice, index) => (
        <div
          key={choice.id}
          id={optionId(index)}
          role="option"
          tabIndex={-1}
          aria-selected={chosen.has(choice.id)}
          class={index === place ? "active" : undefined}
          onMouseDown={(event) => {
            event.preventDefault();
            choose(choice);
          }}
        >
          <span class="tick" aria-hidden="true">
            {chosen.has(choice.id) ? "✓" : ""}
          </span>
          <Named label={choice.label} />
        </div>
      ))}
    </div>
  );
}
