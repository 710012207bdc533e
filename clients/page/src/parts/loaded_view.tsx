/** A view of what was loaded; while it is under way, after it failed, and when a key is needed, what there is instead. */
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { usePage } from "../state/page.ts";
import type { Loaded } from "./loading.ts";
import { useDrawnMark } from "./mark.ts";
import { FailureNote, LoadingNote } from "./states.tsx";

export function LoadedView<T>({
  name,
  loaded,
  children,
}: {
  /** The view's name, in the marks by which its speed is measured. */
  readonly name: string;
  readonly loaded: Loaded<T>;
  readonly children: (value: T) => ComponentChildren;
}) {
  const { texts, refused, retry } = usePage();
  const { value, failure, isLoading } = loaded;
  useDrawnMark(name, isLoading ? undefined : value);
  const needsKey = failure?.kind === "key" || failure?.kind === "permission";
  useEffect(() => {
    if (failure && needsKey) refused(failure);
  }, [failure]);
  return (
    <>
      {failure && !needsKey && <FailureNote failure={failure} texts={texts} retry={retry} />}
      {value === undefined ? (
        !failure && <LoadingNote />
      ) : (
        <div aria-busy={isLoading} class={`view ${name}`}>
          {children(value)}
        </div>
      )}
    </>
  );
}
