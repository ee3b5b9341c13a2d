import { StoreError } from "@scs/core";
import { MemStore } from "@scs/memstore";
import { describe, expect, it } from "vitest";
import { Visitor } from "./fixtures/visitor.js";
import { hosts } from "./hosts/index.js";

async function logIn(url: string): Promise<Visitor> {
  const visitor = new Visitor(url);
  await visitor.get("/set/user/u1");
  return visitor;
}

describe.each(hosts)("a store of ours under $name", (host) => {
  it("returns stored values to the next request", async () => {
    await using app = await host.start(new MemStore());
    const visitor = await logIn(app.url);
    await visitor.get("/set/theme/dark");
    expect(await visitor.get()).toEqual({ user: "u1", theme: "dark" });
    await visitor.get("/remove/user");
    expect(await visitor.get()).toEqual({ theme: "dark" });
    expect(await new Visitor(app.url).get()).toEqual({});
  });

  it("has no session after a log-out, even for a kept cookie", async () => {
    const store = new MemStore();
    await using app = await host.start(store);
    const visitor = await logIn(app.url);
    const copy = visitor.copy();
    await visitor.get("/logout");
    expect(await copy.get()).toEqual({});
    expect(await valuesIn(store)).not.toContain('"u1"');
  });

  it("does not bring back a session that was logged out while a request changed it", async () => {
    const store = new MemStore();
    await using app = await host.start(store);
    const visitor = await logIn(app.url);
    const copy = visitor.copy();
    const gate = app.gates.make("slow");
    const slow = visitor.copy().get("/set/cart/full?gate=slow");
    await gate.reached;
    await visitor.get("/logout");
    gate.open();
    expect(await slow).toEqual({ user: "u1" });
    expect(await copy.get()).toEqual({});
    expect(await valuesIn(store)).not.toMatch(/"(u1|full)"/);
  });

  it("does not bring back a session that was logged out while a request read it", async () => {
    const store = new MemStore();
    await using app = await host.start(store);
    const visitor = await logIn(app.url);
    const copy = visitor.copy();
    const gate = app.gates.make("slow");
    const slow = visitor.copy().get("/?gate=slow");
    await gate.reached;
    await visitor.get("/logout");
    gate.open();
    await slow;
    expect(await copy.get()).toEqual({});
    expect(await valuesIn(store)).not.toContain('"u1"');
  });

  it("keeps the changes of parallel requests", async () => {
    await using app = await host.start(new MemStore());
    const visitor = new Visitor(app.url);
    for (const name of ["one", "two", "three"]) await visitor.get(`/set/${name}/old`);
    const paths = ["/set/one/new?gate=0", "/remove/two?gate=1", "/set/four/new?gate=2", "/?gate=3"];
    const gates = paths.map((_, index) => app.gates.make(String(index)));
    const answers = paths.map((path) => visitor.copy().get(path));
    await Promise.all(gates.map((gate) => gate.reached));
    for (const [index, gate] of gates.entries()) {
      gate.open();
      await answers[index];
    }
    expect(await visitor.get()).toEqual({ one: "new", three: "old", four: "new" });
  });

  it("keeps the last of two parallel changes of one name", async () => {
    await using app = await host.start(new MemStore());
    const visitor = new Visitor(app.url);
    await visitor.get("/set/name/old");
    const [first, second] = [app.gates.make("first"), app.gates.make("second")];
    const answers = ["/set/name/1?gate=first", "/set/name/2?gate=second"].map((path) =>
      visitor.copy().get(path),
    );
    await Promise.all([first.reached, second.reached]);
    second.open();
    await answers[1];
    first.open();
    await answers[0];
    expect(await visitor.get()).toEqual({ name: "1" });
  });

  it("stores nothing from which a cookie could be made", async () => {
    const store = new MemStore();
    await using app = await host.start(store);
    const visitor = await logIn(app.url);
    await visitor.get("/set/theme/dark");
    const cookie = decodeURIComponent(visitor.cookies.get(host.cookie) as string);
    const secrets = cookie.split(/[.:]/).filter((part) => part.length >= 16);
    expect(secrets.length).toBeGreaterThan(0);
    const stored = await valuesIn(store);
    expect(stored).toContain("dark");
    for (const secret of secrets) expect(stored).not.toContain(secret);
    for (const token of (await store.all()).keys()) {
      const thief = new Visitor(app.url, [[host.cookie, encodeURIComponent(token)]]);
      expect(await thief.get()).toEqual({});
    }
  });

  it("separates applications that share a store by namespace", async () => {
    const store = new MemStore();
    await using shop = await host.start(store, { namespace: "shop" });
    await using blog = await host.start(store, { namespace: "blog" });
    const visitor = await logIn(shop.url);
    expect(await new Visitor(blog.url, visitor.cookies).get()).toEqual({});
    expect(await visitor.get()).toEqual({ user: "u1" });
  });

  it("ends a session when its record expires", async () => {
    const time = { now: Date.now() };
    const store = new MemStore({ now: () => time.now });
    await using app = await host.start(store, { now: () => time.now });
    const visitor = await logIn(app.url);
    expect(await visitor.get()).toEqual({ user: "u1" });
    time.now += 2 * 86_400_000;
    expect(await visitor.get()).toEqual({});
  });

  it("leaves the session unchanged when a save fails, and reports the failure if the host can", async () => {
    const store = new MemStore();
    await using app = await host.start(store);
    const visitor = await logIn(app.url);
    store.replace = () => Promise.reject(new StoreError("UNAVAILABLE", "down"));
    const status = await visitor.send("/set/user/u2").then(
      (response) => response.status,
      () => 500, // the connection was cut
    );
    Reflect.deleteProperty(store, "replace");
    expect(await visitor.get()).toEqual({ user: "u1" });
    expect(status).toBe(host.tellsOfFailedSaves ? 500 : 200);
  });

  it("answers with an error when a session cannot be read, and keeps the visitor logged in", async () => {
    const store = new MemStore();
    await using app = await host.start(store);
    const visitor = await logIn(app.url);
    const down = () => Promise.reject(new StoreError("UNAVAILABLE", "down"));
    Object.assign(store, { find: down, replace: down, commit: down });
    const { status } = await visitor.copy().send("/");
    for (const name of ["find", "replace", "commit"]) Reflect.deleteProperty(store, name);
    expect(await visitor.get()).toEqual({ user: "u1" });
    expect(status).toBe(500);
  });
});

describe.each(hosts.filter((host) => host.regenerates))("a new ID under $name", (host) => {
  it("ends the old ID, also for requests in flight", async () => {
    const store = new MemStore();
    await using app = await host.start(store);
    const visitor = new Visitor(app.url);
    await visitor.get("/set/cart/full");
    const old = visitor.copy();
    const gate = app.gates.make("slow");
    const slow = visitor.copy().get("/set/late/yes?gate=slow");
    await gate.reached;
    await visitor.get("/renew/user/u1");
    gate.open();
    await slow;
    expect(await old.get()).toEqual({});
    expect(await visitor.get()).toMatchObject({ user: "u1" });
    expect(await valuesIn(store)).not.toContain('"late"');
  });
});

/** Returns the content of a store as text. */
async function valuesIn(store: MemStore): Promise<string> {
  return [...(await store.all())].map(([token, data]) => `${token} ${Buffer.from(data)}`).join("\n");
}
