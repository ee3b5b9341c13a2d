import Koa from "koa";
import session from "koa-session";
import { koaSessionStore } from "../../src/koa-session.js";
import { answer, Gates, type Host, running } from "../fixtures/host.js";
import { serve } from "../fixtures/serve.js";

/** The context with koa-session's session. */
type Context = Koa.Context & { session: (Record<string, unknown> & { regenerate(): Promise<void> }) | null };

export function koaSession(name: string, settings: object): Host {
  return {
    name,
    cookie: "koa.sess",
    tellsOfFailedSaves: true,
    regenerates: true,
    async start(store, options) {
      const gates = new Gates();
      const app = new Koa();
      app.silent = true;
      app.keys = ["a secret"];
      app.use(
        session({ ...settings, store: koaSessionStore(store, options) } as never, app as never) as never,
      );
      app.use(async (koa) => {
        const ctx = koa as Context;
        ctx.body = await answer(
          ctx.url,
          {
            values: () => ({ ...(ctx.session as { toJSON?: () => object } | null)?.toJSON?.() }),
            set: (key, value) => {
              (ctx.session as Record<string, unknown>)[key] = value;
            },
            remove: (key) => delete ctx.session?.[key],
            end: () => {
              ctx.session = null;
            },
            regenerate: async () => ctx.session?.regenerate(),
          },
          gates,
        );
      });
      const { url, close } = await serve(app.callback());
      return running(url, gates, close);
    },
  };
}
