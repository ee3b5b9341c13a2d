import { createRequire } from "node:module";
import fastifyCookie from "@fastify/cookie";
import fastify, { type FastifyPluginCallback } from "fastify";
import { fastifySessionStore } from "../../src/fastify-session.js";
import { answer, Gates, type Host, running } from "../fixtures/host.js";

// Loaded at run time: an import of its types would declare `request.session` in every program that includes them.
const fastifySession: FastifyPluginCallback<Record<string, unknown>> = createRequire(import.meta.url)(
  "@fastify/session",
);

interface FastifySession extends Record<string, unknown> {
  destroy(): Promise<void>;
  regenerate(): Promise<void>;
}

export function fastifySessions(name: string, settings: object): Host {
  return {
    name,
    cookie: "sessionId",
    tellsOfFailedSaves: true,
    regenerates: true,
    async start(store, options) {
      const gates = new Gates();
      const app = fastify();
      await app.register(fastifyCookie);
      await app.register(fastifySession, {
        secret: "a secret of thirty-two characters, or more",
        cookie: { secure: false },
        ...settings,
        store: fastifySessionStore(store, options),
      });
      app.get("/*", (request) => {
        const values = (): FastifySession => request.session as unknown as FastifySession;
        return answer(
          request.url,
          {
            values: () => ({ ...JSON.parse(JSON.stringify(values())), cookie: undefined }),
            set: (key, value) => {
              values()[key] = value;
            },
            remove: (key) => delete values()[key],
            end: () => values().destroy(),
            regenerate: () => values().regenerate(),
          },
          gates,
        );
      });
      const url = await app.listen({ host: "127.0.0.1", port: 0 });
      return running(url, gates, () => {
        app.server.closeAllConnections();
        return app.close();
      });
    },
  };
}
