/** A fact's value as the one text that stands for it in a URL and as a key: its JSON. */
import { fromJsonString, toJson } from "@bufbuild/protobuf";
import { type Value, ValueSchema } from "#stubs/kpi_service_pb.js";

export const textOfValue = (value: Value): string => JSON.stringify(toJson(ValueSchema, value));

/** The value, if the text is one's. */
export function parseValue(text: string): Value | undefined {
  try {
    const value = fromJsonString(ValueSchema, text);
    return value.kind.case === undefined ? undefined : value;
  } catch {
    return undefined;
  }
}
