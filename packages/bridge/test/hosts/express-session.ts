import express from "express";
import session from "express-session";
import { expressSessionStore } from "../../src/express-session.js";
import { answer, Gates, type Host, running, type SessionInHand } from "../fixtures/host.js";
import { serve } from "../fixtures/serve.js";

/** Returns the current session of an Express request. */
export function inHand(req: express.Request): SessionInHand {
  const values = (): Record<string, unknown> => req.session as unknown as Record<string, unknown>;
  return {
    values: () => ({ ...values(), cookie: undefined }),
    set: (name, value) => {
      values()[name] = value;
    },
    remove: (name) => delete values()[name],
    end: () => new Promise((resolve) => req.session.destroy(resolve)),
    regenerate: () => new Promise((resolve) => req.session.regenerate(resolve)),
  };
}

export function expressSession(name: string, settings: Partial<session.SessionOptions>): Host {
  return {
    name,
    cookie: "connect.sid",
    tellsOfFailedSaves: false, // the headers were already sent; next(error) is called
    regenerates: true,
    async start(store, options) {
      const gates = new Gates();
      const app = express();
      app.use(
        session({
          ...{ secret: "a secret", resave: false, saveUninitialized: false, ...settings },
          store: expressSessionStore(session, store, options),
        }),
      );
      app.use(async (req, res) => void res.json(await answer(req.url, inHand(req), gates)));
      const { url, close } = await serve(app);
      return running(url, gates, close);
    },
  };
}
