/** The two things that a reader may be asked for: the account's id, and a key where the server wants one. */
import { useState } from "preact/hooks";
import type { Failure } from "../api/errors.ts";
import { heldKey, holdKey } from "../api/session.ts";
import { cleanText } from "../format/labels.ts";
import type { ShellTexts } from "../texts/shell.ts";

/** Asks for the account. */
export function AccountForm({ texts, open }: { readonly texts: ShellTexts; readonly open: (account: string) => void }) {
  const [account, setAccount] = useState("");
  return (
    <main>
      <form
        class="ask"
        onSubmit={(event) => {
          event.preventDefault();
          if (account.trim()) open(account.trim());
        }}
      >
        <h1>{texts.accountWanted}</h1>
        <label>
          {texts.account}
          <input
            name="account"
            autocomplete="on"
            spellcheck={false}
            required
            maxLength={128}
            value={account}
            onInput={(event) => setAccount(event.currentTarget.value)}
          />
        </label>
        <p class="help">{texts.accountHelp}</p>
        <button type="submit">{texts.open}</button>
      </form>
    </main>
  );
}

/** Asks for a key, and says why the one before did not do. */
export function KeyForm({
  texts,
  failure,
  done,
  leave,
}: {
  readonly texts: ShellTexts;
  readonly failure: Failure;
  readonly done: () => void;
  /** Goes to another account. */
  readonly leave: () => void;
}) {
  const [key, setKey] = useState("");
  const wasRefused = failure.kind === "key" && heldKey() !== "";
  return (
    <main>
      <form
        class="ask"
        onSubmit={(event) => {
          event.preventDefault();
          holdKey(key.trim());
          done();
        }}
      >
        <h1>{failure.kind === "permission" ? texts.failures.permission : texts.keyWanted}</h1>
        {wasRefused && <p role="alert">{texts.keyRefused}</p>}
        {failure.kind === "permission" && (
          <p role="alert" lang="en">
            {cleanText(failure.text)}
          </p>
        )}
        <label>
          {texts.key}
          <input
            name="key"
            type="password"
            autocomplete="off"
            spellcheck={false}
            required
            value={key}
            onInput={(event) => setKey(event.currentTarget.value)}
          />
        </label>
        <p class="help">{texts.keyHelp}</p>
        <button type="submit">{texts.signIn}</button>
        <button type="button" class="quiet" onClick={leave}>
          {texts.otherAccount}
        </button>
      </form>
    </main>
  );
}
