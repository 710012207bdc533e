/**
 * Plays a conformance scenario (clients/conformance/README.md) through the Node.js client.
 *
 *     node dist/conformance/player.js SCENARIO ADDRESS [CA_FILE]
 *
 * An API key is taken from TELWERK_API_KEY. Prints a line per step; ends with 1 if one went otherwise than told.
 */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { type DescMethod, fromJson, type JsonObject, type JsonValue, type Message, toJson } from "@bufbuild/protobuf";
import { status } from "@grpc/grpc-js";

import {
  AdminService,
  type CallOptions,
  IngestionService,
  KpiService,
  SettingsService,
  Telwerk,
  TelwerkError,
  QueryTimeSeriesResponseSchema,
} from "../src/index.js";
import { compareBuilt, type Told } from "./building.js";
import { Sending, type SenderStep } from "./sending.js";

interface Scenario {
  volatile: string[];
  let?: JsonObject;
  steps: Step[];
}

interface Step extends Partial<Omit<SenderStep, "error">> {
  name: string;
  /** Something for the one who plays to do. */
  pause?: string;
  build?: Told[];
  events?: JsonObject[];
  call?: string;
  request?: JsonObject;
  requests?: JsonObject[];
  response?: JsonObject;
  responses?: JsonObject[];
  between?: Step[];
  error?: { code: string; reason: string; fields: string[]; says?: string[] };
  save?: Record<string, string>;
  eventually?: boolean;
  timeoutMs?: number;
}

interface Call {
  method: Pick<DescMethod, "input" | "output" | "methodKind">;
  /** A function of the client for this method: its types depend on the method, which is known only here. */
  invoke: (request: never, options: CallOptions) => Promise<Message> | AsyncIterable<Message>;
}

const STREAM_TIMEOUT_MS = 60_000;
const EVENTUALLY_TIMEOUT_MS = 60_000;
const EVENTUALLY_PAUSE_MS = 100;

class Player {
  readonly #telwerk: Telwerk;
  readonly #sending = new Sending();
  readonly #calls: Map<string, Call>;
  readonly #volatile: string[];
  readonly #named: Map<string, JsonValue>;

  constructor(telwerk: Telwerk, scenario: Scenario) {
    this.#telwerk = telwerk;
    this.#calls = callsOf(telwerk);
    this.#volatile = scenario.volatile;
    this.#named = new Map(Object.entries(scenario.let ?? {}));
  }

  async playAll(steps: Step[]): Promise<boolean> {
    let ok = true;
    for (const step of steps) {
      try {
        await this.#playUntilRight(step);
        console.log(`ok ${step.name}`);
      } catch (error) {
        console.log(`FAILED ${step.name}\n${error instanceof Error ? error.message : String(error)}`);
        ok = false;
      }
    }
    return ok;
  }

  /** Plays a step once, or again and again where it says that it holds eventually. */
  async #playUntilRight(step: Step): Promise<void> {
    for (const end = Date.now() + EVENTUALLY_TIMEOUT_MS; ; await sleep(EVENTUALLY_PAUSE_MS)) {
      try {
        return await this.#play(step);
      } catch (error) {
        if (step.eventually !== true || Date.now() > end) throw error;
      }
    }
  }

  /** Leaves nothing behind. */
  async end(): Promise<void> {
    await this.#sending.end();
  }

  async #play(step: Step): Promise<void> {
    if (step.pause !== undefined) await pause(step.pause);
    else if (step.sender !== undefined) await this.#playSender(step as SenderStep, step.error);
    else if (step.build !== undefined) compareBuilt(step.build, step.events ?? []);
    else await this.#playCall(step);
  }

  async #playSender(step: SenderStep, expected: Step["error"]): Promise<void> {
    try {
      await this.#sending.play(this.#telwerk, step);
    } catch (error) {
      if (expected === undefined || !(error instanceof TelwerkError)) throw error;
      compareError(expected, error);
    }
  }

  async #playCall(step: Step): Promise<void> {
    const call = this.#calls.get(step.call ?? "");
    if (call === undefined) throw new Error(`there is no call ${step.call}`);
    try {
      await this.#compareAnswers(step, call, this.#answers(step, call));
    } catch (error) {
      if (step.error === undefined || !(error instanceof TelwerkError)) throw error;
      compareError(step.error, error);
      return;
    }
    if (step.error !== undefined) throw new Error(`expected ${JSON.stringify(step.error)}, got answers`);
  }

  async #compareAnswers(step: Step, call: Call, answers: AsyncIterable<Message>): Promise<void> {
    const expected = listed(step.response, step.responses);
    let seen = 0;
    for await (const answer of answers) {
      const wanted = expected[seen++];
      if (wanted === undefined) throw new Error(`one answer too many: ${show(toJson(call.method.output, answer))}`);
      this.#compare(call, wanted, answer, step.save ?? {});
      if (step.between === undefined) continue;
      if (seen === expected.length) return;
      if (!(await this.playAll(step.between))) throw new Error("what happens between the answers went wrong");
    }
    if (seen !== expected.length) throw new Error(`${seen} answers came of ${expected.length}`);
  }

  async *#answers(step: Step, { method, invoke }: Call): AsyncIterable<Message> {
    const requests = listed(step.request, step.requests).map((request) => fromJson(method.input, this.#filled(request)));
    const options = optionsOf(step);
    const input = method.methodKind === "bidi_streaming" ? requests : requests[0];
    const answered = invoke(input as never, options);
    if (answered instanceof Promise) yield await answered;
    else yield* answered;
  }

  /** The request with what has a name in the place of it. */
  #filled(request: JsonObject): JsonObject {
    let text = JSON.stringify(request);
    for (const [name, value] of this.#named) text = text.replaceAll(`"$${name}"`, () => JSON.stringify(value));
    return JSON.parse(text) as JsonObject;
  }

  #compare(call: Call, expected: JsonObject, answer: Message, save: Record<string, string>): void {
    const schema = call.method.output;
    const got = toJson(schema, answer) as JsonObject;
    for (const [name, field] of Object.entries(save)) {
      const value = got[field];
      if (value === undefined) throw new Error(`there is no ${field} to save`);
      this.#named.set(name, value);
      delete got[field];
    }
    const wanted = this.#lasting(toJson(schema, fromJson(schema, expected)));
    const lasting = this.#lasting(got);
    if (!isDeepStrictEqual(wanted, lasting)) {
      throw new Error(`  expected ${show(wanted)}\n  got      ${show(lasting)}`);
    }
  }

  /** The JSON without what differs from run to run. */
  #lasting(value: JsonValue): JsonValue {
    if (Array.isArray(value)) return value.map((inner) => this.#lasting(inner));
    if (value === null || typeof value !== "object") return value;
    const kept = Object.entries(value).filter(([name]) => !this.#volatile.includes(name));
    return Object.fromEntries(kept.map(([name, inner]) => [name, this.#lasting(inner)]));
  }
}

function callsOf(telwerk: Telwerk): Map<string, Call> {
  const services = [
    [IngestionService, telwerk.ingestion],
    [KpiService, telwerk.kpis],
    [SettingsService, telwerk.settings],
    [AdminService, telwerk.admin],
  ] as const;
  const calls = services.flatMap(([service, client]) =>
    service.methods.map((method): [string, Call] => {
      const invoke = (client as unknown as Record<string, Call["invoke"]>)[method.localName];
      if (invoke === undefined) throw new Error(`the client lacks ${method.name}`);
      return [`${service.name}/${method.name}`, { method, invoke }];
    }),
  );
  return new Map([...calls, ["watch", watchOf(telwerk)]]);
}

/** The client's own watch, which opens again what broke. */
function watchOf(telwerk: Telwerk): Call {
  return {
    method: { ...KpiService.method.watchTimeSeries, output: QueryTimeSeriesResponseSchema },
    invoke: (request, { timeoutMs = STREAM_TIMEOUT_MS }) =>
      telwerk.watch(request, {
        signal: AbortSignal.timeout(timeoutMs),
        patienceMs: Number(process.env["TELWERK_PATIENCE_MS"] ?? 60_000),
      }),
  };
}

/** Asks the one who plays to do something, and waits for a line that says that it is done. */
async function pause(what: string): Promise<void> {
  console.log(`pause ${what}`);
  process.stdin.resume();
  await once(process.stdin, "data");
  process.stdin.pause();
}

function optionsOf(step: Step): CallOptions {
  if (step.timeoutMs !== undefined) return { timeoutMs: step.timeoutMs };
  // Of a single answer the client's own deadline holds.
  return step.responses === undefined ? {} : { timeoutMs: STREAM_TIMEOUT_MS };
}

function listed(one: JsonObject | undefined, several: JsonObject[] | undefined): JsonObject[] {
  return one === undefined ? (several ?? []) : [one];
}

function compareError(expected: NonNullable<Step["error"]>, error: TelwerkError): void {
  const fields = error.violations.map((violation) => violation.field);
  const got = { code: status[error.code], reason: error.reason, fields };
  const { says = [], ...told } = expected;
  for (const said of says) {
    if (!error.message.includes(said)) throw new Error(`  expected ${said}\n  in       ${error.message}`);
  }
  if (!isDeepStrictEqual(got, told)) throw new Error(`  expected ${show(expected)}\n  got      ${show(got)}`);
}

function show(value: unknown): string {
  return JSON.stringify(value);
}

const [scenarioPath, address, caFile] = process.argv.slice(2);
if (scenarioPath === undefined || address === undefined) {
  console.error("usage: player.js SCENARIO ADDRESS [CA_FILE]");
  process.exit(2);
}
const scenario = JSON.parse(readFileSync(scenarioPath, "utf8")) as Scenario;
const apiKey = process.env["TELWERK_API_KEY"];
const telwerk = new Telwerk(address, {
  ...(caFile === undefined ? {} : { tls: readFileSync(caFile) }),
  ...(apiKey === undefined ? {} : { apiKey }),
});
const player = new Player(telwerk, scenario);
const ok = await player.playAll(scenario.steps);
await player.end();
telwerk.close();
process.exitCode = ok ? 0 : 1;
