import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { Session } from "../src/index.js";
import { RawClient } from "./fixtures/raw-client.js";
import { run, type Values } from "./fixtures/running-app.js";
import { Signal } from "./fixtures/signal.js";
import { Visitor } from "./fixtures/visitor.js";

const chunk = "0123456789abcdef".repeat(4096); // 64 KiB
const bodyOf = (response: string) => response.slice(response.indexOf("\r\n\r\n") + 4);

/** Records each 'drain', and whether a write required it. */
function watchDrains(res: ServerResponse): { due: number; undue: number; write(data: string): boolean } {
  let isDue = false;
  const drains = {
    due: 0,
    undue: 0,
    write(data: string) {
      const goesOn = res.write(data);
      if (!goesOn) isDue = true;
      return goesOn;
    },
  };
  res.on("drain", () => {
    if (isDue) drains.due++;
    else drains.undue++;
    isDue = false;
  });
  return drains;
}

describe("a writer that waits for 'drain'", () => {
  it.each([
    ["that reads at once", false],
    ["that is slow", true],
  ])("is let go on exactly when due, and finishes, with a client %s", async (_, isSlow) => {
    const finished = new Signal();
    let drains = { due: 0, undue: 0 };
    await using app = await run(async (session, res) => {
      session.set("x", 1);
      res.writeHead(200, { "Content-Length": chunk.length * 40 });
      const watched = watchDrains(res);
      drains = watched;
      for (let count = 0; count < 40; count++) if (!watched.write(chunk)) await once(res, "drain");
      res.end();
      finished.give();
    });
    using client = await RawClient.request(app.url);
    if (isSlow) client.pause();
    if (isSlow) void setImmediate().then(() => client.resume());
    await finished.given;
    const body = bodyOf(await client.end());
    expect(body.length).toBe(chunk.length * 40);
    expect(body === chunk.repeat(40)).toBe(true);
    expect(drains.undue).toBe(0);
    expect(drains.due).toBeGreaterThan(0);
  });

  it("gets it once, after the full buffers are sent", async () => {
    const drained = new Signal();
    let drains = { due: 0, undue: 0 };
    let goesOn: boolean | undefined;
    await using app = await run((session, res) => {
      session.set("x", 1);
      const watched = watchDrains(res);
      drains = watched;
      res.once("drain", drained.give);
      goesOn = watched.write(chunk);
      void drained.given.then(() => res.end("end"));
    });
    const gate = app.store.pause("replace");
    using client = await RawClient.request(app.url);
    await gate.reached;
    expect(drains).toMatchObject({ due: 0, undue: 0 });
    gate.release();
    expect(await client.end()).toContain("end");
    expect(goesOn).toBe(false);
    expect(drains).toMatchObject({ due: 1, undue: 0 });
  });

  it("gets it once, from the response, if that has buffered data", async () => {
    const arrived = new Signal();
    let drains = { due: 0, undue: 0 };
    await using app = await run((session, res, req) => {
      if (req.url !== "/") return void res.end();
      session.set("x", 1);
      const watched = watchDrains(res);
      drains = watched;
      for (const data of [chunk.repeat(64), "small"]) watched.write(data);
      void arrived.given.then(() => res.end());
    });
    const gate = app.store.pause("replace");
    using client = await RawClient.request(app.url);
    await gate.reached;
    client.pause();
    gate.release();
    void setImmediate().then(() => client.resume());
    await client.until("small");
    using another = await RawClient.request(app.url, "/another"); // gives a second 'drain' time to occur
    await another.end();
    arrived.give();
    await client.end();
    expect(drains).toMatchObject({ due: 1, undue: 0 });
  });

  it("does not get it after the end", async () => {
    let drains = { due: 0, undue: 0 };
    await using app = await run((session, res) => {
      session.set("x", 1);
      const watched = watchDrains(res);
      drains = watched;
      watched.write("one");
      res.end();
    });
    using client = await RawClient.request(app.url);
    await client.end();
    expect(drains).toMatchObject({ due: 0, undue: 0 });
  });
});

it("a piped stream waits while the response is held, and arrives complete and in order", async () => {
  let produced = 0;
  const piped = new Signal();
  const numbers = Array.from({ length: 64 }, (_, at) => `${at}:${chunk}`);
  await using app = await run(async (session, res) => {
    session.set("x", 1);
    const source = Readable.from(
      (function* () {
        for (const part of numbers) {
          produced++;
          yield part;
        }
      })(),
    );
    await pipeline(source, res);
    piped.give();
  });
  const gate = app.store.pause("replace");
  using client = await RawClient.request(app.url);
  await gate.reached;
  using another = await RawClient.request(app.url); // gives all of it time to arrive
  await another.end();
  expect(produced).toBeLessThan(64 + 20);
  gate.release();
  const body = bodyOf(await client.end()).replaceAll(/(^|\r\n)[0-9a-f]+\r\n/g, "");
  expect(body.startsWith(numbers.join(""))).toBe(true);
  await piped.given;
  expect(produced).toBe(128);
});

describe("a session, once the head of the response has left,", () => {
  const firstByte = (res: ServerResponse) =>
    new Promise<void>((resolve) => res.write("one ", () => resolve()));

  it.each<[string, (session: Session<Values>) => unknown]>([
    ["set", (session) => session.set("late", true)],
    ["delete", (session) => session.delete("userId")],
    ["pop", (session) => session.pop("userId")],
    ["clear", (session) => session.clear()],
    ["renew", (session) => session.renew()],
    ["destroy", (session) => session.destroy()],
    ["setDeadline", (session) => session.setDeadline(new Date(0))],
    ["remember", (session) => session.remember(true)],
  ])("cannot be changed: %s is an error that says so, and nothing is lost", async (_, change) => {
    const errors: unknown[] = [];
    await using app = await run(async (session, res, req) => {
      if (req.url === "/login") session.set("userId", "u1");
      else {
        await firstByte(res);
        try {
          change(session);
        } catch (error) {
          errors.push(error);
        }
      }
      res.end(String(session.get("userId")));
    });
    const visitor = new Visitor(app.url);
    await visitor.get("/login");
    expect((await visitor.get()).body).toBe("one u1");
    expect(errors).toEqual([expect.objectContaining({ name: "SessionError", code: "TOO_LATE" })]);
    expect((errors[0] as Error).message).toContain("before the first byte of the body");
    expect(await app.store.contents()).toEqual([{ userId: "u1" }]);
    expect(app.errors).toEqual([]);
  });

  it("cannot be changed after the end of a response either", async () => {
    const ended = new Signal();
    const errors: unknown[] = [];
    await using app = await run(async (session, res) => {
      await new Promise<void>((resolve) => res.end("body", resolve));
      try {
        session.set("late", true);
      } catch (error) {
        errors.push(error);
      }
      ended.give();
    });
    expect((await new Visitor(app.url).get()).status).toBe(200);
    await ended.given;
    expect(errors).toEqual([expect.objectContaining({ code: "TOO_LATE" })]);
  });

  it("can be destroyed at once by the manager, and TOO_LATE reports that the browser keeps its cookie", async () => {
    await using app = await run(async (session, res, req) => {
      if (req.url === "/login") session.set("userId", "u1");
      else {
        await firstByte(res);
        await app.sessions.destroy(session);
      }
      res.end("two");
    });
    const visitor = new Visitor(app.url);
    await visitor.get("/login");
    expect(await visitor.get()).toMatchObject({ body: "one two", setCookies: [] });
    expect(await app.store.contents()).toEqual([]);
    expect(app.errors).toEqual([expect.objectContaining({ name: "SessionError", code: "TOO_LATE" })]);
  });

  it("can be loaded again, changed and committed", async () => {
    await using app = await run(async (session, res, req) => {
      if (req.url === "/login") session.set("userId", "u1");
      else {
        await firstByte(res);
        await app.sessions.use(session.token, (late) => late.set("late", true));
      }
      res.end("two");
    });
    const visitor = new Visitor(app.url);
    await visitor.get("/login");
    expect((await visitor.get()).body).toBe("one two");
    expect(await app.store.contents()).toEqual([{ userId: "u1", late: true }]);
  });

  it("is saved before the body ends if it is changed in place", async () => {
    const headLeft = new Signal();
    await using app = await run(async (session, res, req) => {
      if (req.url === "/login") session.set("cart", ["tea"]);
      else {
        const cart = session.get("cart") as string[];
        await firstByte(res);
        await headLeft.given;
        cart.push("honey");
      }
      res.end("two");
    });
    const visitor = new Visitor(app.url);
    await visitor.get("/login");
    using client = await RawClient.request(app.url, "/", { cookie: `__Host-session=${visitor.token}` });
    const gate = app.store.pause("replace");
    headLeft.give();
    await gate.reached;
    using another = await RawClient.request(app.url, "/login");
    await another.end();
    expect(client.received).toContain("one ");
    expect(client.received).not.toContain("two");
    gate.release();
    expect(await client.end()).toContain("two");
    expect(await app.store.contents()).toContainEqual({ cart: ["tea", "honey"] });
    expect(app.errors).toEqual([]);
  });

  it("cuts the response short if it is changed in place to a value that cannot be saved", async () => {
    await using app = await run(async (session, res) => {
      const list: unknown[] = [];
      session.set("list", list);
      await firstByte(res);
      list.push(() => 1);
      res.end("two");
    });
    using client = await RawClient.request(app.url);
    const received = await client.end();
    expect(received).toContain("one ");
    expect(received).not.toContain("two");
    expect(app.errors).toEqual([expect.objectContaining({ code: "INVALID_VALUE" })]);
  });
});

it("a change after writeHead is saved, and its cookie set", async () => {
  await using app = await run(async (session, res) => {
    res.writeHead(200, { "X-Other": "x" });
    await setImmediate(); // gives the head time to leave
    session.set("userId", "u1");
    res.end("body");
  });
  const { setCookies, headers } = await new Visitor(app.url).get();
  expect(setCookies).toEqual([expect.stringMatching(/^__Host-session=/)]);
  expect(headers.get("x-other")).toBe("x");
});
