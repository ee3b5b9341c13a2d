import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { Duplex, duplexPair } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { SessionManager } from "../src/index.js";
import { RawClient } from "./fixtures/raw-client.js";
import { RecordingStore } from "./fixtures/recording-store.js";
import { run, type Values } from "./fixtures/running-app.js";
import { Signal } from "./fixtures/signal.js";

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await setImmediate();
};

describe("while a response is held, its connection stays open", () => {
  it.each<[string, (res: ServerResponse, server: Server) => unknown]>([
    ["the response is destroyed", (res) => res.destroy()],
    ["the response is destroyed with an error", (res) => res.destroy(new Error("broken"))],
    ["the request is destroyed", (res) => res.req.destroy()],
    ["the socket is destroyed", (res) => res.socket?.destroy()],
    ["the socket is to be destroyed soon", (res) => res.socket?.destroySoon()],
    ["the socket is ended", (res) => res.socket?.end()],
    ["the socket times out", (res) => res.socket?.emit("timeout")],
    ["the server closes idle connections", (_, server) => server.closeIdleConnections()],
    ["the server closes all connections", (_, server) => server.closeAllConnections()],
    ["the server closes", (_, server) => void server.close()],
  ])("if %s", async (_, act) => {
    const ended = new Signal();
    let server: Server | undefined;
    let response: ServerResponse | undefined;
    await using app = await run((session, res) => {
      session.set("x", 1);
      response = res;
      server = (res.socket as unknown as { server: Server }).server;
      res.write("one ");
      res.end("two");
      ended.give();
    });
    const gate = app.store.pause("replace");
    using client = await RawClient.request(app.url);
    await ended.given;
    await gate.reached;
    await setImmediate();
    act(response as ServerResponse, server as Server);
    await turns(5);
    expect(client.received).toBe("");
    gate.release();
    const received = await client.end();
    expect(received).toMatch(/\r\nset-cookie: __Host-session=/i);
    expect(received).toMatch(/one two|one \r\n3\r\ntwo\r\n0\r\n\r\n$/);
    expect(await app.store.contents()).toEqual([{ x: 1 }]);
    expect(app.errors).toEqual([]);
  });

  it.each([false, true])("even if it times out (the save fails: %s)", async (fails) => {
    const timedOut = new Signal();
    await using app = await run((session, res) => {
      session.set("x", 1);
      res.setTimeout(60_000, () => {
        if (!res.headersSent) res.writeHead(503).end();
        timedOut.give();
      });
      res.end("body");
      void gate.reached.then(() => res.socket?.emit("timeout"));
    });
    const gate = app.store.pause("replace");
    if (fails) app.store.fail("replace", new Error("away"));
    using client = await RawClient.request(app.url);
    await timedOut.given;
    gate.release();
    expect(await client.end()).toMatch(
      fails ? /^HTTP\/1.1 500 .*Internal Server Error\n$/s : /^HTTP\/1.1 200 .*body$/s,
    );
  });

  it("unless the client has reset it", async () => {
    const closed = new Signal();
    await using app = await run((session, res) => {
      session.set("x", 1);
      res.on("close", closed.give);
      res.end("body");
    });
    const gate = app.store.pause("replace");
    const { port } = new URL(app.url);
    const socket = connect(Number(port), "127.0.0.1");
    await once(socket, "connect");
    socket.write("GET / HTTP/1.1\r\nHost: app\r\n\r\n");
    await gate.reached;
    socket.resetAndDestroy();
    await closed.given;
    gate.release();
    using other = await RawClient.request(app.url);
    expect(await other.end()).toMatch(/^HTTP\/1.1 200/);
    expect(app.errors).toEqual([]);
  });
});

it("persistent connections serve one held response after the other", async () => {
  await using app = await run((session, res, req) => {
    if (req.url !== "/plain") session.set("x", req.url);
    if (req.url === "/broken") session.set("x", () => 1);
    res.end(req.url);
  });
  const socket = connect(Number(new URL(app.url).port), "127.0.0.1");
  let received = "";
  socket.setEncoding("latin1").on("data", (data) => {
    received += data;
  });
  await once(socket, "connect");
  for (const [path, status, body] of [
    ["/a", 200, "/a"],
    ["/broken", 500, "Internal Server Error\n"],
    ["/plain", 200, "/plain"],
    ["/b", 200, "/b"],
    ["/broken", 500, "Internal Server Error\n"],
    ["/c", 200, "/c"],
  ] as const) {
    received = "";
    socket.write(`GET ${path} HTTP/1.1\r\nHost: app\r\n\r\n`);
    while (!received.endsWith(`\r\n\r\n${body}`)) await once(socket, "data");
    expect(received.startsWith(`HTTP/1.1 ${status} `)).toBe(true);
    expect(received.includes("__Host-session=")).toBe(["/a", "/b", "/c"].includes(path));
  }
  socket.destroy();
});

it("the app's own socket, which accepts no strings, gets the cookie", async () => {
  await using store = new RecordingStore();
  const sessions = new SessionManager<Values>({ store });
  const handle = sessions.middleware();
  const server = createServer((req, res) =>
    handle(req, res, () => {
      sessions.get(req).set("x", 1);
      res.write("one ");
      res.end("two");
    }),
  );
  const [client, socket] = typeof duplexPair === "function" ? duplexPair() : pair();
  server.emit("connection", socket);
  let received = "";
  client.on("data", (data) => {
    received += data;
  });
  client.write("GET / HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n");
  await once(client, "end");
  expect(received).toMatch(/\r\nset-cookie: __Host-session=.*two/is);
});

/** Works like `duplexPair` of later versions of Node.js. */
function pair(): [Duplex, Duplex] {
  const create = (other: () => Duplex): Duplex =>
    new Duplex({
      read() {},
      write(chunk, _encoding, done) {
        other().push(chunk);
        done();
      },
      final(done) {
        other().push(null);
        done();
      },
    });
  const one: Duplex = create(() => two);
  const two: Duplex = create(() => one);
  return [one, two];
}
