import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { describe, expect, it } from "vitest";
import { RawClient } from "./fixtures/raw-client.js";
import { type Handler, run } from "./fixtures/running-app.js";
import { Signal } from "./fixtures/signal.js";

const mebibyte = "0123456789abcdef".repeat(65_536);

describe("while a response is held", () => {
  it.each<[string, (res: ServerResponse) => unknown]>([
    ["writeHead", (res) => res.writeHead(200)],
    ["flushHeaders", (res) => res.flushHeaders()],
    ["write", (res) => res.write("body")],
    ["end", (res) => res.end("body")],
  ])("the app sees it as sent, as it would without a session: by %s", async (_, send) => {
    const headersSent: boolean[] = [];
    await using app = await run((session, res) => {
      session.set("x", 1);
      headersSent.push(res.headersSent);
      send(res);
      headersSent.push(res.headersSent);
      res.end();
    });
    using client = await RawClient.request(app.url);
    await client.end();
    expect(headersSent).toEqual([false, true]);
  });

  it("the response keeps the app's status and its message", async () => {
    await using app = await run((session, res) => {
      session.set("x", 1);
      res.writeHead(201, "Made").end();
    });
    using client = await RawClient.request(app.url);
    expect(await client.end()).toMatch(/^HTTP\/1.1 201 Made\r\n/);
  });

  it("a second head throws at the call, as in Node.js", async () => {
    const refusals: unknown[] = [];
    await using app = await run((session, res) => {
      if (session.status === "unmodified") session.set("x", 1);
      res.writeHead(200);
      res.write("body");
      try {
        res.writeHead(500, { "X-Other": "x" });
      } catch (error) {
        refusals.push(error);
      }
      res.end();
    });
    using client = await RawClient.request(app.url);
    expect(await client.end()).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    expect(refusals).toEqual([expect.objectContaining({ code: "ERR_HTTP_HEADERS_SENT" })]);
    expect(app.errors).toEqual([]);
  });

  it.each([99, 1000, Number.NaN, "no status"])(
    "a head with status %o throws at the call, as in Node.js",
    async (status) => {
      await using app = await run((session, res) => {
        session.set("x", 1);
        try {
          res.writeHead(status as number);
        } catch (error) {
          res.end((error as { code: string }).code);
        }
      });
      using client = await RawClient.request(app.url);
      expect(await client.end()).toContain("ERR_HTTP_INVALID_STATUS_CODE");
    },
  );

  it("invalid headers throw at the call", async () => {
    await using app = await run((session, res) => {
      session.set("x", 1);
      try {
        res.writeHead(200, { "X-Bad": "a\r\nb" });
      } catch (error) {
        res.end((error as { code: string }).code);
      }
    });
    using client = await RawClient.request(app.url);
    expect(await client.end()).toContain("ERR_INVALID_CHAR");
  });

  it.each([false, true])("callbacks get the same arguments as without a session: %s", async (isChanged) => {
    let taken: unknown[] = [];
    await using app = await run((session, res) => {
      if (isChanged) session.set("x", 1);
      res.write("one", (...args: unknown[]) => {
        taken = args;
      });
      res.end();
    });
    using client = await RawClient.request(app.url);
    await client.end();
    expect(taken).toEqual([null]);
  });

  it("callbacks of write and end wait, and are called in order", async () => {
    const events: string[] = [];
    await using app = await run((session, res) => {
      session.set("x", 1);
      res.on("finish", () => events.push("finish"));
      res.write("one", () => events.push("one"));
      res.write("two", "utf8", () => events.push("two"));
      res.end("three", () => events.push("end"));
    });
    const gate = app.store.pause("replace");
    using client = await RawClient.request(app.url);
    await gate.reached;
    events.push("saved");
    gate.release();
    expect(await client.end()).toMatch(/one.*two.*three\r\n0\r\n\r\n$/s);
    expect(events.slice(0, 3)).toEqual(["saved", "one", "two"]);
    expect(events.slice(3).sort()).toEqual(["end", "finish"]); // their order depends on the version of Node.js
  });

  it("the session is saved without an error if the client disconnects", async () => {
    let closed = Promise.resolve<unknown>(undefined);
    await using app = await run((session, res) => {
      closed = new Promise((resolve) => res.on("close", resolve));
      session.set("x", 1);
      res.write("body");
      res.end(mebibyte);
    });
    const gate = app.store.pause("replace");
    const client = await RawClient.request(app.url);
    await gate.reached;
    client[Symbol.dispose]();
    await closed;
    gate.release();
    using another = await RawClient.request(app.url);
    expect(await another.end()).toMatch(/^HTTP\/1.1 200 OK/);
    expect(await app.store.contents()).toEqual([{ x: 1 }, { x: 1 }]);
    expect(app.errors).toEqual([]);
  });

  it("a write after the end fails as without a session", async () => {
    const errors: unknown[] = [];
    await using app = await run((session, res, req) => {
      if (req.url === "/set") session.set("x", 1);
      res.on("error", (error) => errors.push((error as NodeJS.ErrnoException).code));
      res.end("body");
      res.write("more");
    });
    for (const path of ["/plain", "/set"]) {
      using client = await RawClient.request(app.url, path);
      expect(await client.end()).toMatch(/\r\n\r\nbody$/);
    }
    expect(errors).toEqual(["ERR_STREAM_WRITE_AFTER_END", "ERR_STREAM_WRITE_AFTER_END"]);
    expect(app.errors).toEqual([]);
  });

  it("a second end does nothing, as without a session", async () => {
    await using app = await run((session, res) => {
      session.set("x", 1);
      res.end("body");
      res.end();
    });
    using client = await RawClient.request(app.url);
    expect(await client.end()).toMatch(/\r\n\r\nbody$/);
    expect(app.errors).toEqual([]);
  });

  it("data that Node.js refuses becomes a 500, and calls onError", async () => {
    const answers: Handler[] = [
      (_, res) => void res.end(123 as unknown as string),
      (_, res) => {
        res.write({} as string);
        res.end();
      },
    ];
    for (const answer of answers) {
      await using app = await run((session, res, req) => {
        session.set("x", 1);
        return answer(session, res, req);
      });
      using client = await RawClient.request(app.url);
      expect(await client.end()).toMatch(
        /^HTTP\/1.1 500 Internal Server Error\r\n.*\r\n\r\nInternal Server Error\n$/s,
      );
      expect(app.errors).toEqual([expect.objectContaining({ code: expect.stringMatching(/^ERR_/) })]);
    }
  });

  it("data that Node.js refuses after the head cuts the response short", async () => {
    await using app = await run((session, res) => {
      session.set("x", 1);
      res.write("body");
      res.end(123 as unknown as string);
    });
    using client = await RawClient.request(app.url);
    expect(await client.end()).not.toMatch(/0\r\n\r\n$/);
    expect(app.errors).toEqual([expect.objectContaining({ code: "ERR_INVALID_ARG_TYPE" })]);
  });
});

describe("a client that is gone before the answer", () => {
  it.each<[string, (res: ServerResponse) => unknown]>([
    ["end", (res) => res.end("body")],
    ["write", (res) => res.write(mebibyte) && res.end()],
  ])("keeps no session from being saved, and breaks nothing: by %s", async (_, send) => {
    const isGone = new Signal();
    await using app = await run(async (session, res, req) => {
      if (req.url === "/here") return void res.end("here");
      session.set("x", 1);
      await once(res, "close");
      send(res);
      isGone.give();
    });
    const client = await RawClient.request(app.url);
    const gate = app.store.pause("replace");
    client[Symbol.dispose]();
    await gate.reached;
    gate.release();
    await isGone.given;
    using other = await RawClient.request(app.url, "/here");
    expect(await other.end()).toContain("here");
    expect(await app.store.contents()).toEqual([{ x: 1 }]);
    expect(app.errors).toEqual([]);
  });
});
