import { once } from "node:events";
import type { Server } from "node:http";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { type Session, sessionMiddleware } from "hono-sessions";
import { honoSessionStore } from "../../src/hono-sessions.js";
import { answer, Gates, type Host, running } from "../fixtures/host.js";
import { close, urlOf } from "../fixtures/serve.js";

type Values = Record<string, unknown>;

export function honoSessions(name: string, settings: object): Host {
  return {
    name,
    cookie: "session",
    tellsOfFailedSaves: true,
    regenerates: true,
    async start(store, options) {
      const gates = new Gates();
      const app = new Hono<{ Variables: { session: Session<Values>; session_key_rotation: boolean } }>();
      app.use(sessionMiddleware({ ...settings, store: honoSessionStore(store, options) }));
      app.get("/*", async (c) => {
        const session = c.get("session");
        const before = await answer(
          c.req.url,
          {
            values: () =>
              Object.fromEntries(
                Object.entries(session.getCache()._data).map(([key, entry]) => [key, entry.value]),
              ),
            set: (key, value) => session.set(key, value),
            remove: (key) => session.forget(key),
            end: () => session.deleteSession(),
            regenerate: async () => c.set("session_key_rotation", true),
          },
          gates,
        );
        return c.json(before as object);
      });
      const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }) as Server;
      await once(server, "listening");
      return running(urlOf(server), gates, () => close(server));
    },
  };
}
