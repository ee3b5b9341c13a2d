import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import compression from "compression";
import { describe, expect, it } from "vitest";
import { type Layer, layered } from "./fixtures/layered-app.js";

/** Calls `beforeHead` once, before the head is written, as the package on-headers does. */
const onHead =
  (beforeHead: (res: ServerResponse) => void): Layer =>
  (_req, res, next) => {
    const { writeHead } = res;
    let isDone = false;
    res.writeHead = function (this: ServerResponse, ...args: Parameters<typeof writeHead>) {
      if (!isDone) beforeHead(res);
      isDone = true;
      return writeHead.apply(this, args);
    } as typeof writeHead;
    next();
  };

/** Turns the body into upper case, and checks for a composed head, as compression does. */
const transform: Layer = (_req, res, next) => {
  const { write, end } = res as unknown as Record<"write" | "end", (...args: unknown[]) => boolean>;
  const node = res as unknown as { _header: string | null; _implicitHeader(): void };
  let isEnded = false;
  res.write = ((chunk: unknown) => {
    if (isEnded) return false;
    if (!node._header) node._implicitHeader();
    return write.call(res, String(chunk).toUpperCase());
  }) as typeof res.write;
  res.end = ((chunk?: unknown) => {
    if (isEnded) return false;
    isEnded = true;
    if (!node._header) node._implicitHeader();
    if (chunk !== undefined) write.call(res, String(chunk).toUpperCase());
    return end.call(res);
  }) as unknown as typeof res.end;
  onHead(() => {
    res.setHeader("Content-Encoding", "x-upper-case");
    res.removeHeader("Content-Length");
  })(_req, res, next);
};

/** Mounts a layer before or after the sessions. */
const places = [
  ["before", (layer: Layer, own: Layer) => [layer, own]],
  ["after", (layer: Layer, own: Layer) => [own, layer]],
] as const;

describe.each(places)("other middleware, mounted %s it,", (_, order) => {
  const app = (layer: Layer, answer: (res: ServerResponse) => void) =>
    layered((sessions) => [
      ...order(layer, sessions.middleware()),
      (req, res) => {
        if (req.url !== "/plain") sessions.get(req).set("x", req.url === "/broken" ? Symbol("x") : 1);
        answer(res);
      },
    ]);

  const answers: [string, (res: ServerResponse) => void][] = [
    ["end", (res) => void res.end("one two three")],
    [
      "writes",
      (res) => {
        res.write("one ");
        res.write("two ");
        res.end("three");
      },
    ],
    ["writeHead", (res) => void res.writeHead(200, { "Content-Length": 13 }).end("one two three")],
  ];

  it.each(answers)("transforms the body with and without a session to save: %s", async (_, answer) => {
    await using running = await app(transform, answer);
    for (const [path, cookies] of [
      ["/plain", 0],
      ["/set", 1],
    ] as const) {
      const { body, headers, setCookies } = await running.visitor.get(path, {});
      expect(body).toBe("ONE TWO THREE");
      expect(headers.get("content-encoding")).toBe("x-upper-case");
      expect(setCookies).toHaveLength(cookies);
    }
    expect(running.errors).toEqual([]);
  });

  it.each(answers)("that transforms the body does not block the error page: %s", async (_, answer) => {
    await using running = await app(transform, answer);
    const { status, body, setCookies } = await running.visitor.get("/broken");
    expect(status).toBe(500);
    expect(body.toLowerCase()).toBe("internal server error\n");
    expect(setCookies).toEqual([]);
    expect(running.errors).toHaveLength(1);
  });

  it.each([
    ["at once", ["one two three"]],
    ["in small chunks", ["one ", "two ", "three"]],
    ["in large chunks", Array.from({ length: 40 }, (_, index) => String(index % 10).repeat(65_536))],
  ])("that compresses the body lets a stream be piped through to its end: %s", async (_name, chunks) => {
    const running = layered((sessions) => [
      ...order(compression({ threshold: 0 }) as Layer, sessions.middleware()),
      (req, res) => {
        if (req.url !== "/plain") sessions.get(req).set("x", req.url === "/broken" ? Symbol("x") : 1);
        res.setHeader("Content-Type", "text/plain");
        Readable.from(chunks).pipe(res);
      },
    ]);
    await using app = await running;
    for (const path of ["/plain", "/set"]) {
      const { body, headers } = await app.visitor.get(path);
      expect(headers.get("content-encoding")).toMatch(/^(br|gzip)$/);
      expect(body === chunks.join("")).toBe(true);
    }
    expect((await app.visitor.get("/broken")).status).toBe(500);
    expect(app.errors).toHaveLength(1);
  });

  it.each(answers)("can set headers and cookies before the head: %s", async (_, answer) => {
    const heads: boolean[] = [];
    const layer = onHead((res) => {
      heads.push(true);
      res.setHeader("X-Time", "1");
      res.appendHeader("Set-Cookie", "theirs=1");
    });
    await using running = await app(layer, answer);
    for (const [path, cookies] of [
      ["/plain", ["theirs"]],
      ["/set", ["__Host-session", "theirs"]],
    ] as const) {
      const { headers, setCookies, body } = await running.visitor.get(path);
      expect(body).toBe("one two three");
      expect(headers.get("x-time")).toBe("1");
      expect(setCookies.map((cookie) => cookie.split("=")[0]).sort()).toEqual(cookies);
    }
    expect(heads).toHaveLength(2);
  });
});
