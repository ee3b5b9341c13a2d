import { describe, expect, it } from "vitest";
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

  it("is merged with what others changed, by key", async () => {
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

  it("stays the app's own through a merge, and is saved when it is changed afterwards", async () => {
    await using app = await stored({ cart: ["tea"], page: 1 });
    const [one, other] = [await app.load(), await app.load()];
    const cart = one.get("cart") as string[];
    await commitBoth(app.sessions, other.set("theme", "dark"), one.set("page", 2)); // merges
    cart.push("honey");
    await app.sessions.commit(one);
    expect(await app.store.contents()).toEqual([{ cart: ["tea", "honey"], page: 2, theme: "dark" }]);
    expect(one.get("cart")).toBe(cart);
  });

  it("stays the app's own through a merge that it takes part in", async () => {
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

  it("does not get into the way of later merges when it was deleted and that is saved", async () => {
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

  it("and then back is no change", async () => {
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
