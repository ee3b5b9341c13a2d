import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { devalueCodec, jsonCodec, type SessionCodec } from "../src/index.js";
import { commitBoth, stored, valuesOf } from "./fixtures/stored-session.js";

const key = randomBytes(32);

/** AES-256-GCM around another codec, with a new IV each time, so that equal content never has equal bytes. */
const encrypted = (codec: SessionCodec): SessionCodec => ({
  encode(content, maxBytes) {
    const iv = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", key, iv);
    const data = Buffer.concat([cipher.update(codec.encode(content, maxBytes)), cipher.final()]);
    return Buffer.concat([iv, cipher.getAuthTag(), data]);
  },
  decode(data) {
    const decipher = createDecipheriv("aes-256-gcm", key, data.subarray(0, 12));
    decipher.setAuthTag(data.subarray(12, 28));
    return codec.decode(Buffer.concat([decipher.update(data.subarray(28)), decipher.final()]));
  },
});

describe("a codec that encrypts with a new IV each time", () => {
  const codec = encrypted(devalueCodec);
  const rich = { cart: ["tea"], seen: new Map([["a", new Date(5)]]), bytes: new Uint8Array([1, 2]), page: 1 };

  it("writes nothing for a request that only reads objects", async () => {
    await using app = await stored(rich, { codec });
    const session = await app.load();
    expect(valuesOf(session)).toEqual(rich);
    expect(session.status).toBe("unmodified");
    await app.sessions.commit(session);
    expect(app.store.takeCalls()).toEqual(["find"]);
  });

  it("does not overwrite what another request changed meanwhile", async () => {
    await using app = await stored(rich, { codec });
    const [one, other] = [await app.load(), await app.load()];
    one.get("cart");
    (other.get("cart") as string[]).push("honey");
    await commitBoth(app.sessions, other, one.set("page", 2));
    expect(valuesOf(await app.load())).toEqual({ ...rich, cart: ["tea", "honey"], page: 2 });
  });

  it("saves changes in place, also after a conflict", async () => {
    await using app = await stored(rich, { codec });
    const [one, other] = [await app.load(), await app.load()];
    const cart = one.get("cart") as string[];
    await commitBoth(app.sessions, other.set("theme", "dark"), one.set("page", 2));
    cart.push("honey");
    expect(one.status).toBe("modified");
    await app.sessions.commit(one);
    expect(one.status).toBe("unmodified");
    expect(valuesOf(await app.load())).toEqual({ ...rich, cart: ["tea", "honey"], page: 2, theme: "dark" });
  });
});

/** An amount that hides its state. */
class Money {
  #cents: number;
  constructor(cents: number) {
    this.#cents = cents;
  }
  add(cents: number): void {
    this.#cents += cents;
  }
  toJSON(): object {
    return { cents: this.#cents };
  }
}

/** A point that shows its state. */
class Point {
  x = 0;
  readonly path: Point[] = [];
}

/** JSON with classes, as an app may write it. */
const classy: SessionCodec = {
  encode: (content) => Buffer.from(JSON.stringify(content)),
  decode: (data) =>
    JSON.parse(Buffer.from(data).toString(), (_, value) => {
      if (typeof value?.cents === "number") return new Money(value.cents);
      return typeof value?.x === "number" ? Object.assign(new Point(), value) : value;
    }),
};

describe.each([
  ["the same bytes each time", classy],
  ["other bytes each time", encrypted(classy)],
])("a codec of the app's that brings back instances of classes, and gives %s", (_, codec) => {
  const values = { price: new Money(5), at: new Point(), page: 1 };

  it("writes nothing for a request that only reads them", async () => {
    await using app = await stored(values, { codec });
    const session = await app.load();
    session.get("price");
    session.get("at");
    expect(session.status).toBe("unmodified");
    await app.sessions.commit(session);
    expect(app.store.takeCalls()).toEqual(["find"]);
  });

  it("saves visible changes", async () => {
    await using app = await stored(values, { codec });
    const session = await app.load();
    (session.get("at") as Point).path.push(new Point());
    expect(session.status).toBe("modified");
    await app.sessions.commit(session);
    expect((await app.load()).get("at")).toEqual({ x: 0, path: [new Point()] });
  });
});

describe("an app's codec", () => {
  it("reveals changes of hidden state by its bytes", async () => {
    await using app = await stored({ price: new Money(5) }, { codec: classy });
    const session = await app.load();
    (session.get("price") as Money).add(2);
    expect(session.status).toBe("modified");
    await app.sessions.commit(session);
    expect(JSON.stringify((await app.load()).get("price"))).toBe('{"cents":7}');
  });

  it("may convert values without a change at each read", async () => {
    const shared = { a: undefined };
    await using app = await stored({}, { codec: classy });
    const session = await app.load();
    session.set("at", new Date(5)).set("list", [shared, shared, Number.NaN]);
    await app.sessions.commit(session);
    expect(session.status).toBe("unmodified");
    app.store.takeCalls();
    await app.sessions.commit(session);
    expect(app.store.takeCalls()).toEqual([]);
  });

  it("may fail to decode its own bytes: then a replaced value counts as changed, and an untouched one does not", async () => {
    let isBroken = false;
    const decode: SessionCodec["decode"] = (data) => {
      if (isBroken) throw new Error("key lost");
      return jsonCodec.decode(data);
    };
    await using app = await stored({ cart: ["tea"] }, { codec: { ...jsonCodec, decode } });
    const session = await app.load();
    const cart = session.get("cart") as string[];
    isBroken = true;
    expect(session.status).toBe("unmodified");
    cart[0] = "rum";
    cart[0] = "tea";
    expect(session.status).toBe("unmodified");
    session.set("cart", ["tea"]);
    expect(session.status).toBe("modified");
  });
});
