import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Store } from "@scs/core";
import { SessionManager } from "@scs/session";
import express, { type Express } from "express";
import { memorySessions } from "./neighbour.js";
import type { SessionOf } from "./racing-session.js";

/** Makes requests wait, as for a database, until all participants have loaded their session. */
export class Barrier {
  readonly #waiting: (() => void)[] = [];
  readonly onArrival: (arrived: number) => void;

  constructor(onArrival: (arrived: number) => void) {
    this.onArrival = onArrival;
  }

  async pass(): Promise<void> {
    const passed = new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.onArrival(this.#waiting.length);
    await passed;
  }

  open(): void {
    for (const go of this.#waiting.splice(0)) go();
  }
}

/** An app on a port of its own, with the same routes for both session libraries. */
export class RaceApp {
  readonly #server: Server;
  barrier: Barrier = new Barrier(() => undefined);
  address = "";

  private constructor(addSessions: (app: Express) => SessionOf) {
    const app = express();
    const sessionOf = addSessions(app);
    app.post("/log-in", (req, res) => {
      sessionOf(req).set("user", "Ada");
      res.end();
    });
    app.post("/change/:n", async (req, res) => {
      const session = sessionOf(req);
      await this.barrier.pass(); // stands for a database query
      session.set(`change${req.params.n}`, true);
      res.end();
    });
    app.post("/log-out", async (req, res) => {
      await sessionOf(req).end();
      res.end();
    });
    app.get("/state", (req, res) => {
      const session = sessionOf(req);
      const changes = Array.from({ length: 50 }, (_, n) => session.get(`change${n}`) === true);
      res.json({ user: session.get("user"), changes });
    });
    this.#server = createServer(app as RequestListener);
  }

  /** Starts the app on our manager, over the store of the demo. */
  static here(store: Store): Promise<RaceApp> {
    const sessions = new SessionManager<Record<string, unknown>>({
      store,
      namespace: "race", // separates its sessions from the shop's
      lifetimeMs: 60_000,
      cookie: { secure: false },
    });
    return new RaceApp((app) => {
      app.use(sessions.middleware());
      return (req) => {
        const session = sessions.get(req);
        return {
          get: (key) => session.get(key),
          set: (key, value) => void session.set(key, value),
          end: async () => session.destroy(),
        };
      };
    }).#open();
  }

  /** Starts the app on express-session, set up as in its README. */
  static beside(): Promise<RaceApp> {
    return new RaceApp(memorySessions).#open();
  }

  async #open(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    this.address = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
