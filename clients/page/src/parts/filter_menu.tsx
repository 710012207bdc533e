/** The menu that filters are chosen from: first by what, then which, with type-ahead. */
import type { RefObject } from "preact";
import { useRef, useState } from "preact/hooks";
import { offeredDimensions } from "../api/choices.ts";
import { usePage } from "../state/page.ts";
import type { DimensionName } from "../state/view.ts";
import { FILTERS } from "../texts/filters.ts";
import { useDismiss } from "./dismiss.ts";
import { FilterPicker } from "./filter_picker.tsx";

const PANEL = "filter-menu";

export function FilterMenu({
  button,
  say,
}: {
  readonly button: RefObject<HTMLButtonElement | null>;
  /** Tells those who listen what was chosen. */
  readonly say: (text: string) => void;
}) {
  const { texts } = usePage();
  const [isOpen, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  useDismiss(root, isOpen, () => setOpen(false));
  return (
    <div class="filter-menu" ref={root}>
      <button
        ref={button}
        type="button"
        aria-expanded={isOpen}
        aria-controls={isOpen ? PANEL : undefined}
        onClick={() => setOpen(!isOpen)}
      >
        <span aria-hidden="true">+ </span>
        {texts.addFilter}
      </button>
      {isOpen && <Panel close={close} say={say} />}
    </div>
  );
}

function Panel({ close, say }: { readonly close: () => void; readonly say: (text: string) => void }) {
  const { view, texts, catalogue } = usePage();
  const own = FILTERS[view.language];
  const metric = catalogue.metrics.get(view.metric);
  const offered = offeredDimensions(view, metric);
  const [chosen, setChosen] = useState<DimensionName>(offered[0] ?? "operator");
  const dimension = offered.includes(chosen) ? chosen : (offered[0] ?? "operator");
  return (
    <div
      id={PANEL}
      class="panel"
      role="group"
      aria-label={texts.addFilter}
      onKeyDown={(event) => event.key === "Escape" && close()}
    >
      <label class="menu">
        <span>{own.by}</span>
        <select
          name="dimension"
          value={dimension}
          onChange={(event) => setChosen(event.currentTarget.value as DimensionName)}
        >
          {offered.map((name) => (
            <option key={name} value={name}>
              {texts.dimensions[name]}
            </option>
          ))}
        </select>
      </label>
      <FilterPicker key={dimension} dimension={dimension} metric={metric} say={say} />
      <button type="button" class="main" onClick={close}>
        {own.done}
      </button>
    </div>
  );
}
