/** The pages of an explanation, one after another. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { DisplayName } from "#stubs/display_name_pb.js";
import type { ConversationExplanation, ExplainCountResponse } from "#stubs/kpi_service_pb.js";
import { type Failure, failureOf, isAborted } from "../api/errors.ts";

/** So many pages are asked for at most before the reader is asked whether to go on. */
const PAGES_AT_ONCE = 40;

export interface Pages {
  readonly conversations: readonly ConversationExplanation[];
  readonly names: readonly DisplayName[];
  readonly unexplainable: number;
  /** Since 1970. */
  readonly completeUntil: number;
  /** Of the next page; empty after the last. */
  readonly token: string;
}

const NONE: Pages = { conversations: [], names: [], unexplainable: 0, completeUntil: 0, token: "" };

/** The conversations, each once: what was found of one in several stretches of time stands together. */
export function together(conversations: readonly ConversationExplanation[]): readonly ConversationExplanation[] {
  const found = new Map<string, ConversationExplanation>();
  for (const each of conversations) {
    const before = found.get(each.conversationId);
    const joined = before && {
      ...each,
      counted: [...before.counted, ...each.counted],
      heldBack: [...before.heldBack, ...each.heldBack],
      leftOut: [...before.leftOut, ...each.leftOut],
    };
    found.set(each.conversationId, joined ?? each);
  }
  return [...found.values()];
}

function withPage(pages: Pages, page: ExplainCountResponse | undefined): Pages {
  if (!page) return { ...pages, token: "" };
  return {
    conversations: together([...pages.conversations, ...page.conversations]),
    names: [...pages.names, ...page.names],
    unexplainable: Number(page.unexplainableCount),
    completeUntil: Number(page.completeUntil?.seconds ?? 0n),
    token: page.nextPageToken,
  };
}

export interface Explanation {
  /** Undefined before the first page. */
  readonly pages: Pages | undefined;
  readonly isLoading: boolean;
  readonly failure: Failure | undefined;
  /** Goes on, until that is enough or the pages end. */
  readonly more: (isEnough: (pages: Pages) => boolean) => void;
  /** Ends what is under way; what was found stays. */
  readonly stop: () => void;
}

type Ask = (pageToken: string, signal: AbortSignal) => Promise<ExplainCountResponse | undefined>;

/** Starts anew whenever the key changes; undefined asks for nothing. */
export function usePages(key: string | undefined, ask: Ask): Explanation {
  const [state, setState] = useState<Omit<Explanation, "more" | "stop"> & { readonly key: string | undefined }>({
    key: undefined,
    pages: undefined,
    isLoading: false,
    failure: undefined,
  });
  const latest = useRef({ ask, state, key });
  latest.current = { ask, state, key };
  const ending = useRef<AbortController>(undefined);
  useEffect(() => () => ending.current?.abort(), [key]);
  const more = useCallback((isEnough: (pages: Pages) => boolean) => {
    ending.current?.abort();
    const controller = new AbortController();
    ending.current = controller;
    const { signal } = controller;
    const now = latest.current;
    if (now.key === undefined) return;
    const before = now.state.key === now.key ? now.state.pages : undefined;
    setState({ key: now.key, pages: before, isLoading: true, failure: undefined });
    const show = (pages: Pages, isLoading: boolean) => {
      if (!signal.aborted) setState({ key: now.key, pages, isLoading, failure: undefined });
    };
    read(before, now.ask, isEnough, (pages) => show(pages, true), signal).then(
      (pages) => show(pages, false),
      (thrown: unknown) => {
        if (signal.aborted || isAborted(thrown)) return;
        setState((last) => ({ ...last, isLoading: false, failure: failureOf(thrown) }));
      },
    );
  }, []);
  const stop = useCallback(() => {
    ending.current?.abort();
    setState((last) => ({ ...last, isLoading: false }));
  }, []);
  const isOfKey = state.key === key;
  return {
    pages: isOfKey ? state.pages : undefined,
    isLoading: isOfKey ? state.isLoading : key !== undefined,
    failure: isOfKey ? state.failure : undefined,
    more,
    stop,
  };
}

/** Asks for page after page; each is shown as it comes. */
async function read(
  before: Pages | undefined,
  ask: Ask,
  isEnough: (pages: Pages) => boolean,
  show: (pages: Pages) => void,
  signal: AbortSignal,
): Promise<Pages> {
  let pages = before ?? NONE;
  if (before && !before.token) return before;
  for (let asked = 0; asked < PAGES_AT_ONCE; asked += 1) {
    pages = withPage(pages, await ask(pages.token, signal));
    if (!pages.token || isEnough(pages)) break;
    show(pages);
  }
  return pages;
}
