import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import express5 from "express";
import express4 from "express4";
import Koa from "koa";
import koaStatic from "koa-static";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { koaSessions } from "../src/adapters/koa.js";
import { SessionManager } from "../src/index.js";
import { MovingClock } from "./fixtures/moving-clock.js";
import { RecordingStore } from "./fixtures/recording-store.js";
import { serve, type Values } from "./fixtures/running-app.js";

type Sessions = SessionManager<Values>;
type Place = "before" | "after";

const MINUTE_MS = 60_000;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "scs-static-"));
  await writeFile(join(folder, "style.css"), "body {}");
});
afterAll(() => rm(folder, { recursive: true }));

/** Apps that serve files before or after the session middleware, and a page that never reads its session. */
const apps: Record<string, (sessions: Sessions, place: Place) => RequestListener> = {
  "Express 5": (sessions, place) => expressApp(sessions, place, express5),
  "Express 4": (sessions, place) => expressApp(sessions, place, express4 as unknown as typeof express5),
  Koa: (sessions, place) => {
    const app = new Koa();
    app.silent = true; // the server is closed under the connections
    const both = [koaStatic(folder), koaSessions(sessions)];
    for (const middleware of place === "before" ? both : both.reverse()) app.use(middleware);
    app.use((ctx) => {
      ctx.body = "page";
    });
    return app.callback();
  },
};

function expressApp(sessions: Sessions, place: Place, express: typeof express5): RequestListener {
  const app = express();
  const both = [express.static(folder), sessions.middleware()];
  app.use(place === "before" ? both : both.reverse());
  app.use((_req, res) => void res.send("page"));
  return app;
}

interface Outcome {
  body: string;
  calls: string[];
  cookies: string[];
}

/** Requests a path, ten minutes after the last use of a session with an idle timeout. */
async function request(
  name: string,
  place: Place,
  path: string,
  { isVisitor = true, headers = {} }: { isVisitor?: boolean; headers?: Record<string, string> },
): Promise<Outcome> {
  const clock = new MovingClock();
  await using store = new RecordingStore(clock.now);
  const sessions = new SessionManager<Values>({ store, now: clock.now, idleTimeoutMs: 30 * MINUTE_MS });
  await using server = await serve((apps[name] as (typeof apps)[string])(sessions, place));
  const session = await sessions.load(undefined);
  await sessions.commit(session.set("userId", "u1"));
  store.takeCalls();
  clock.advance(10 * MINUTE_MS);
  const cookie = isVisitor ? { cookie: `${sessions.cookieName}=${session.token}` } : undefined;
  const response = await fetch(server.url + path, { headers: { ...cookie, ...headers } });
  return { body: await response.text(), calls: store.takeCalls(), cookies: response.headers.getSetCookie() };
}

const file = { "sec-fetch-dest": "style" };
const prefetch = { "sec-purpose": "prefetch" };

describe.each(Object.keys(apps))("under %s", (name) => {
  it("a file served before the session middleware makes no store call and sets no cookie", async () => {
    for (const headers of [file, prefetch, {}]) {
      const outcome = await request(name, "before", "/style.css", { headers });
      expect(outcome).toEqual({ body: "body {}", calls: [], cookies: [] });
    }
  });

  it("a file served after it is one read for a visitor with a session: it extends nothing, and sets no cookie", async () => {
    for (const headers of [file, prefetch]) {
      const outcome = await request(name, "after", "/style.css", { headers });
      expect(outcome).toEqual({ body: "body {}", calls: ["find"], cookies: [] });
    }
  });

  it("a prefetched page extends nothing and sets no cookie, wherever the files are served", async () => {
    for (const place of ["before", "after"] as const) {
      const outcome = await request(name, place, "/", { headers: prefetch });
      expect(outcome).toEqual({ body: "page", calls: ["find"], cookies: [] });
    }
  });

  it("a visitor without a session costs no store call and gets no cookie, wherever the files are served", async () => {
    for (const place of ["before", "after"] as const) {
      for (const [path, body] of [["/style.css", "body {}"] as const, ["/", "page"] as const]) {
        const outcome = await request(name, place, path, { isVisitor: false });
        expect(outcome).toEqual({ body, calls: [], cookies: [] });
      }
    }
  });
});
