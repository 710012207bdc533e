import type { Event } from "./gen/telwerk/v1/event_pb.js";

/** A sender cannot do what it was asked to. */
export class SenderError extends Error {
  override readonly name: string = "SenderError";
}

/** There is no room for the event, and the sender was told not to wait. The event was not taken: add it again. */
export class BufferFullError extends SenderError {
  override readonly name = "BufferFullError";
}

/** The sender was closed. */
export class SenderClosedError extends SenderError {
  override readonly name = "SenderClosedError";
}

/** The sender was closed before everything was answered. The cause is the last error, if there was one. */
export class NotSentError extends SenderError {
  override readonly name = "NotSentError";
  /** Events that are not known to be stored; sending them again, with their ids, counts nothing twice. */
  readonly events: readonly Event[];

  constructor(events: readonly Event[], cause: unknown) {
    super(`${events.length} events are not known to be stored: \`events\` has them, to be sent again`, { cause });
    this.events = events;
  }
}
