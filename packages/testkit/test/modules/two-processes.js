// A store in the memory of its process, to test what StoreInProcess transmits.
import { StoreError } from "@scs/core";

/**
 * @type {import("@scs/testkit").Connect<import("@scs/core").FullStore>}
 */
export const connect = (location, { now = Date.now, onError, cleanupIntervalMs }) => {
  if (location === "nowhere") throw new Error("there is no such place");
  /** @type {Map<string, import("@scs/core").SessionRecord>} */
  const records = new Map();
  return {
    async find(token) {
      if (token === "where") {
        return { data: Buffer.from(JSON.stringify({ location, cleanupIntervalMs })), expiry: new Date(0) };
      }
      const record = records.get(token);
      return record && record.expiry.getTime() > now() ? record : undefined;
    },
    async commit(token, data, expiry) {
      if (token === "refused") throw new StoreError("INVALID_ARGUMENT", "refused");
      if (token === "damaged") onError(new StoreError("CORRUPT", "damaged"));
      if (token === "bug") throw new TypeError("a bug");
      if (token === "never") await new Promise(() => undefined);
      records.set(token, { data, expiry });
    },
    async delete(token) {
      records.delete(token);
    },
    async replace(_token, previous) {
      return previous === undefined;
    },
    async touch(_token, expiry) {
      return expiry.getTime() > now();
    },
    async *entries() {
      for (const [token, record] of records) yield { token, ...record };
    },
    async all() {
      return new Map([...records].map(([token, { data }]) => [token, data]));
    },
    async deleteExpired() {
      return records.size;
    },
    async stopCleanup() {},
    async [Symbol.asyncDispose]() {
      onError(new StoreError("UNAVAILABLE", "disposed of"));
    },
  };
};
