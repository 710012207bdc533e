/** The words with which the account and a key are asked for. */
import type { Language } from "../state/view.ts";
export interface SignInTexts {
  readonly account: string;
  readonly otherAccount: string;
  readonly accountWanted: string;
  readonly accountHelp: string;
  readonly open: string;
  readonly key: string;
  readonly keyWanted: string;
  readonly keyHelp: string;
  readonly keyRefused: string;
  readonly signIn: string;
  readonly forgetKey: string;
}

const en: SignInTexts = {
  account: "Account",
  otherAccount: "Another account",
  accountWanted: "Which account?",
  accountHelp: "The id under which your chat platform sends its events, such as demo.",
  open: "Open",
  key: "Key",
  keyWanted: "This server asks for a key",
  keyHelp: "A key (tw_…) or a token from whoever runs the server. It is kept until you close this tab.",
  keyRefused: "The server does not accept this key, or no longer.",
  signIn: "Use this key",
  forgetKey: "Forget the key",
};

const nl: SignInTexts = {
  account: "Account",
  otherAccount: "Ander account",
  accountWanted: "Welk account?",
  accountHelp: "De id waaronder uw chatplatform zijn gebeurtenissen stuurt, zoals demo.",
  open: "Openen",
  key: "Sleutel",
  keyWanted: "Deze server vraagt om een sleutel",
  keyHelp: "Een sleutel (tw_…) of token van wie de server beheert. Hij wordt bewaard tot u dit tabblad sluit.",
  keyRefused: "De server aanvaardt deze sleutel niet, of niet meer.",
  signIn: "Deze sleutel gebruiken",
  forgetKey: "Sleutel vergeten",
};

const de: SignInTexts = {
  account: "Konto",
  otherAccount: "Anderes Konto",
  accountWanted: "Welches Konto?",
  accountHelp: "Die ID, unter der Ihre Chat-Plattform ihre Ereignisse sendet, etwa demo.",
  open: "Öffnen",
  key: "Schlüssel",
  keyWanted: "Dieser Server verlangt einen Schlüssel",
  keyHelp:
    "Ein Schlüssel (tw_…) oder Token von den Betreibern des Servers. Er wird behalten, bis Sie diesen Tab schließen.",
  keyRefused: "Der Server nimmt diesen Schlüssel nicht an, oder nicht mehr.",
  signIn: "Diesen Schlüssel verwenden",
  forgetKey: "Schlüssel vergessen",
};

export const SIGN_IN: Readonly<Record<Language, SignInTexts>> = { en, nl, de };
