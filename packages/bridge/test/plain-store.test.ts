import type { SessionRecord, Store } from "@scs/core";
import { MemStore } from "@scs/memstore";
import { describe, expect, it } from "vitest";
import { Visitor } from "./fixtures/visitor.js";
import { hosts } from "./hosts/index.js";

/** Returns a foreign store: three methods, and `null` for absence. */
function plainStore(): Store {
  const store = new MemStore();
  return {
    find: async (token) => ((await store.find(token)) ?? null) as SessionRecord | undefined,
    commit: (token, data, expiry) => store.commit(token, data, expiry),
    delete: (token) => store.delete(token),
  };
}

describe.each(hosts)("a store without compare-and-swap under $name", (host) => {
  it("keeps sessions, merges changes, and does not bring back one that ended before the save", async () => {
    await using app = await host.start(plainStore());
    const visitor = new Visitor(app.url);
    await visitor.get("/set/user/u1");
    const gate = app.gates.make("slow");
    const slow = visitor.copy().get("/set/one/1?gate=slow");
    await gate.reached;
    await visitor.get("/set/two/2");
    gate.open();
    await slow;
    expect(await visitor.get()).toEqual({ user: "u1", one: "1", two: "2" });
    const copy = visitor.copy();
    const last = app.gates.make("last");
    const late = visitor.copy().get("/set/three/3?gate=last");
    await last.reached;
    await visitor.get("/logout");
    last.open();
    await late;
    expect(await copy.get()).toEqual({});
  });
});
