import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { anyUnpack, durationMs } from "@bufbuild/protobuf/wkt";
import { Metadata, type ServiceError, status } from "@grpc/grpc-js";

import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import { type Status, StatusSchema } from "./gen/google/rpc/status_pb.js";

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

  constructor(cause: ServiceError) {
    const details = detailsOf(cause);
    const info = unpacked(details, ErrorInfoSchema);
    super(cause.details === "" ? `the call failed with ${status[cause.code]}` : cause.details, { cause });
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

/** What `error`, raised by a call, is to its caller: a status of gRPC becomes a `TelwerkError`, all else stays. */
export function errorOf(error: unknown): unknown {
  return error instanceof Error && "code" in error && "metadata" in error && error.metadata instanceof Metadata
    ? new TelwerkError(error as ServiceError)
    : error;
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
