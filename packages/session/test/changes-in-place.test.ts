import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import type { Session } from "../src/index.js";
import type { Values } from "./fixtures/running-app.js";
import { commitBoth, stored } from "./fixtures/stored-session.js";

describe("an object that is changed in place", () => {
  it("is saved", async () => {
    await using app = await stored({ cart: ["tea"] });
    const session = await app.load();
    (session.get("cart") as string[]).push("honey");
    expect(session.status).toBe("modified");
    await app.sessions.commit(session);
    expect(await app.store.contents()).toEqual([{ cart: ["tea", "honey"] }]);
    expect(session.status).toBe("unmodified");
  });

  it("is saved after it was set and saved before", async () => {
    await using app = await stored({});
    const session = await app.load();
    const cart = ["tea"];
    session.set("cart", cart);
    await app.sessions.commit(session);
    cart.push("honey");
    await app.sessions.commit(session);
    expect(await app.store.contents()).toEqual([{ cart: ["tea", "honey"] }]);
  });

  it("is merged with changes of others, by key", async () => {
    await using app = await stored({ cart: ["tea"], seen: ["a"] });
    const [one, other] = [await app.load(), await app.load()];
    (one.get("cart") as string[]).push("honey");
    one.get("seen");
    (other.get("seen") as string[]).push("b");
    other.set("theme", "dark");
    await commitBoth(app.sessions, other, one);
    expect(await app.store.contents()).toEqual([{ cart: ["tea", "honey"], seen: ["a", "b"], theme: "dark" }]);
    expect(one.get("seen")).toEqual(["a", "b"]);
  });

  it("stays the value of its key after a merge, and is saved when it changes later", async () => {
    await using app = await stored({ cart: ["tea"], page: 1 });
    const [one, other] = [await app.load(), await app.load()];
    const cart = one.get("cart") as string[];
    await commitBoth(app.sessions, other.set("theme", "dark"), one.set("page", 2)); // merges
    cart.push("honey");
    await app.sessions.commit(one);
    expect(await app.store.contents()).toEqual([{ cart: ["tea", "honey"], page: 2, theme: "dark" }]);
    expect(one.get("cart")).toBe(cart);
  });

  it("stays the value of its key after a merge that includes it", async () => {
    await using app = await stored({ cart: ["tea"] });
    const [one, other] = [await app.load(), await app.load()];
    const cart = one.get("cart") as string[];
    cart.push("honey");
    await commitBoth(app.sessions, other.set("theme", "dark"), one);
    cart.push("milk");
    await app.sessions.commit(one);
    expect(await app.store.contents()).toEqual([{ cart: ["tea", "honey", "milk"], theme: "dark" }]);
    expect(one.get("cart")).toBe(cart);
  });

  it("is not brought back by a merge if it was deleted", async () => {
    await using app = await stored({ cart: ["tea"], seen: ["a"] });
    const [one, other] = [await app.load(), await app.load()];
    (one.get("cart") as string[]).push("honey");
    one.delete("cart");
    other.set("theme", "dark");
    await commitBoth(app.sessions, other, one);
    expect(await app.store.contents()).toEqual([{ seen: ["a"], theme: "dark" }]);
  });

  it("does not affect later merges after its saved deletion", async () => {
    await using app = await stored({ cart: ["tea"], seen: ["a"] });
    const [one, other] = [await app.load(), await app.load()];
    one.get("cart");
    one.delete("cart");
    await app.sessions.commit(one);
    (one.get("seen") as string[]).push("b");
    other.set("theme", "dark");
    await commitBoth(app.sessions, other, one);
    expect(await app.store.contents()).toEqual([{ seen: ["a", "b"], theme: "dark" }]);
  });

  it("and changed back is not saved", async () => {
    await using app = await stored({ cart: ["tea"] });
    const session = await app.load();
    const cart = session.get("cart") as string[];
    cart.push("honey");
    cart.pop();
    expect(session.status).toBe("unmodified");
    await app.sessions.commit(session);
    expect(app.store.takeCalls()).toEqual(["find"]);
  });
});

/** A session whose handler holds `cart`, and commits while another request changes something. */
async function conflicted(change: (other: Session<Values>) => unknown) {
  const app = await stored({ cart: ["tea"], page: 1 });
  const [one, other] = [await app.load(), await app.load()];
  const cart = one.get("cart") as string[];
  change(other);
  await commitBoth(app.sessions, other, one.set("page", 2)); // merges
  return { app, one, cart, save: () => app.sessions.commit(one) };
}

describe("an object that the app still holds after a commit", () => {
  const push = (session: Session<Values>, item: string) => (session.get("cart") as string[]).push(item);

  it("is saved when it changes after another request changed its key: the last change wins", async () => {
    const { app, one, cart, save } = await conflicted((other) => push(other, "rum"));
    await using _ = app;
    expect(one.status).toBe("unmodified");
    expect(one.get("cart")).toEqual(["tea", "rum"]);
    cart.push("honey");
    expect(one.status).toBe("modified");
    await save();
    expect(await app.store.contents()).toEqual([{ cart: ["tea", "honey"], page: 2 }]);
    expect(one.get("cart")).toBe(cart);
    cart.push("milk");
    await save();
    expect(await app.store.contents()).toEqual([{ cart: ["tea", "honey", "milk"], page: 2 }]);
  });

  it("is saved when it changes after another request deleted its key", async () => {
    const { app, one, cart, save } = await conflicted((other) => other.delete("cart"));
    await using _ = app;
    expect(one.has("cart")).toBe(false);
    cart.push("honey");
    await save();
    expect(await app.store.contents()).toEqual([{ page: 2, cart: ["tea", "honey"] }]);
  });

  it("writes nothing while it does not change", async () => {
    const { app, one, save } = await conflicted((other) => push(other, "rum"));
    await using _ = app;
    app.store.takeCalls();
    await save();
    await app.sessions.commit(one.set("page", 3));
    expect(app.store.takeCalls()).toEqual(["replace"]);
    expect(await app.store.contents()).toEqual([{ cart: ["tea", "rum"], page: 3 }]);
  });

  it("is saved when it changes during the commit that meets the conflict", async () => {
    await using app = await stored({ cart: ["tea"], page: 1 });
    const [one, other] = [await app.load(), await app.load()];
    const cart = one.get("cart") as string[];
    push(other, "rum");
    one.set("page", 2);
    await app.store.interrupt(
      ["replace"],
      () => app.sessions.commit(one),
      async () => {
        await app.sessions.commit(other);
        cart.push("honey");
      },
    );
    await app.sessions.commit(one);
    expect(await app.store.contents()).toEqual([{ cart: ["tea", "honey"], page: 2 }]);
  });

  it("is saved through several conflicts", async () => {
    const { app, one, cart, save } = await conflicted((other) => push(other, "rum"));
    await using _ = app;
    one.get("cart");
    const other = await app.load();
    push(other, "gin");
    await commitBoth(app.sessions, other, one.set("page", 3));
    cart.push("honey");
    await save();
    expect(await app.store.contents()).toEqual([{ cart: ["tea", "honey"], page: 3 }]);
  });

  it("loses to the object that get returned later, if both change", async () => {
    const { app, one, cart, save } = await conflicted((other) => push(other, "rum"));
    await using _ = app;
    push(one, "gin");
    cart.push("honey");
    await save();
    expect(await app.store.contents()).toEqual([{ cart: ["tea", "rum", "gin"], page: 2 }]);
  });

  it("is replaced by the object that get returned later, which is saved when it changes", async () => {
    const { app, one, cart, save } = await conflicted((other) => push(other, "rum"));
    await using _ = app;
    const newer = one.get("cart") as string[];
    cart.push("honey");
    await save();
    newer.push("gin");
    await save();
    expect(await app.store.contents()).toEqual([{ cart: ["tea", "rum", "gin"], page: 2 }]);
  });

  it.each([
    ["set", (session: Session<Values>) => session.set("cart", ["new"]), { cart: ["new"], page: 2 }],
    ["deleted", (session: Session<Values>) => session.delete("cart"), { page: 2 }],
  ])("counts no more once its key was %s anew", async (_, change, saved) => {
    const { app, one, cart, save } = await conflicted((other) => push(other, "rum"));
    await using _app = app;
    change(one);
    cart.push("honey");
    await save();
    expect(await app.store.contents()).toEqual([saved]);
  });
});

describe("an object that is part of two values", () => {
  it("is saved in both after a conflict, even if the app got only one of them", async () => {
    const line = { sku: "tea", n: 1 };
    await using app = await stored({ cart: [line], last: line });
    const [one, other] = [await app.load(), await app.load()];
    Object.assign((one.get("cart") as object[])[0] as object, { n: 2 });
    await commitBoth(app.sessions, other.set("page", 2), one);
    const saved = await app.load();
    expect(saved.get("last")).toEqual({ sku: "tea", n: 2 });
    expect((saved.get("cart") as object[])[0]).toBe(saved.get("last"));
    Object.assign((one.get("cart") as object[])[0] as object, { n: 3 });
    await app.sessions.commit(one);
    expect((await app.load()).get("last")).toEqual({ sku: "tea", n: 3 });
  });
});

describe("a look at an object", () => {
  const bytes = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]);
  it.each([
    ["a view of some of its memory", new Uint16Array(bytes.buffer, 2, 2)],
    ["a DataView of some of its memory", new DataView(bytes.buffer, 2, 4)],
    ["a Buffer", Buffer.from("bytes of the pool")],
    ["a Map", new Map([[{ a: 1 }, new Set([1, "1", 1n])]])],
    ["undefined, NaN and -0", { a: [undefined, Number.NaN, -0], b: undefined }],
    ["a circle", Object.assign({ list: [] as unknown[] }, { self: {} })],
    ["no prototype", Object.assign(Object.create(null), { a: 1 })],
    ["an invalid date", [new Date(Number.NaN)]],
    ["holes", new Array(3)],
  ])("writes nothing: %s", async (_, value) => {
    await using app = await stored({ value });
    const session = await app.load();
    session.get("value");
    expect(session.status).toBe("unmodified");
    await app.sessions.commit(session);
    expect(app.store.takeCalls()).toEqual(["find"]);
  });

  it.each<[string, unknown, (value: never) => unknown]>([
    [
      "of a Map",
      new Map([
        ["a", 1],
        ["b", 2],
      ]),
      (map: Map<string, number>) => map.delete("a") && map.set("a", 1),
    ],
    ["of a Set", new Set(["a", "b"]), (set: Set<string>) => set.delete("a") && set.add("a")],
    [
      "of keys",
      { a: 1, b: 2 },
      (object: { a?: number }) => {
        delete object.a;
        object.a = 1;
      },
    ],
    ["of a list", [1, 2], (list: number[]) => list.reverse()],
  ])("that changes the order %s is a change", async (_, value, reorder) => {
    await using app = await stored({ value });
    const session = await app.load();
    reorder(session.get("value") as never);
    expect(session.status).toBe("modified");
    await app.sessions.commit(session);
    const again = (await app.load()).get("value");
    expect(inspect(again)).toBe(inspect(session.get("value")));
  });
});
