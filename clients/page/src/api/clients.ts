/** The public JSON calls of the server that this page came from. There is no other way to the numbers. */
import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { KpiService } from "#stubs/kpi_service_pb.js";
import { SettingsService } from "#stubs/settings_service_pb.js";
import { heardDate } from "./clock.ts";
import { heldKey, isKeyLike } from "./session.ts";

const withKey: Interceptor = (next) => (request) => {
  const key = heldKey();
  // No header can have it: asked for anew, like one that the server refuses.
  if (key && !isKeyLike(key)) throw new ConnectError("this is no key", Code.Unauthenticated);
  if (key) request.header.set("Authorization", `Bearer ${key}`);
  return next(request);
};

async function fetching(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const response = await fetch(input, init);
  heardDate(response.headers.get("date"));
  return response;
}

const transport = createConnectTransport({
  baseUrl: globalThis.location?.origin ?? "",
  interceptors: [withKey],
  fetch: fetching,
  defaultTimeoutMs: 60_000,
});

export const kpis = createClient(KpiService, transport);
export const settings = createClient(SettingsService, transport);

/** A stream has no end of its own, so it has no deadline either. */
export const streams = createClient(
  KpiService,
  createConnectTransport({ baseUrl: globalThis.location?.origin ?? "", interceptors: [withKey], fetch: fetching }),
);
