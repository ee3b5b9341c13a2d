import type { Call } from "@scs/core/kit";
import { byteaArray, textArray, timestampArray } from "./binary-array.js";
import { timestamp } from "./timestamp.js";

export type Parameters = (string | Buffer)[];

/** Returns the parameters for calls of one kind: plain values for one call, arrays for several. */
export function parametersOf(calls: readonly Call[], now: (() => number) | undefined): Parameters {
  const [first] = calls as readonly [Call];
  const parameters = calls.length === 1 ? ofOne(first) : ofMany(calls);
  if (now !== undefined && first.kind !== "commit" && first.kind !== "delete")
    parameters.push(timestamp(now()));
  return parameters;
}

function ofOne(call: Call): Parameters {
  const parameters: Parameters = [call.token];
  if (call.kind === "replace" && call.previous !== undefined) parameters.push(asBuffer(call.previous));
  if ("data" in call && call.data !== undefined) parameters.push(asBuffer(call.data));
  if (call.kind !== "find" && call.kind !== "delete") parameters.push(timestamp(call.expiry));
  return parameters;
}

function ofMany(calls: readonly Call[]): Parameters {
  const [first] = calls as readonly [Call];
  const parameters: Parameters = [textArray(calls.map(({ token }) => token))];
  if (first.kind === "replace" && first.previous !== undefined)
    parameters.push(byteaArray(calls.map((call) => (call as { previous: Uint8Array }).previous)));
  if (first.kind === "replace" || first.kind === "commit")
    parameters.push(byteaArray(calls.map((call) => (call as { data: Uint8Array }).data)));
  if (first.kind !== "find" && first.kind !== "delete")
    parameters.push(timestampArray(calls.map((call) => (call as { expiry: number }).expiry)));
  return parameters;
}

function asBuffer(data: Uint8Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.length);
}
