import { createReadStream } from "node:fs";
import type { Socket } from "node:net";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Response } from "express";
import { describe, expect, it } from "vitest";
import { RawClient } from "./fixtures/raw-client.js";
import { type Handler, run, type Stack } from "./fixtures/running-app.js";

const file = fileURLToPath(import.meta.url);
const mebibyte = "0123456789abcdef".repeat(65_536);

interface Way {
  name: string;
  answer: Handler;
  stack?: Stack;
  method?: string;
}

const express = (answer: (res: Response) => unknown): Pick<Way, "answer" | "stack"> => ({
  stack: "Express",
  answer: (_session, res) => void answer(res as Response),
});

/** Ways to answer. */
const ways: Way[] = [
  { name: "end", answer: (_, res) => void res.end() },
  { name: "end with a body", answer: (_, res) => void res.end("body") },
  { name: "end with a body in an encoding", answer: (_, res) => void res.end("Ym9keQ==", "base64") },
  {
    name: "write",
    answer: (_, res) => {
      res.write("one ");
      res.write(Buffer.from("two "));
      res.end("three");
    },
  },
  { name: "writeHead", answer: (_, res) => void res.writeHead(201, "Made", { "X-Other": "x" }).end("body") },
  {
    name: "writeHead with raw headers beside others",
    answer: (_, res) => {
      res.setHeader("X-First", "1");
      res.writeHead(200, ["X-Other", "x", "X-Other", "y"]).end("body");
    },
  },
  {
    name: "flushHeaders",
    answer: (_, res) => {
      res.setHeader("Content-Type", "text/event-stream");
      res.flushHeaders();
      res.end("data: 1\n\n");
    },
  },
  {
    name: "writeHead and flushHeaders",
    answer: (_, res) => {
      res.writeHead(202).flushHeaders();
      res.end("accepted");
    },
  },
  { name: "a file that is piped", answer: (_, res) => void createReadStream(file).pipe(res) },
  {
    name: "a large stream that is piped",
    answer: (_, res) => void Readable.from([mebibyte, mebibyte, "end"]).pipe(res),
  },
  { name: "a content length", answer: (_, res) => void res.setHeader("Content-Length", 4).end("body") },
  { name: "a redirect", answer: (_, res) => void res.writeHead(303, { Location: "/" }).end() },
  { name: "HEAD", method: "HEAD", answer: (_, res) => void res.setHeader("Content-Length", 4).end("body") },
  {
    name: "HEAD with writes",
    method: "HEAD",
    answer: (_, res) => {
      res.write("one");
      res.end("two");
    },
  },
  { name: "204", answer: (_, res) => void res.writeHead(204).end() },
  {
    name: "304",
    answer: (_, res) => {
      res.statusCode = 304;
      res.setHeader("ETag", '"1"').end();
    },
  },
  {
    name: "trailers",
    answer: (_, res) => {
      res.writeHead(200, { Trailer: "X-Sum" }).write("body");
      res.addTrailers({ "X-Sum": "1" });
      res.end();
    },
  },
  { name: "Express's json", ...express((res) => res.status(201).json({ a: 1 })) },
  { name: "Express's send", ...express((res) => res.send("<p>body</p>")) },
  { name: "Express's sendStatus", ...express((res) => res.sendStatus(404)) },
  { name: "Express's redirect", ...express((res) => res.redirect("/elsewhere")) },
  { name: "Express's sendFile", ...express((res) => res.sendFile(file)) },
  { name: "Express's send to HEAD", method: "HEAD", ...express((res) => res.send("body")) },
];

/** Returns a response without variable headers and those that a session adds. */
const comparable = (response: string) =>
  response.replace(/^(Date|Set-Cookie|Cache-Control): .*\r\n/gim, "").replace(/^ETag: W.*\r\n/gim, "");

describe.each(ways)("a response by $name", ({ answer, stack = "node:http", method = "GET" }) => {
  it("leaves after the session is saved, not a byte earlier, and otherwise as without a session", async () => {
    let socket: Socket | null = null;
    await using app = await run(
      async (session, res, req) => {
        if (req.url === "/set") {
          session.set("x", 1);
          socket = res.socket;
        }
        await answer(session, res, req);
      },
      { stack },
    );
    using plain = await RawClient.request(app.url, "/plain", { method });
    const expected = await plain.end();
    const gate = app.store.pause("replace");
    using client = await RawClient.request(app.url, "/set", { method });
    await gate.reached;
    using another = await RawClient.request(app.url, "/plain", { method }); // takes as long as the bytes would
    await another.end();
    expect(client.received).toBe("");
    expect(socket).toMatchObject({ bytesWritten: 0 });
    gate.release();
    const received = await client.end();
    expect(received).toMatch(/\r\nSet-Cookie: __Host-session=/i);
    expect(received).not.toMatch(/\r\nSet-Cookie: __Host-session=.*\r\nSet-Cookie: __Host-session=/is);
    expect(comparable(received)).toBe(comparable(expected));
    expect(await app.store.contents()).toEqual([{ x: 1 }]);
    expect(app.errors).toEqual([]);
  });
});
