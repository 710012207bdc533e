import { once } from "node:events";
import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodBiDiStreaming,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type DescService,
  fromBinary,
  type Message,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { CallOptions as GrpcOptions, Client, ClientDuplexStream, ClientReadableStream, Metadata } from "@grpc/grpc-js";

import { errorOf, TelwerkError } from "./errors.js";
import type { Target } from "./reach.js";

/** What one call may do otherwise. */
export interface CallOptions {
  /** How long it may take, tries included. Default: the connection's; a stream has no limit. */
  timeoutMs?: number;
  /** Cancels it. */
  signal?: AbortSignal;
}

/** A function for each RPC: of a single answer a promise, of a stream an asynchronous generator. */
export type ServiceClient<S extends DescService> = { readonly [Name in keyof S["method"]]: Rpc<S["method"][Name]> };

type Rpc<M> =
  M extends DescMethodUnary<infer I, infer O>
    ? (request: MessageInitShape<I>, options?: CallOptions) => Promise<MessageShape<O>>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageInitShape<I>, options?: CallOptions) => AsyncGenerator<MessageShape<O>>
      : M extends DescMethodBiDiStreaming<infer I, infer O>
        ? (requests: Requests<MessageInitShape<I>>, options?: CallOptions) => AsyncGenerator<MessageShape<O>>
        : never;

type Requests<R> = Iterable<R> | AsyncIterable<R>;

/** What the calls of all services go through. */
export interface Connection {
  client: Client;
  metadata: Metadata;
  timeoutMs: number;
  target: Target;
}

/** Bound to one method; how messages become bytes is the same for all of them. */
type Caller = (method: Bound) => (request: never, options?: CallOptions) => unknown;

type Init = MessageInitShape<DescMessage>;

interface Bound {
  connection: Connection;
  path: string;
  encode: (request: Init) => Buffer;
  decode: (bytes: Buffer) => Message;
}

const CALLERS: Record<DescMethod["methodKind"], Caller | undefined> = {
  unary: (method) => (request, options) => callOnce(method, request, options),
  server_streaming: (method) => (request, options) => readStream(method, request, options),
  bidi_streaming: (method) => (requests, options) => exchange(method, requests, options),
  // The contract has none.
  client_streaming: undefined,
};

/** The RPCs of a service as functions. */
export function serviceClient<S extends DescService>(service: S, connection: Connection): ServiceClient<S> {
  const rpcs = service.methods.map((method) => {
    const call = CALLERS[method.methodKind];
    if (call === undefined) throw new Error(`${method.name}: no client knows ${method.methodKind}`);
    return [method.localName, call(bound(method, connection))];
  });
  // The names and types are those of the generated service, which no type of an array can say.
  return Object.fromEntries(rpcs) as ServiceClient<S>;
}

function bound(method: DescMethod, connection: Connection): Bound {
  return {
    connection,
    path: `/${method.parent.typeName}/${method.name}`,
    encode: (request) => Buffer.from(toBinary(method.input, create(method.input, request))),
    decode: (bytes) => fromBinary(method.output, bytes),
  };
}

function callOnce(method: Bound, request: Init, options: CallOptions = {}): Promise<Message> {
  const { client, metadata, timeoutMs, target } = method.connection;
  return new Promise((resolve, reject) => {
    options.signal?.throwIfAborted();
    const call = client.makeUnaryRequest(
      method.path,
      method.encode,
      method.decode,
      request,
      metadata,
      grpcOptions({ timeoutMs, ...options }),
      (error, answer) => {
        options.signal?.removeEventListener("abort", cancel);
        if (answer === undefined) reject(failureOf(error, target));
        else resolve(answer);
      },
    );
    call.once("metadata", () => answered(target));
    const cancel = () => call.cancel();
    options.signal?.addEventListener("abort", cancel);
  });
}

async function* readStream(method: Bound, request: Init, options: CallOptions = {}): AsyncGenerator<Message> {
  const { client, metadata, target } = method.connection;
  yield* answersOf(
    client.makeServerStreamRequest(method.path, method.encode, method.decode, request, metadata, grpcOptions(options)),
    options,
    target,
  );
}

async function* exchange(method: Bound, requests: Requests<Init>, options: CallOptions = {}): AsyncGenerator<Message> {
  const { client, metadata, target } = method.connection;
  const call = client.makeBidiStreamRequest(method.path, method.encode, method.decode, metadata, grpcOptions(options));
  let failure: unknown;
  const sending = send(requests, call).catch((error: unknown) => {
    failure = error;
    call.cancel();
  });
  try {
    yield* answersOf(call, options, target);
  } catch (error) {
    // The requests' own failure comes first: that the call was cancelled is only its consequence.
    throw failure ?? error;
  }
  await sending;
}

async function send(requests: Requests<Init>, call: ClientDuplexStream<Init, Message>): Promise<void> {
  for await (const request of requests) {
    if (!call.write(request)) await once(call, "drain");
  }
  call.end();
}

/** The answers as they come; whoever stops reading cancels the call. */
async function* answersOf(
  call: ClientReadableStream<Message>,
  { signal }: CallOptions,
  target: Target,
): AsyncGenerator<Message> {
  const cancel = () => call.cancel();
  signal?.addEventListener("abort", cancel);
  call.once("metadata", () => answered(target));
  try {
    if (signal?.aborted === true) cancel();
    yield* call;
  } catch (error) {
    throw failureOf(error, target);
  } finally {
    signal?.removeEventListener("abort", cancel);
    cancel();
  }
}

function answered(target: Target): void {
  target.hasAnswered = true;
}

function failureOf(error: unknown, target: Target): unknown {
  const failure = errorOf(error, target);
  if (failure instanceof TelwerkError && failure.reason !== "") answered(target);
  return failure;
}

function grpcOptions({ timeoutMs }: CallOptions): GrpcOptions {
  return timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
}
