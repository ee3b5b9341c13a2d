import assert from "node:assert/strict";
import type { Store } from "@scs/core";
import type { Check } from "../check.js";
import { assertAbsent, assertLive, bytes, rejectsWith } from "../expectations.js";
import { hostileTokens, malformedTokens } from "../tokens.js";

const one: Uint8Array = bytes("one");
const two: Uint8Array = bytes("two");

/** Well-formed tokens that a malformed one becomes if it is truncated, encoded or converted instead of refused. */
const lookAlikes = [
  "a",
  "b",
  "\ufffd",
  "a\ufffdb",
  "a".repeat(255),
  "undefined",
  "null",
  "7",
  "[object Object]",
];

/** Creates a check that each token has a record of its own, and that deleting one deletes no other. */
function distinct(name: string, tokens: readonly string[]): Check<Store> {
  return {
    name,
    async run({ store, clock }) {
      const expiry = clock.in(1000);
      for (const token of tokens) await store.commit(token, bytes(`data of ${token}`), expiry);
      for (const token of tokens) await assertLive(store, token, bytes(`data of ${token}`), expiry);
      for (const [index, token] of tokens.entries()) {
        await store.delete(token);
        await assertAbsent(store, token);
        for (const later of tokens.slice(index + 1))
          await assertLive(store, later, bytes(`data of ${later}`));
      }
    },
  };
}

/** The sentences about well-formed and malformed tokens; part of {@link storeChecks}. */
export const tokenChecks: readonly Check<Store>[] = [
  distinct("tokens that look like paths have records of their own", hostileTokens.paths),
  distinct("tokens with quotes and placeholders have records of their own", hostileTokens.quotes),
  distinct("tokens that name properties of objects have records of their own", hostileTokens.properties),
  distinct(
    "tokens that differ only in white space or control characters have records of their own",
    hostileTokens.spaces,
  ),
  distinct("tokens beyond ASCII have records of their own", hostileTokens.beyondAscii),
  distinct("tokens that differ only in case have records of their own", hostileTokens.case),
  distinct(
    "tokens that differ only in their Unicode normal form have records of their own",
    hostileTokens.normalForms,
  ),
  distinct("tokens of 1 and of 255 bytes have records of their own", [
    "a",
    "b".repeat(254),
    "b".repeat(255),
    "日".repeat(85),
  ]),
  {
    name: "find returns undefined for a malformed token, whatever is stored",
    async run({ store, clock }) {
      for (const token of lookAlikes) await store.commit(token, one, clock.in(1000));
      for (const token of malformedTokens) await assertAbsent(store, token as string);
    },
  },
  {
    name: "delete of a malformed token does nothing",
    async run({ store, clock }) {
      for (const token of lookAlikes) await store.commit(token, one, clock.in(1000));
      for (const token of malformedTokens) assert.equal(await store.delete(token as string), undefined);
      for (const token of lookAlikes) await assertLive(store, token, one);
    },
  },
  {
    name: "commit of a malformed token rejects with INVALID_ARGUMENT and changes nothing",
    async run({ store, clock }) {
      const tokens = ["a", "\ufffd", "a\ufffdb", "a".repeat(255), "undefined"];
      for (const token of tokens) await store.commit(token, one, clock.in(1000));
      for (const token of malformedTokens) {
        await rejectsWith("INVALID_ARGUMENT", () => store.commit(token as string, two, clock.in(1000)));
      }
      for (const token of tokens) await assertLive(store, token, one);
    },
  },
];
