import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { connect } from "node:net";
import { MemStore } from "@scs/memstore";
import { Server as SocketServer } from "socket.io";
import { type Socket as ClientSocket, io } from "socket.io-client";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { withSession } from "../src/adapters/fetch.js";
import { type Session, SessionManager, type SessionManagerOptions } from "../src/index.js";
import {
  SESSION_ENDED,
  SocketSessions,
  type SocketSessionsOptions,
} from "../src/websockets/socket-sessions.js";
import { BoundBrowser } from "./fixtures/bound-browser.js";
import { MovingClock } from "./fixtures/moving-clock.js";

interface Data {
  userId: string;
  count: number;
}

const LONG_MS = 2_000_000_000; // no scheduled check during a test

const toClose: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close();
});

interface Setup {
  store?: MemStore;
  manager?: Partial<SessionManagerOptions<Data>>;
  sockets?: SocketSessionsOptions;
}

/** Starts a server with `ws` at its root and Socket.IO at /socket.io/, and makes the manager of another process. */
async function start({ manager = {}, sockets: options = {} }: Setup = {}) {
  const clock = new MovingClock();
  const store = new MemStore({ now: clock.now, cleanupIntervalMs: 0 });
  const errors: Error[] = [];
  const all = { store, now: clock.now, onError: (error: Error) => errors.push(error), ...manager };
  const sessions = new SessionManager<Data>(all);
  const elsewhere = new SessionManager<Data>(all);
  const sockets = new SocketSessions(sessions, { checkIntervalMs: LONG_MS, ...options });
  const server: Server = createServer();
  const wss = new WebSocketServer({ noServer: true });
  const messages: string[] = [];
  wss.on("connection", (ws, request) => {
    const session: Session<Data> = sessions.get(request);
    ws.on("message", (text) => messages.push(String(text)));
    ws.send(`hello ${session.get("userId")}`);
  });
  const upgrade = sockets.upgrade(wss);
  const socketIo = new SocketServer<
    Record<string, never>,
    { hello: (user: string | undefined) => void },
    Record<string, never>,
    { session: Session<Data> }
  >(server, { serveClient: false });
  socketIo.use(sockets.socketIo());
  socketIo.on("connection", (socket) => void socket.emit("hello", socket.data.session.get("userId")));
  server.on("upgrade", (request, socket, head) => {
    if (!request.url?.startsWith("/socket.io/")) upgrade(request, socket, head);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  toClose.push(async () => {
    sockets[Symbol.dispose]();
    for (const ws of wss.clients) ws.terminate();
    await socketIo.close();
    await store[Symbol.asyncDispose]();
  });
  const logIn = async (userId = "u1"): Promise<Session<Data>> => {
    const session = await sessions.load(undefined);
    session.set("userId", userId);
    await sessions.commit(session);
    return session;
  };
  const cookieOf = (session: Session<Data>) => `${sessions.cookieName}=${session.token}`;
  const open = async (headers: Record<string, string>) => {
    const ws = new WebSocket(`ws://127.0.0.1:${port}`, { headers });
    toClose.push(() => ws.terminate());
    const refused = once(ws, "unexpected-response").then(([, res]) => Promise.reject(res.statusCode));
    refused.catch(() => undefined);
    const [greeting] = await Promise.race([once(ws, "message"), refused]);
    expect(String(greeting)).toMatch(/^hello/);
    return ws;
  };
  const openIo = async (headers: Record<string, string>, transports = ["websocket"]) => {
    const socket: ClientSocket = io(`http://127.0.0.1:${port}`, {
      ...{ transports, extraHeaders: headers, forceNew: true, reconnectionDelay: 1, randomizationFactor: 0 },
    });
    toClose.push(() => socket.disconnect());
    return new Promise<ClientSocket>((resolve, reject) => {
      socket.once("hello", () => resolve(socket));
      socket.once("connect_error", ({ message }) => reject(message));
    });
  };
  return {
    ...{ clock, store, errors, sessions, elsewhere, sockets, port, messages, wss },
    logIn,
    cookieOf,
    open,
    openIo,
  };
}

const codeOf = async (ws: WebSocket): Promise<unknown> => (await once(ws, "close"))[0];

const heard = (socket: ClientSocket, event: "disconnect" | "connect_error"): Promise<unknown> =>
  new Promise((resolve) => socket.once(event, resolve));

/** Ways to end a session. */
const ends: [name: string, end: (sessions: SessionManager<Data>, session: Session<Data>) => unknown][] = [
  ["is destroyed", async (sessions, { token }) => sessions.destroy(await sessions.load(token))],
  ["is revoked", (sessions, { handle }) => sessions.revoke(handle as string)],
  ["is revoked with all others of its owner", (sessions) => sessions.revokeAll("u1")],
  ["gets a new token", async (sessions, { token }) => sessions.renew(await sessions.load(token))],
];

const owned = { manager: { owner: ({ userId }: Partial<Data>) => userId } };

describe("a WebSocket", () => {
  it("gets the session of its upgrade request", async () => {
    const { open, logIn, cookieOf, sockets } = await start();
    const ws = await open({ cookie: cookieOf(await logIn()) });
    expect(sockets.size).toBe(1);
    ws.close();
    await codeOf(ws);
  });

  it.each(ends)("ends at once when its session %s in this process", async (_, end) => {
    const { open, logIn, cookieOf, sessions, sockets } = await start(owned);
    const [session, other] = [await logIn(), await logIn("u2")];
    const ws = await open({ cookie: cookieOf(session) });
    const unconcerned = await open({ cookie: cookieOf(other) });
    const code = codeOf(ws);
    await end(sessions, session);
    expect(await code).toBe(SESSION_ENDED);
    await sockets.check();
    expect([unconcerned.readyState, sockets.size]).toEqual([WebSocket.OPEN, 1]);
  });

  it.each(ends)("ends with the next check when its session %s in another process", async (_, end) => {
    const { open, logIn, cookieOf, elsewhere, sockets } = await start(owned);
    const session = await logIn();
    const ws = await open({ cookie: cookieOf(session) });
    const code = codeOf(ws);
    await end(elsewhere, session);
    await sockets.check();
    expect(await code).toBe(SESSION_ENDED);
    expect(sockets.size).toBe(0);
  });

  it("ends at once even if its session has no owner", async () => {
    const { open, logIn, cookieOf, sessions } = await start();
    const session = await logIn();
    const ws = await open({ cookie: cookieOf(session) });
    const code = codeOf(ws);
    await sessions.destroy(await sessions.load(session.token));
    expect(await code).toBe(SESSION_ENDED);
  });

  it("ends with a scheduled check when another process ended its session, or it expired", async () => {
    const { open, logIn, cookieOf, elsewhere, clock } = await start({ sockets: { checkIntervalMs: 100 } });
    const [one, two] = [await logIn(), await logIn()];
    const first = await open({ cookie: cookieOf(one) });
    const second = await open({ cookie: cookieOf(two) });
    const codes = [codeOf(first), codeOf(second)];
    await elsewhere.destroy(await elsewhere.load(one.token));
    expect(await codes[0]).toBe(SESSION_ENDED);
    expect(second.readyState).toBe(WebSocket.OPEN);
    clock.advance(86_400_000);
    expect(await codes[1]).toBe(SESSION_ENDED);
  });

  it("stays while its session is bound to a device, and ends with it", async () => {
    const { open, sessions, sockets } = await start({ manager: { ...owned.manager, deviceBound: true } });
    const browser = new BoundBrowser("https://a.test", {
      send: (request) =>
        withSession(sessions, request, (session) => {
          if (session.get("userId") === undefined) session.renew();
          return new Response(session.set("userId", "u1").binding);
        }),
    });
    await browser.get();
    expect((await browser.get()).body).toBe("bound");
    const ws = await open({
      cookie: [...browser.cookies].map(([name, value]) => `${name}=${value}`).join("; "),
    });
    await sockets.check();
    expect([ws.readyState, sockets.size]).toEqual([WebSocket.OPEN, 1]);
    const code = codeOf(ws);
    await sessions.revokeAll("u1");
    expect(await code).toBe(SESSION_ENDED);
  });

  it("stays until the end of a grace period after a renewal", async () => {
    const { open, logIn, cookieOf, sessions, sockets, clock } = await start();
    const session = await logIn();
    const ws = await open({ cookie: cookieOf(session) });
    const code = codeOf(ws);
    await sessions.renew(await sessions.load(session.token), { graceMs: 1000 });
    await sockets.check();
    expect(ws.readyState).toBe(WebSocket.OPEN);
    clock.advance(1000);
    await sockets.check();
    expect(await code).toBe(SESSION_ENDED);
  });

  it("ignores messages after the end of its session, even if its client does not close", async () => {
    const { open, logIn, cookieOf, sessions, sockets, messages, wss } = await start();
    const session = await logIn();
    const ws = await open({ cookie: cookieOf(session) });
    const [served] = [...wss.clients] as [WebSocket];
    ws.send("before");
    await once(served, "message");
    ws.pause(); // prevents an answer to the closing handshake
    await sessions.destroy(await sessions.load(session.token));
    await sockets.check();
    expect(served.readyState).toBe(WebSocket.CLOSING);
    const pinged = once(served, "ping");
    ws.send("after");
    ws.ping();
    await pinged;
    expect(messages).toEqual(["before"]);
  });

  it("ends if its session ended during the handshake", async () => {
    const { open, logIn, cookieOf, elsewhere, store } = await start();
    const session = await logIn();
    const { find } = store;
    let finds = 0;
    store.find = async (token) => {
      const found = await find.call(store, token);
      if (++finds === 1) await elsewhere.destroy(await elsewhere.load(session.token));
      return found;
    };
    const ws = await open({ cookie: cookieOf(session) });
    expect(await codeOf(ws)).toBe(SESSION_ENDED);
  });

  it("stays while the store fails, and onError is called", async () => {
    const { open, logIn, cookieOf, store, sockets, errors } = await start();
    const ws = await open({ cookie: cookieOf(await logIn()) });
    store.find = () => Promise.reject(new Error("down"));
    await sockets.check();
    Reflect.deleteProperty(store, "find");
    expect(errors.map(({ message }) => message)).toEqual(["down"]);
    expect(ws.readyState).toBe(WebSocket.OPEN);
  });

  it("is refused to a visitor without a session, unless required is false", async () => {
    const { open } = await start();
    await expect(open({})).rejects.toBe(401);
    const { open: openToAll, sockets } = await start({ sockets: { required: false } });
    await openToAll({});
    expect(sockets.size).toBe(0);
  });

  it("is refused to pages of other origins, unless they are listed", async () => {
    const { open, logIn, cookieOf, port } = await start({ sockets: { origins: ["https://friend.example"] } });
    const cookie = cookieOf(await logIn());
    for (const origin of ["https://evil.example", "null", `http://127.0.0.1:${port + 1}`])
      await expect(open({ cookie, origin })).rejects.toBe(403);
    for (const origin of [`http://127.0.0.1:${port}`, "https://friend.example"])
      await open({ cookie, origin });
  });

  it("is refused with 500 when the store fails", async () => {
    const { open, logIn, cookieOf, store, errors } = await start();
    const cookie = cookieOf(await logIn());
    store.find = () => Promise.reject(new Error("down"));
    await expect(open({ cookie })).rejects.toBe(500);
    Reflect.deleteProperty(store, "find");
    expect(errors).toHaveLength(1);
  });

  it("may lose its client before the session is loaded", async () => {
    const { logIn, cookieOf, store, port, open } = await start();
    const cookie = cookieOf(await logIn());
    const { find } = store;
    let go = (): void => undefined;
    const asked = new Promise<void>((resolve) => {
      store.find = async (token) => {
        resolve();
        await new Promise<void>((release) => {
          go = release;
        });
        return find.call(store, token);
      };
    });
    const client = connect(port, "127.0.0.1");
    client.write(
      `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: ${cookie}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
    );
    await asked;
    client.resetAndDestroy();
    await once(client, "close");
    Reflect.deleteProperty(store, "find");
    go();
    await open({ cookie });
  });
});

describe.each([["websocket"], ["polling"]])("a connection of Socket.IO by %s", (transport) => {
  it("has the session of its handshake", async () => {
    const { openIo, logIn, cookieOf, sockets } = await start();
    const socket = await openIo({ cookie: cookieOf(await logIn()) }, [transport]);
    expect(sockets.size).toBe(1);
    socket.disconnect();
  });

  it.each(ends)("ends when its session %s, and does not come back", async (_, end) => {
    const { openIo, logIn, cookieOf, sessions } = await start(owned);
    const session = await logIn();
    const socket = await openIo({ cookie: cookieOf(session) }, [transport]);
    const over = heard(socket, "disconnect");
    const refused = heard(socket, "connect_error");
    await end(sessions, session);
    await over;
    expect(await refused).toMatchObject({ message: "401 Unauthorized" });
  });

  it("ends with the next check when another process ended its session", async () => {
    const { openIo, logIn, cookieOf, elsewhere, sockets } = await start(owned);
    const session = await logIn();
    const socket = await openIo({ cookie: cookieOf(session) }, [transport]);
    const over = heard(socket, "disconnect");
    await elsewhere.revokeAll("u1");
    await sockets.check();
    await over;
  });

  it("is refused without a session, and to pages of other origins", async () => {
    const { openIo, logIn, cookieOf } = await start();
    await expect(openIo({}, [transport])).rejects.toBe("401 Unauthorized");
    const cookie = cookieOf(await logIn());
    await expect(openIo({ cookie, origin: "https://evil.example" }, [transport])).rejects.toBe(
      "403 Forbidden",
    );
  });
});

it("options that cannot work are refused", () => {
  const sessions = new SessionManager({ store: new MemStore() });
  expect(() => new SocketSessions(sessions, { interval: 1 } as never)).toThrow(TypeError);
  expect(() => new SocketSessions(sessions, { checkIntervalMs: 1 })).toThrow(RangeError);
  expect(() => new SocketSessions(sessions, { origins: "*" as never })).toThrow(TypeError);
});
