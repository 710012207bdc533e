import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { anyUnpack, durationMs } from "@bufbuild/protobuf/wkt";
import { Metadata, type ServiceError, status } from "@grpc/grpc-js";

import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import { type Status, StatusSchema } from "./gen/google/rpc/status_pb.js";
import { type Target, unreachable } from "./reach.js";

/**
 * The `reason` of an error that says that this account or caller uses its whole share just now. The same request may be
 * answered later: see `retryAfterMs`.
 */
export const QUOTA_EXCEEDED = "QUOTA_EXCEEDED";

/** A field of the request, as a path, and what is wrong with it. */
export interface FieldViolation {
  field: string;
  description: string;
}

/**
 * What a call ended in but its answer.
 *
 * After `UNAVAILABLE` and `DEADLINE_EXCEEDED` it is not known whether the call took effect. Every call of Telwerk is safe
 * to repeat, so sending the same again is right.
 */
export class TelwerkError extends Error {
  override readonly name = "TelwerkError";
  /** The status of gRPC; see `status` of grpc-js. */
  readonly code: status;
  /** A constant of the server's catalogue, such as `UNKNOWN_KPI`; empty where the error is not the server's. */
  readonly reason: string;
  /** What the server adds for programs. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The fields at fault. */
  readonly violations: readonly FieldViolation[];
  /** When the server asks to be called again, if it says so. */
  readonly retryAfterMs: number | undefined;

  constructor(cause: ServiceError, target?: Target) {
    const details = detailsOf(cause);
    const info = unpacked(details, ErrorInfoSchema);
    super(messageOf(cause, info?.reason, target), { cause });
    this.code = cause.code;
    this.reason = info?.reason ?? "";
    this.metadata = info?.metadata ?? {};
    this.violations = (unpacked(details, BadRequestSchema)?.fieldViolations ?? []).map(({ field, description }) => ({
      field,
      description,
    }));
    const delay = unpacked(details, RetryInfoSchema)?.retryDelay;
    this.retryAfterMs = delay === undefined ? undefined : durationMs(delay);
  }
}

/** The server is away or busy, a quota is used up, or (the last four) the way to the server broke. */
const TRANSIENT: ReadonlySet<status> = new Set([
  status.UNAVAILABLE,
  status.DEADLINE_EXCEEDED,
  status.INTERNAL,
  status.UNKNOWN,
  status.CANCELLED,
  status.DATA_LOSS,
]);

/** Whether the same call may be answered later. */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof TelwerkError)) return false;
  // Without a reason RESOURCE_EXHAUSTED is gRPC's own: a message beyond what one of the two sides takes.
  return TRANSIENT.has(error.code) || (error.code === status.RESOURCE_EXHAUSTED && error.reason === QUOTA_EXCEEDED);
}

/**
 * What `error`, raised by a call of `target`, is to its caller: a status of gRPC becomes a `TelwerkError`, all else stays.
 */
export function errorOf(error: unknown, target?: Target): unknown {
  return error instanceof Error && "code" in error && "metadata" in error && error.metadata instanceof Metadata
    ? new TelwerkError(error as ServiceError, target)
    : error;
}

function messageOf({ code, details }: ServiceError, reason: string | undefined, target: Target | undefined): string {
  if (code === status.UNAVAILABLE && reason === undefined && target !== undefined) return unreachable(target, details);
  return details === "" ? `the call failed with ${status[code]}` : details;
}

function detailsOf(error: ServiceError): Status | undefined {
  const [bytes] = error.metadata.get("grpc-status-details-bin");
  return Buffer.isBuffer(bytes) ? fromBinary(StatusSchema, bytes) : undefined;
}

function unpacked<S extends DescMessage>(details: Status | undefined, schema: S): MessageShape<S> | undefined {
  for (const detail of details?.details ?? []) {
    const message = anyUnpack(detail, schema);
    if (message !== undefined) return message;
  }
  return undefined;
}
