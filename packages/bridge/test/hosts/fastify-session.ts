import fastifyCookie from "@fastify/cookie";
import fastifySession from "@fastify/session";
import fastify from "fastify";
import { fastifySessionStore } from "../../src/fastify-session.js";
import { answer, Gates, type Host, running } from "../fixtures/host.js";

export function fastifySessions(name: string, settings: Partial<fastifySession.FastifySessionOptions>): Host {
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
        const values = (): Record<string, unknown> => request.session as unknown as Record<string, unknown>;
        return answer(
          request.url,
          {
            values: () => ({ ...JSON.parse(JSON.stringify(values())), cookie: undefined }),
            set: (key, value) => {
              values()[key] = value;
            },
            remove: (key) => delete values()[key],
            end: () => request.session.destroy(),
            regenerate: () => request.session.regenerate(),
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
