// A minimal durable store, which appends a line to a file for each write; or one that breaks a guarantee.
import { appendFileSync, existsSync, readFileSync, truncateSync } from "node:fs";

/** @typedef {{ data: Uint8Array, expiry: Date }} SessionRecord */

/**
 * @param {unknown} location
 * @param {import("@scs/testkit").OpenOptions} options
 * @returns {import("@scs/core").FullStore}
 */
export function connect(location, { now = Date.now }) {
  const { path, breaks } = /** @type {{ path: string, breaks?: string }} */ (location);
  /** @type {Map<string, SessionRecord>} */
  const records = new Map();
  const apply = (/** @type {string} */ line) => {
    const [token, data, expiry] = JSON.parse(line);
    if (data === null) records.delete(token);
    else records.set(token, { data: Buffer.from(data, "base64"), expiry: new Date(expiry) });
  };
  if (existsSync(path)) {
    const bytes = readFileSync(path);
    const whole = bytes.lastIndexOf("\n") + 1; // a kill may have cut the last write short, which was not acknowledged
    truncateSync(path, whole);
    for (const line of bytes.toString("utf8", 0, whole).split("\n")) if (line) apply(line);
  }

  const write = (/** @type {unknown[]} */ ...record) => {
    const line = JSON.stringify(record);
    apply(line);
    if (breaks !== "durability") appendFileSync(path, `${line}\n`);
  };
  const live = (/** @type {string} */ token) => {
    const record = records.get(token);
    return record && record.expiry.getTime() > now() ? record : undefined;
  };
  const base64 = (/** @type {Uint8Array} */ data) => Buffer.from(data).toString("base64");

  return {
    async find(token) {
      const record = live(token);
      if (breaks === "bytes" && record) return { data: record.data.subarray(1), expiry: record.expiry };
      return record;
    },
    async commit(token, data, expiry) {
      write(token, base64(data), expiry);
    },
    async delete(token) {
      write(token, null);
    },
    async replace(token, previous, data, expiry) {
      const record = live(token);
      if ((record && base64(record.data)) !== (previous && base64(previous))) return false;
      write(token, base64(data), expiry);
      return true;
    },
    async touch(token, expiry) {
      const record = live(token);
      if (record) write(token, base64(record.data), expiry);
      return record !== undefined;
    },
    async *entries() {
      for (const [token, record] of records) {
        const { data, expiry } = record;
        if (live(token)) yield { token, data: breaks === "bytes" ? data.subarray(1) : data, expiry };
      }
    },
    async all() {
      return new Map([...records].map(([token, { data }]) => [token, data]));
    },
    async deleteExpired() {
      const expired = [...records.keys()].filter((token) => !live(token));
      for (const token of expired) write(token, null);
      return breaks === "cleanup" ? 0 : expired.length;
    },
    async stopCleanup() {},
    async [Symbol.asyncDispose]() {},
  };
}
