import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { type ClientHttp2Session, connect, createServer, type IncomingHttpHeaders } from "node:http2";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { setImmediate } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { SessionManager } from "../src/index.js";
import { collectWarnings } from "./fixtures/process-warnings.js";
import { RecordingStore } from "./fixtures/recording-store.js";
import type { Values } from "./fixtures/running-app.js";

const LICENSE = fileURLToPath(new URL("../LICENSE", import.meta.url));

async function ask(client: ClientHttp2Session, path: string, cookie = "", method = "GET") {
  const stream = client.request({ ":path": path, ":method": method, ...(cookie !== "" && { cookie }) });
  const [headers] = (await once(stream, "response")) as [IncomingHttpHeaders];
  const body = await text(stream);
  const token = /=([\w.-]{66});/.exec(headers["set-cookie"]?.[0] ?? "")?.[1];
  return {
    status: headers[":status"] as number | undefined,
    headers,
    body,
    cookie: `__Host-session=${token}`,
  };
}

async function running() {
  const store = new RecordingStore();
  const errors: Error[] = [];
  const sessions = new SessionManager<Values>({ store, onError: (error) => errors.push(error) });
  const handle = sessions.middleware();
  const server = createServer((request, response) => {
    // Frameworks use the compatibility layer of node:http2 like node:http.
    const [req, res] = [request, response] as never as Parameters<typeof handle>;
    handle(req, res, async () => {
      const session = sessions.get(req);
      if (req.url?.startsWith("/login")) session.set("userId", "u1");
      if (req.url?.startsWith("/set/")) session.set(req.url, true);
      if (req.url?.startsWith("/logout")) session.destroy();
      if (req.url === "/login-head")
        res.writeHead(201, { "x-other": "x", "cdn-cache-control": "max-age=60" });
      if (req.url === "/login-flush") res.flushHeaders();
      if (req.url === "/login-stream") {
        res.write("one ");
        await setImmediate();
        res.write("two ");
      }
      if (req.url === "/login-file") {
        response.stream.respondWithFile(LICENSE, { "X-Other": "x" });
        return;
      }
      if (req.url === "/login-raw") {
        response.stream.end("raw"); // Node.js sends a head by itself
        return;
      }
      if (req.url === "/logout-raw") {
        response.stream.end("raw");
        return;
      }
      if (req.url === "/login-raw-head") {
        response.stream.respond({ ":status": 200, "Content-Length": 3 });
        response.stream.end("raw");
        return;
      }
      if (req.url === "/login-close") {
        response.write("u1");
        response.stream.close();
        return;
      }
      if (req.url === "/login-twice") {
        res.end("u1");
        try {
          response.stream.respondWithFile(LICENSE);
        } catch (error) {
          errors.push(error as Error);
        }
        return;
      }
      if (req.url === "/login-broken") {
        res.end();
        res.write("after the end"); // destroys the stream
        return;
      }
      res.end(String(session.get("userId") ?? "nobody"));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return {
    ...{ store, errors, client },
    async [Symbol.asyncDispose]() {
      client.close();
      await new Promise((resolve) => server.close(resolve));
      await store[Symbol.asyncDispose]();
    },
  };
}

describe("over HTTP/2", () => {
  it.each(["/login", "/login-head", "/login-flush", "/login-stream"])(
    "a session begins, and is found again: %s",
    async (path) => {
      await using app = await running();
      const login = await ask(app.client, path);
      expect(login.status).toBe(path === "/login-head" ? 201 : 200);
      expect(login.headers["cdn-cache-control"]).toBeUndefined();
      expect(login.body).toBe(path === "/login-stream" ? "one two u1" : "u1");
      expect(login.headers["set-cookie"]).toHaveLength(1);
      expect((await ask(app.client, "/", `theme=dark; ${login.cookie}`)).body).toBe("u1");
      expect((await ask(app.client, "/logout", login.cookie)).headers["set-cookie"]?.[0]).toContain(
        "Max-Age=0",
      );
      expect((await ask(app.client, "/", login.cookie)).body).toBe("nobody");
      expect(app.errors).toEqual([]);
    },
  );

  it.each(["/login-raw", "/login-raw-head", "/login-close", "/login-twice"])(
    "a session begins if the app uses the stream itself: %s",
    async (path) => {
      await using app = await running();
      const login = await ask(app.client, path);
      expect([login.status, login.body]).toEqual([200, path.includes("raw") ? "raw" : "u1"]);
      expect((await ask(app.client, "/who", login.cookie)).body).toBe("u1");
      const codes = app.errors.map((error) => (error as NodeJS.ErrnoException).code);
      expect(codes).toEqual(path === "/login-twice" ? ["ERR_HTTP2_HEADERS_SENT"] : []);
    },
  );

  it("a session ends if the app writes to the stream without a head", async () => {
    await using app = await running();
    const { cookie } = await ask(app.client, "/login");
    expect((await ask(app.client, "/logout-raw", cookie)).body).toBe("raw");
    expect((await ask(app.client, "/who", cookie)).body).toBe("nobody");
  });

  it("HEAD gets the cookie, and no body", async () => {
    await using app = await running();
    const { headers, body } = await ask(app.client, "/login", "", "HEAD");
    expect([headers["set-cookie"]?.length, body]).toEqual([1, ""]);
  });

  it("a session is saved before a file leaves as the response", async () => {
    await using app = await running();
    const { status, headers, body, cookie } = await ask(app.client, "/login-file");
    expect([status, headers["x-other"], body]).toEqual([200, "x", await readFile(LICENSE, "utf8")]);
    expect((await ask(app.client, "/", cookie)).body).toBe("u1");
    expect(app.errors).toEqual([]);
  });

  it("a head is sent before its stream is destroyed, as without sessions", async () => {
    await using app = await running();
    const { status, headers } = await ask(app.client, "/login-broken", "", "HEAD");
    expect([status, headers["set-cookie"]?.length]).toEqual([200, 1]);
  });

  it.each(["/login", "/login-head", "/login-stream", "/login-file", "/login-raw", "/login-raw-head"])(
    "a store that fails is a 500: %s",
    async (path) => {
      await using warnings = collectWarnings();
      await using app = await running();
      app.store.fail("replace", new Error("away"));
      const answer = await ask(app.client, path);
      expect(answer).toMatchObject({ status: 500, body: "Internal Server Error\n" });
      expect(answer.headers["set-cookie"]).toBeUndefined();
      expect(app.errors).toHaveLength(1);
      expect(await warnings.emitted()).toEqual([]); // HTTP/2 has no status message
    },
  );

  it("parallel streams of one visitor lose nothing", async () => {
    await using app = await running();
    const { cookie } = await ask(app.client, "/login");
    const paths = Array.from({ length: 20 }, (_, at) => `/set/${at}`);
    await Promise.all(paths.map((path) => ask(app.client, path, cookie)));
    const [values] = await app.store.contents();
    expect(Object.keys(values ?? {}).sort()).toEqual(["userId", ...paths].sort());
  });
});
