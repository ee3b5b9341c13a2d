import { Redis } from "ioredis";
import { describe, expect, it } from "vitest";
import { hasServer } from "./fixtures/redis-server.js";
import { openStore, soon } from "./fixtures/stores.js";
import { useServer } from "./fixtures/use-server.js";

/** One example of each kind of data that the store sends differently. */
const data: Record<string, Uint8Array> = {
  ASCII: Buffer.from('{"user":1}'),
  "UTF-8": Buffer.from("Jürgen 漢字 🙂"),
  "a byte order mark": Buffer.from([0xef, 0xbb, 0xbf, 0x61]),
  "binary data": Buffer.from([0xff, 0x00, 0xc3, 0x28, 0x0d, 0x0a]),
  "a surrogate": Buffer.from([0xed, 0xa0, 0x80]),
  nothing: new Uint8Array(),
  "much text": Buffer.alloc(70_000, "ä"),
};

describe.skipIf(!hasServer)("a value", () => {
  const server = useServer();

  it.each(["ioredis 6", "redis 5"] as const)(
    "holds the expiry as 16 digits, then the unchanged data, written alone and in a batch: %s",
    async (driver) => {
      const { store } = await openStore(driver, server().port, { prefix: `format-${driver}:` });
      const expiry = soon();
      const header = String(expiry.getTime()).padStart(16, "0");
      const [[first, alone] = ["", Buffer.alloc(0)], ...others] = Object.entries(data);
      await store.commit(first, alone, expiry);
      await Promise.all(others.map(([name, bytes]) => store.commit(name, bytes, expiry)));
      const raw = new Redis(server().port);
      for (const [name, bytes] of Object.entries(data)) {
        const key = `format-${driver}:${name}`;
        expect(await raw.getBuffer(key), name).toEqual(Buffer.concat([Buffer.from(header), bytes]));
        expect(await raw.call("PTTL", key), name).toBeGreaterThan(0);
        expect(await store.replace(name, bytes, Buffer.from("new"), expiry), name).toBe(true);
      }
      raw.disconnect();
    },
  );
});
