import assert from "node:assert/strict";
import { inspect } from "node:util";
import type { Store, StoreErrorCode } from "@scs/core";
import { showBytes } from "./failure-text.js";

const encoder = new TextEncoder();

/** Returns the UTF-8 bytes of `text`. */
export const bytes = (text: string): Uint8Array => encoder.encode(text);

/** Fails with `message` unless `condition` is true. `assert.ok` would add a diff of `true` and `false`. */
export function assertThat(condition: boolean, message: string): asserts condition {
  if (!condition) assert.fail(message);
}

/** Asserts that two byte arrays are equal, for any subclass of `Uint8Array`. */
export function sameBytes(actual: unknown, expected: Uint8Array): void {
  assertThat(actual instanceof Uint8Array, "data is not a Uint8Array");
  if (Buffer.compare(actual, expected) !== 0)
    assert.fail(`data is ${showBytes(actual)}, not ${showBytes(expected)}`);
}

/** Asserts that `token` has a live record with this data and, if given, this expiry. */
export async function assertLive(
  store: Store,
  token: string,
  data: Uint8Array,
  expiry?: Date,
): Promise<void> {
  const record = await store.find(token);
  assertThat(record !== undefined, "there is no live record");
  sameBytes(record.data, data);
  if (expiry !== undefined) assert.equal(record.expiry.getTime(), expiry.getTime(), "the expiry differs");
}

export async function assertAbsent(store: Store, token: string): Promise<void> {
  assertThat((await store.find(token)) === undefined, "there is a live record");
}

/** Asserts that `call` returns a promise that rejects with a `StoreError` of `code`. Returns the error. */
export async function rejectsWith(code: StoreErrorCode, call: () => Promise<unknown>): Promise<Error> {
  let promise: Promise<unknown>;
  try {
    promise = call();
  } catch (thrown) {
    assert.fail(`the call threw instead of rejecting: ${String(thrown)}`);
  }
  const outcome = await promise.then(
    () => assert.fail(`resolved instead of rejecting with ${code}`),
    (error: unknown) => error,
  );
  assertThat(outcome instanceof Error, "the rejection is not an Error");
  assert.deepEqual([outcome.name, (outcome as Error & { code?: unknown }).code], ["StoreError", code]);
  return outcome;
}

/** Asserts that the errors, with stacks and causes, do not contain `secret` as text, hex, base64 or bytes. */
export function assertSecret(errors: readonly Error[], secret: string): void {
  const data = Buffer.from(secret);
  const forms = [
    secret,
    data.toString("hex"),
    data.toString("base64").slice(0, 16),
    [...data].slice(0, 8).join(", "),
  ];
  for (const error of errors) {
    const shown = inspect(error, {
      depth: 10,
      showHidden: true,
      maxArrayLength: null,
      maxStringLength: null,
    });
    const text = `${shown}\n${JSON.stringify(error)}\n${String(error)}`.toLowerCase();
    for (const form of forms)
      assertThat(!text.includes(form.toLowerCase()), "an error contains a token or session data");
  }
}
