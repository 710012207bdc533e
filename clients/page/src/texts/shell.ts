/** The words that every part of the page may need. */
import type { Language } from "../state/view.ts";
import { FRAME, type FrameTexts } from "./frame.ts";
import { SIGN_IN, type SignInTexts } from "./sign_in.ts";
import { STATES, type StateTexts } from "./states.ts";

export interface ShellTexts extends FrameTexts, SignInTexts, StateTexts {}

const of = (language: Language): ShellTexts => ({ ...FRAME[language], ...SIGN_IN[language], ...STATES[language] });

export const SHELL: Readonly<Record<Language, ShellTexts>> = { en: of("en"), nl: of("nl"), de: of("de") };
