/** The Node.js client of Telwerk: sends events of live chats, and reads exact KPIs. */

export { Telwerk, type TelwerkOptions } from "./telwerk.js";
export { TelwerkError, type FieldViolation } from "./errors.js";
export type { CallOptions, ServiceClient } from "./service_client.js";
export * from "./gen/telwerk/v1/admin_service_pb.js";
export * from "./gen/telwerk/v1/event_pb.js";
export * from "./gen/telwerk/v1/ingestion_service_pb.js";
export * from "./gen/telwerk/v1/kpi_service_pb.js";
export * from "./gen/telwerk/v1/settings_service_pb.js";
