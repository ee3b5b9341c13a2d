import type { Express } from "express";
import expressSession from "express-session";
import type { SessionOf } from "./racing-session.js";

/** Adds express-session with its built-in store and the options recommended by its README. */
export function memorySessions(app: Express): SessionOf {
  app.use(expressSession({ secret: "a secret of the demo", resave: false, saveUninitialized: false }));
  return ({ session }) => {
    const values = session as unknown as Record<string, unknown>;
    return {
      get: (key) => values[key],
      set(key, value) {
        values[key] = value;
      },
      end: () =>
        new Promise((resolve, reject) =>
          session.destroy((error: Error | null) => (error ? reject(error) : resolve())),
        ),
    };
  };
}
