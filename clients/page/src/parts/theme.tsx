/** Light, dark, or as the system has it: the one thing that this page keeps in the browser for longer than a session. */
import { useState } from "preact/hooks";
import type { ShellTexts } from "../texts/shell.ts";

const KEY = "telwerk.theme";
const THEMES = ["system", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];

function storedTheme(): Theme {
  try {
    return THEMES.find((theme) => theme === localStorage.getItem(KEY)) ?? "system";
  } catch {
    return "system";
  }
}

/** Fired on `window` when colours change: charts are drawn, and do not follow the style sheet by themselves. */
export const THEME_CHANGED = "telwerk-theme";

export function applyTheme(theme: Theme = storedTheme()): void {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

export function ThemeMenu({ texts }: { readonly texts: ShellTexts }) {
  const [theme, setTheme] = useState(storedTheme);
  const choose = (chosen: Theme) => {
    try {
      localStorage.setItem(KEY, chosen);
    } catch {
      // It lasts as long as the page.
    }
    applyTheme(chosen);
    setTheme(chosen);
    dispatchEvent(new Event(THEME_CHANGED));
  };
  return (
    <label class="menu">
      <span>{texts.theme}</span>
      <select value={theme} onChange={(event) => choose(event.currentTarget.value as Theme)}>
        {THEMES.map((name) => (
          <option key={name} value={name}>
            {texts[name]}
          </option>
        ))}
      </select>
    </label>
  );
}
