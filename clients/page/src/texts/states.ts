/** The words for what holds for all numbers of a view, and for where there are none. */
import type { FailureKind } from "../api/errors.ts";
import type { Language } from "../state/view.ts";
export interface StateTexts {
  readonly liveOn: string;
  readonly liveConnecting: string;
  readonly liveLost: string;
  readonly loading: string;
  readonly retry: string;
  readonly failures: Readonly<Record<FailureKind, string>>;
  readonly empty: string;
  readonly emptyHelp: string;
  readonly completeUntil: (instant: string) => string;
  readonly completeUntilHelp: string;
  readonly heldBack: (count: string, metric: string) => string;
  readonly timesIn: (zone: string) => string;
  readonly zoneUnknown: (zone: string) => string;
  readonly clockWrong: (duration: string) => string;
  readonly notYetCounted: string;
  readonly notEnabled: string;
  readonly knownFrom: (instant: string) => string;
  readonly notFiltered: (dimensions: string) => string;
}

const en: StateTexts = {
  liveOn: "Live: the numbers move as events arrive",
  liveConnecting: "Connecting…",
  liveLost: "Connection lost; trying again",
  loading: "Loading…",
  retry: "Try again",
  failures: {
    key: "A key is needed",
    permission: "Your key may not read this account",
    unreachable: "The server cannot be reached",
    busy: "The server is busy, or your account has used up its share for the moment",
    refused: "This cannot be asked",
    other: "Something went wrong",
  },
  empty: "Nothing was counted in this period",
  emptyHelp: "Choose a longer period, fewer filters, or check the account's id.",
  completeUntil: (instant) => `Complete until ${instant}`,
  completeUntilHelp:
    "No response limit that ends before this is still open. Late events may still correct what lies before.",
  heldBack: (count, metric) => `${metric}: ${count} held back until their conversation's first message`,
  timesIn: (zone) => `Times in ${zone}`,
  zoneUnknown: (zone) =>
    `Your browser does not know the time zone ${zone}: times are shown in UTC; the days are the account's.`,
  clockWrong: (duration) => `This computer's clock is wrong by ${duration}. The server's is used.`,
  notYetCounted: "Not counted yet: the server's operator can have it counted from what is stored (telwerkd rebuild).",
  notEnabled: "Not enabled on the chosen widgets",
  knownFrom: (instant) => `Known from ${instant} on`,
  notFiltered: (dimensions) => `Cannot be filtered by: ${dimensions}`,
};

const nl: StateTexts = {
  liveOn: "Live: de getallen bewegen mee met de gebeurtenissen",
  liveConnecting: "Verbinden…",
  liveLost: "Verbinding verbroken; nieuwe poging volgt",
  loading: "Laden…",
  retry: "Opnieuw proberen",
  failures: {
    key: "Er is een sleutel nodig",
    permission: "Uw sleutel mag dit account niet lezen",
    unreachable: "De server is niet bereikbaar",
    busy: "De server is bezet, of uw account heeft zijn deel voor nu verbruikt",
    refused: "Dit kan niet gevraagd worden",
    other: "Er ging iets mis",
  },
  empty: "In deze periode is niets geteld",
  emptyHelp: "Kies een langere periode, minder filters, of controleer de id van het account.",
  completeUntil: (instant) => `Volledig tot ${instant}`,
  completeUntilHelp:
    "Geen reactielimiet die hiervoor eindigt staat nog open. Late gebeurtenissen kunnen wat ervoor ligt nog corrigeren.",
  heldBack: (count, metric) => `${metric}: ${count} vastgehouden tot het eerste bericht van het gesprek`,
  timesIn: (zone) => `Tijden in ${zone}`,
  zoneUnknown: (zone) =>
    `Uw browser kent de tijdzone ${zone} niet: tijden staan in UTC; de dagen zijn die van het account.`,
  clockWrong: (duration) => `De klok van deze computer loopt ${duration} verkeerd. Die van de server geldt.`,
  notYetCounted: "Nog niet geteld: de beheerder van de server kan het uit de opslag laten tellen (telwerkd rebuild).",
  notEnabled: "Niet ingeschakeld op de gekozen widgets",
  knownFrom: (instant) => `Bekend vanaf ${instant}`,
  notFiltered: (dimensions) => `Kan niet gefilterd worden op: ${dimensions}`,
};

const de: StateTexts = {
  liveOn: "Live: die Zahlen bewegen sich mit den Ereignissen",
  liveConnecting: "Verbinden…",
  liveLost: "Verbindung verloren; neuer Versuch folgt",
  loading: "Laden…",
  retry: "Noch einmal versuchen",
  failures: {
    key: "Ein Schlüssel wird gebraucht",
    permission: "Ihr Schlüssel darf dieses Konto nicht lesen",
    unreachable: "Der Server ist nicht erreichbar",
    busy: "Der Server ist ausgelastet, oder Ihr Konto hat seinen Anteil für den Augenblick verbraucht",
    refused: "Das kann nicht gefragt werden",
    other: "Etwas ist schiefgegangen",
  },
  empty: "In diesem Zeitraum wurde nichts gezählt",
  emptyHelp: "Wählen Sie einen längeren Zeitraum, weniger Filter, oder prüfen Sie die ID des Kontos.",
  completeUntil: (instant) => `Vollständig bis ${instant}`,
  completeUntilHelp:
    "Keine Antwortfrist, die davor endet, ist noch offen. Späte Ereignisse können noch berichtigen, was davor liegt.",
  heldBack: (count, metric) => `${metric}: ${count} zurückgehalten bis zur ersten Nachricht des Gesprächs`,
  timesIn: (zone) => `Zeiten in ${zone}`,
  zoneUnknown: (zone) =>
    `Ihr Browser kennt die Zeitzone ${zone} nicht: Zeiten stehen in UTC; die Tage sind die des Kontos.`,
  clockWrong: (duration) => `Die Uhr dieses Computers geht um ${duration} falsch. Es gilt die des Servers.`,
  notYetCounted:
    "Noch nicht gezählt: die Betreiber des Servers können es aus dem Gespeicherten zählen lassen (telwerkd rebuild).",
  notEnabled: "Auf den gewählten Widgets nicht eingeschaltet",
  knownFrom: (instant) => `Bekannt ab ${instant}`,
  notFiltered: (dimensions) => `Nicht filterbar nach: ${dimensions}`,
};

export const STATES: Readonly<Record<Language, StateTexts>> = { en, nl, de };
