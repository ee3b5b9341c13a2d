import { MemStore } from "@scs/memstore";
import { expect, expectTypeOf, it } from "vitest";
import { type Session, SessionManager } from "../src/index.js";

interface Shop {
  userId: string;
  cart: { product: string; count: number }[];
}

const sessions = new SessionManager<Shop>({ store: new MemStore({ cleanupIntervalMs: 0 }) });

it("a session has the types of its values: `tsc` checks this file", async () => {
  const session = await sessions.load(undefined);
  expectTypeOf(session).toEqualTypeOf<Session<Shop>>();
  expectTypeOf(session.get("userId")).toEqualTypeOf<string | undefined>();
  expectTypeOf(session.pop("cart")).toEqualTypeOf<Shop["cart"] | undefined>();
  expectTypeOf(session.keys()).toEqualTypeOf<IterableIterator<"userId" | "cart">>();
  // @ts-expect-error a user's ID is a string
  session.set("userId", 4);
  // @ts-expect-error there is no such value
  session.set("userID", "u1");
  // @ts-expect-error there is no such value
  session.get("userID");
  // @ts-expect-error there is no such value
  session.has("userID");
  // @ts-expect-error there is no such value
  session.delete("userID");
  // @ts-expect-error there is no such value
  session.pop("userID");
  // @ts-expect-error a request's session is typed as well
  const setOf = (req: object) => sessions.get(req).set("userId", 4);
  expect(setOf).toBeTypeOf("function");
  // @ts-expect-error a cart holds products with their count
  session.set("cart", [{ product: "tea" }]);
  const others = new SessionManager<{ other: number }>({ store: new MemStore({ cleanupIntervalMs: 0 }) });
  // @ts-expect-error one manager's session is not another's
  await others.commit(session);
  expect(session.set("userId", "u1").set("cart", [])).toBe(session);
});

it("owner and describe get the session's values, and list returns the results of describe", async () => {
  const store = new MemStore({ cleanupIntervalMs: 0 });
  const owned = new SessionManager<Shop, number>({
    ...{ store, owner: (data) => data.userId, describe: (data) => data.cart?.length ?? 0 },
  });
  expectTypeOf((await owned.list("u1")).map(({ description }) => description)).toEqualTypeOf<number[]>();
  // @ts-expect-error there is no such value
  new SessionManager<Shop>({ store, owner: (data) => data.userID });
  // @ts-expect-error a cart has no owner
  new SessionManager<Shop>({ store, owner: (data) => data.cart });
});

it("a manager without a type accepts any name and value", async () => {
  const untyped = new SessionManager({ store: new MemStore({ cleanupIntervalMs: 0 }) });
  const session = await untyped.load(undefined);
  expectTypeOf(session.get("anything")).toEqualTypeOf<unknown>();
  expect(session.set("anything", 1).get("anything")).toBe(1);
});
