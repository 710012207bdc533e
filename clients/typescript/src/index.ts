/** The Node.js client of Telwerk: sends events of live chats, and reads exact KPIs. */

export { Telwerk, type TelwerkOptions } from "./telwerk.js";
export { isTransient, QUOTA_EXCEEDED, TelwerkError, type FieldViolation } from "./errors.js";
export * as events from "./events.js";
export type { Answers, Envelope } from "./events.js";
export { EventSender, type SenderOptions } from "./sender.js";
export { BufferFullError, NotSentError, SenderClosedError, SenderError } from "./sender_errors.js";
export type { Limits, Tally } from "./outbox.js";
export type { WatchOptions } from "./watch.js";
// What a program needs of protobuf itself, so that it need not depend on it too.
export { create, fromJson, toJson } from "@bufbuild/protobuf";
export { durationFromMs, durationMs, timestampDate, timestampFromDate, timestampNow } from "@bufbuild/protobuf/wkt";
export type { CallOptions, ServiceClient } from "./service_client.js";
export * from "./gen/telwerk/v1/admin_service_pb.js";
export * from "./gen/telwerk/v1/display_name_pb.js";
export * from "./gen/telwerk/v1/event_pb.js";
export * from "./gen/telwerk/v1/ingestion_service_pb.js";
export * from "./gen/telwerk/v1/kpi_service_pb.js";
export * from "./gen/telwerk/v1/settings_service_pb.js";
