/** What every part of the page needs to know: the view, the catalogue, the account's zone, and how to go elsewhere. */
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Catalogue, Metric } from "../api/catalogue.ts";
import type { Failure } from "../api/errors.ts";
import type { LiveState } from "../api/live.ts";
import type { Slice } from "../api/slice.ts";
import { SHELL, type ShellTexts } from "../texts/shell.ts";
import { addressOf, type View } from "./view.ts";

export interface Page {
  readonly view: View;
  readonly texts: ShellTexts;
  readonly catalogue: Catalogue;
  /** The account's time zone. */
  readonly zone: string;
  /** What the view's questions are about, resolved at the server's time. */
  readonly slice: Slice;
  /** Moves whenever a live view is to ask again. */
  readonly tick: number;
  readonly live: LiveState;
  /** Goes to another view: a change of the address, which the browser's "back" takes back. */
  readonly go: (change: Partial<View>, how?: "push" | "replace") => void;
  /** What a view reports when a call failed for want of a key; the page asks for one. */
  readonly refused: (failure: Failure) => void;
  /** Asks again what the view shows. */
  readonly retry: () => void;
}

export const PageContext = createContext<Page | undefined>(undefined);

/** The page around a part. */
export function usePage(): Page {
  const page = useContext(PageContext);
  if (!page) throw new Error("a part of the page is used outside of it");
  return page;
}

/** The address of a view that differs from the present one so, for links. */
export const hrefOf = (view: View, change: Partial<View>): string => addressOf({ ...view, ...change });

/** The view that explains a metric's number. */
export const whyOf = (metric: Metric, at?: View["at"], filters?: View["filters"]): Partial<View> => ({
  view: "why",
  metric: metric.id,
  at,
  term: 0,
  leftOut: false,
  picked: [],
  ...(filters && { filters }),
});

/** Away from the account, with what belongs to it alone: its ids. */
export const LEAVING: Partial<View> = { account: "", filters: {}, picked: [], at: undefined };

export const textsOf = (view: View): ShellTexts => SHELL[view.language];
