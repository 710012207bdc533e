import { readFileSync } from "node:fs";
import { Client, credentials, type ChannelCredentials, type ChannelOptions, Metadata } from "@grpc/grpc-js";

import { AdminService } from "./gen/telwerk/v1/admin_service_pb.js";
import { IngestionService } from "./gen/telwerk/v1/ingestion_service_pb.js";
import { KpiService } from "./gen/telwerk/v1/kpi_service_pb.js";
import { SettingsService } from "./gen/telwerk/v1/settings_service_pb.js";
import type { MessageInitShape } from "@bufbuild/protobuf";

import type { QueryTimeSeriesResponse, WatchTimeSeriesRequestSchema } from "./gen/telwerk/v1/kpi_service_pb.js";
import { proxyOf } from "./reach.js";
import { serviceClient, type ServiceClient } from "./service_client.js";
import { configOf, mayHaveProxy, targetOf } from "./targets.js";
import { watch, type WatchOptions } from "./watch.js";

/** How to connect. */
export interface TelwerkOptions {
  /**
   * `true` for TLS that trusts the well-known authorities, or the PEM text of the certificates to trust; or credentials
   * of grpc-js for all else, such as a certificate of the client's own. Left out: plain text.
   */
  tls?: boolean | string | Buffer | ChannelCredentials;
  /** Goes with every call. Without TLS anyone on the way can read it. */
  apiKey?: string;
  /** How long a call takes at most, unless it says otherwise itself: 30,000. Streams have no such limit. */
  timeoutMs?: number;
}

const TIMEOUT_MS = 30_000;
const MESSAGE_BYTES_MAX = 64 * 2 ** 20;
const KEEPALIVE_MS = 30_000;
const KEEPALIVE_TIMEOUT_MS = 10_000;
const RECONNECT_FIRST_MS = 200;
const RECONNECT_MAX_MS = 5_000;

/** Which calls are tried again, and when: the same file in every language. */
const SERVICE_CONFIG = readFileSync(new URL("../../service_config.json", import.meta.url), "utf8");

const CHANNEL_OPTIONS: ChannelOptions = {
  // A call whose request is larger than these is silently never tried again.
  "grpc.retry_buffer_size": MESSAGE_BYTES_MAX,
  "grpc.per_rpc_retry_buffer_size": MESSAGE_BYTES_MAX,
  "grpc.max_receive_message_length": MESSAGE_BYTES_MAX,
  "grpc.keepalive_time_ms": KEEPALIVE_MS,
  "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
  // By default grpc tries a server that is away less and less often, down to every two minutes.
  "grpc.initial_reconnect_backoff_ms": RECONNECT_FIRST_MS,
  "grpc.max_reconnect_backoff_ms": RECONNECT_MAX_MS,
  "grpc.primary_user_agent": "telwerk-node",
};

/**
 * A connection to a Telwerk server at `address`, "host:port"; or to several, IP addresses with ports and commas between
 * them, or `dns:///name:port`: calls go to all of them in turn, and to none that is away.
 *
 *     const telwerk = new Telwerk("kpi.example:443", { tls: true, apiKey });
 *     const answer = await telwerk.ingestion.ingestEvents({ accountId: "acme", events });
 *     telwerk.close();
 *
 * Requests and answers are the contract's own messages, where every field is described. A call that goes wrong rejects
 * with a `TelwerkError`. Nothing is sent before the first call, and a lost connection is made anew by itself. Where the
 * server is not available a call is tried up to five times: every call of Telwerk is safe to repeat.
 */
export class Telwerk {
  /** Takes events in. */
  readonly ingestion: ServiceClient<typeof IngestionService>;
  /** Reads. */
  readonly kpis: ServiceClient<typeof KpiService>;
  /** Keeps what Telwerk must know of widgets and accounts. */
  readonly settings: ServiceClient<typeof SettingsService>;
  /** Takes data out. */
  readonly admin: ServiceClient<typeof AdminService>;

  readonly #client: Client;

  constructor(address: string, options: TelwerkOptions = {}) {
    const channel = {
      ...CHANNEL_OPTIONS,
      "grpc.service_config": configOf(address, SERVICE_CONFIG),
      "grpc.enable_http_proxy": mayHaveProxy(address) ? 1 : 0,
    };
    this.#client = new Client(targetOf(address), channelCredentials(options.tls ?? false), channel);
    const tls = options.tls !== undefined && options.tls !== false;
    const proxy = mayHaveProxy(address) ? proxyOf(address, this.#client.getChannel().getTarget()) : undefined;
    const target = { address, tls, proxy, hasAnswered: false };
    const metadata = new Metadata();
    if (options.apiKey !== undefined) metadata.set("authorization", `Bearer ${options.apiKey}`);
    const connection = { client: this.#client, metadata, timeoutMs: options.timeoutMs ?? TIMEOUT_MS, target };
    this.ingestion = serviceClient(IngestionService, connection);
    this.kpis = serviceClient(KpiService, connection);
    this.settings = serviceClient(SettingsService, connection);
    this.admin = serviceClient(AdminService, connection);
  }

  /**
   * A time series that stays true: the whole answer now, and again whenever it has changed.
   *
   *     for await (const answer of telwerk.watch({ accountId, query })) { ... }
   *
   * A watch that breaks is opened again by itself, and goes on with the answer as it is then. A server that answered
   * before is waited for, up to `patienceMs` from when the connection was lost. It ends when its loop is left.
   */
  watch(
    request: MessageInitShape<typeof WatchTimeSeriesRequestSchema>,
    options: WatchOptions = {},
  ): AsyncGenerator<QueryTimeSeriesResponse> {
    return watch(this.kpis, request, options);
  }

  /** Ends the connection. Running calls may end first. */
  close(): void {
    this.#client.close();
  }
}

function channelCredentials(tls: boolean | string | Buffer | ChannelCredentials): ChannelCredentials {
  if (tls === false) return credentials.createInsecure();
  if (tls === true) return credentials.createSsl();
  return typeof tls === "string" || Buffer.isBuffer(tls) ? credentials.createSsl(Buffer.from(tls)) : tls;
}
