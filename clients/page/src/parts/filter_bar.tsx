/** What the numbers are narrowed by: chosen ids as chips, and a menu with type-ahead for more. */
import { useRef, useState } from "preact/hooks";
import { countText } from "../format/numbers.ts";
import { type Chosen, chosenIn, toggled } from "../state/filters.ts";
import { usePage } from "../state/page.ts";
import { FILTERS } from "../texts/filters.ts";
import { FilterMenu } from "./filter_menu.tsx";
import { type FilterLabel, useFilterLabels } from "./filter_names.ts";
import { fullText, Named } from "./named.tsx";

/** More chips than these are shown only to those who ask. */
const CHIPS_MAX = 12;

export function FilterBar() {
  const { view, texts, go } = usePage();
  const own = FILTERS[view.language];
  const labelOf = useFilterLabels(view.filters);
  const add = useRef<HTMLButtonElement>(null);
  const [showsAll, setShowsAll] = useState(false);
  const [said, setSaid] = useState("");
  const chosen = chosenIn(view.filters);
  const shown = showsAll ? chosen : chosen.slice(0, CHIPS_MAX);
  const remove = (each: Chosen) => {
    setSaid(own.removed(fullText(labelOf(each.dimension, each.id))));
    go({ filters: toggled(view.filters, each.dimension, each.id) });
    // What had the focus is gone.
    add.current?.focus();
  };
  return (
    <div class="filters" role="group" aria-label={texts.filters}>
      <FilterMenu button={add} say={setSaid} />
      {chosen.length > 0 && (
        <ul class="chips">
          {shown.map((each) => (
            <Chip key={`${each.dimension}\n${each.id}`} chosen={each} labelOf={labelOf} remove={() => remove(each)} />
          ))}
        </ul>
      )}
      {shown.length < chosen.length && (
        <button type="button" class="quiet more-chips" onClick={() => setShowsAll(true)}>
          {own.moreChips(countText(chosen.length - shown.length, view.language))}
        </button>
      )}
      {chosen.length > 1 && (
        <button type="button" class="quiet" onClick={() => go({ filters: {} })}>
          {texts.clearFilters}
        </button>
      )}
      <span class="hidden" role="status">
        {said}
      </span>
    </div>
  );
}

function Chip({
  chosen,
  labelOf,
  remove,
}: {
  readonly chosen: Chosen;
  readonly labelOf: FilterLabel;
  readonly remove: () => void;
}) {
  const { texts } = usePage();
  const label = labelOf(chosen.dimension, chosen.id);
  const dimension = texts.dimensions[chosen.dimension];
  const name = texts.removeFilter(`${dimension}: ${fullText(label)}`);
  return (
    <li class="chip">
      <span class="help">{dimension}</span>
      <Named label={label} />
      <button type="button" aria-label={name} title={name} onClick={remove}>
        <span aria-hidden="true">×</span>
      </button>
    </li>
  );
}
