import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
// From the built package, as in the app, so that each class exists once.
import { SessionManager } from "@scs/session";
import { useSessions } from "@scs/session/nest";
import express5 from "express";
import express4 from "express4";
import { fastify } from "fastify";
import Koa from "koa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loseNothing } from "./fixtures/parallel-requests.js";
import { RecordingStore } from "./fixtures/recording-store.js";
import { Visitor } from "./fixtures/visitor.js";

type Platform = "express" | "fastify";
interface App {
  getUrl(): Promise<string>;
  close(): Promise<void>;
}
type CreateApp = (platform: Platform, sessions: SessionManager<never> | undefined) => Promise<App>;

const folder = fileURLToPath(new URL("nest", import.meta.url));
let createApp: CreateApp;

/** Compiles the app as its users do, because Nest needs the decorators of TypeScript's compiler. */
beforeAll(async () => {
  const manifest = createRequire(import.meta.url).resolve("typescript/package.json");
  await promisify(execFile)(process.execPath, [join(dirname(manifest), "bin", "tsc"), "-p", folder]);
  ({ createApp } = await import(pathToFileURL(join(folder, "dist", "app.js")).href));
});

afterAll(() => rm(join(folder, "dist"), { recursive: true, force: true }));

async function running(platform: Platform, withSessions = true) {
  const store = new RecordingStore();
  const errors: Error[] = [];
  const sessions = new SessionManager<never>({ store, onError: (error) => errors.push(error) });
  const app = await createApp(platform, withSessions ? sessions : undefined);
  const visitor = new Visitor((await app.getUrl()).replace("[::1]", "127.0.0.1"));
  return {
    ...{ visitor, store, errors },
    async [Symbol.asyncDispose]() {
      await app.close();
      await store[Symbol.asyncDispose]();
    },
  };
}
const post = { method: "POST" };

describe.each<Platform>(["express", "fastify"])("Nest over %s", (platform) => {
  it("@Session() and req.session are the session, and a guard refuses anonymous visitors", async () => {
    await using app = await running(platform);
    const { visitor } = app;
    expect((await visitor.get()).body).toBe("nobody");
    const refused = await visitor.get("/count", post);
    expect([refused.status, JSON.parse(refused.body)]).toEqual([
      401,
      { statusCode: 401, message: "Unauthorized" },
    ]);
    expect(app.store.calls).toEqual([]);
    expect((await visitor.get("/login", post)).body).toBe("welcome");
    expect((await visitor.get()).body).toBe("u1");
    expect((await visitor.get("/count", post)).body).toBe("1");
    expect((await visitor.get("/count", post)).body).toBe("2");
    const stolen = visitor.clone();
    await visitor.get("/logout", post);
    expect((await stolen.get()).body).toBe("nobody");
    expect((await stolen.get("/count", post)).status).toBe(401);
    expect(app.errors).toEqual([]);
  });

  it("sessionValue makes a decorator for one value or for the session", async () => {
    await using app = await running(platform);
    expect((await app.visitor.get("/me")).status).toBe(401);
    await app.visitor.get("/login", post);
    expect((await app.visitor.get("/me")).body).toBe("u1 true");
  });

  it("a guard responds with the app's own error", async () => {
    await using app = await running(platform);
    expect((await app.visitor.get("/admin")).status).toBe(403);
  });

  it("a log-out is saved even if the handler throws", async () => {
    await using app = await running(platform);
    await app.visitor.get("/login", post);
    expect((await app.visitor.get("/broken", post)).status).toBe(500);
    expect(await app.store.keys()).toEqual([]);
  });

  it("parallel requests lose no change, and never undo a log-out", async () => {
    await using app = await running(platform);
    await app.visitor.get("/login", post);
    await loseNothing(app.visitor, { logOut: post });
    expect(app.errors).toEqual([]);
  });

  it("without useSessions, the error says what to do", async () => {
    await using app = await running(platform, false);
    expect((await app.visitor.get("/me")).status).toBe(500);
  });
});

it.each<[name: string, app: unknown, home: string]>([
  ["Express 4", express4(), "app.use(sessions.middleware())"],
  ["Express 5", express5(), "app.use(sessions.middleware())"],
  ["Fastify", fastify(), "@scs/session/fastify"],
  ["Koa", new Koa(), "@scs/session/koa"],
])("useSessions given an app of %s is an error that names the import", async (_, app, home) => {
  await using store = new RecordingStore();
  await expect(useSessions(app as never, new SessionManager({ store }))).rejects.toThrow(home);
});

it("useSessions fails over another platform", async () => {
  await using store = new RecordingStore();
  const sessions = new SessionManager({ store });
  const app = { getHttpAdapter: () => ({ getType: () => "uws" }), use: () => undefined };
  await expect(useSessions(app, sessions)).rejects.toThrow("not over uws");
});
