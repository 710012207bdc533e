/** What an explanation leaves behind: the row that a number is of does not narrow what is looked at next. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { filtersOnward, remember } from "../src/state/trail.ts";
import { viewOf } from "../src/state/view.ts";

const at = (search: string) => viewOf(search, "en");

function going(...searches: readonly string[]) {
  for (const search of searches) remember(at(search));
  return filtersOnward(at(searches.at(-1) ?? ""));
}

test("the row of a number that was explained does not stay as a filter", () => {
  assert.deepEqual(going("?account=a&view=compare", "?account=a&view=why&operator=o"), {});
  assert.deepEqual(going("?account=a&widget=w", "?account=a&view=why&widget=w&operator=o"), { widget: ["w"] });
  assert.deepEqual(going("?account=a", "?account=a&view=why&operator=o", "?account=a&view=why&operator=o&term=1"), {});
});

test("what was chosen in the explanation stays, and what another account was narrowed by does not come back", () => {
  const chosen = going("?account=a", "?account=a&view=why&operator=o", "?account=a&view=why&operator=p");
  assert.deepEqual(chosen, { operator: ["p"] });
  assert.deepEqual(going("?account=a&widget=w", "?account=b&view=why&operator=o"), { operator: ["o"] });
  assert.deepEqual(going("?account=a&view=compare&operator=o"), { operator: ["o"] });
});
