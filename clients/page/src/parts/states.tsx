/** What is shown where there are no numbers: under way, failed, nothing counted. */
import type { Failure } from "../api/errors.ts";
import { cleanText } from "../format/labels.ts";
import { usePage } from "../state/page.ts";
import type { ShellTexts } from "../texts/shell.ts";

/** A call failed. The server's sentence stands below what it means; `retry` asks again. */
export function FailureNote({
  failure,
  texts,
  retry,
}: {
  readonly failure: Failure;
  readonly texts: ShellTexts;
  readonly retry?: (() => void) | undefined;
}) {
  return (
    <div class="note failed" role="alert">
      <strong>{texts.failures[failure.kind]}</strong>
      {failure.text && <p lang="en">{cleanText(failure.text)}</p>}
      {retry && (
        <button type="button" onClick={retry}>
          {texts.retry}
        </button>
      )}
    </div>
  );
}

export function LoadingNote() {
  const { texts } = usePage();
  return (
    <p class="note loading" role="status">
      {texts.loading}
    </p>
  );
}

export function EmptyNote() {
  const { texts } = usePage();
  return (
    <div class="note empty" role="status">
      <strong>{texts.empty}</strong>
      <p>{texts.emptyHelp}</p>
    </div>
  );
}
