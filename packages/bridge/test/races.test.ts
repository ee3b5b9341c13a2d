import { mkdtemp, rm } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openBoltStore } from "@scs/boltstore";
import type { Store } from "@scs/core";
import { MemStore } from "@scs/memstore";
import type { Request, Response } from "express";
import session from "express-session";
import { describe, expect, it } from "vitest";
import { expressSessionStore } from "../src/express-session.js";
import { answer, Gates, type RunningHost, running } from "./fixtures/host.js";
import { race } from "./fixtures/race.js";
import { serve } from "./fixtures/serve.js";
import { inHand } from "./hosts/express-session.js";
import { hosts } from "./hosts/index.js";

/** Serves express-session on node:http, with a store of this project or its own. */
async function start(store?: Store): Promise<RunningHost> {
  const gates = new Gates();
  const sessions = session({
    ...{ secret: "a secret", resave: false, saveUninitialized: false },
    ...(store && { store: expressSessionStore(session, store) }),
  });
  const { url, close } = await serve((req, res: ServerResponse) => {
    const request = req as Request;
    sessions(request, res as Response, async () =>
      res.end(JSON.stringify(await answer(request.url, inHand(request), gates))),
    );
  });
  return running(url, gates, close);
}

describe("racing requests of one session under express-session", () => {
  it("lose no change and bring back no session in 1,000 rounds", { timeout: 600_000 }, async () => {
    await using app = await start(new MemStore());
    expect(await race(app, 1000)).toEqual({ lost: 0, revived: 0 });
  });

  it("lose no change and bring back no session in a store on disk", async () => {
    const folder = await mkdtemp(join(tmpdir(), "bridge-"));
    try {
      await using store = await openBoltStore(join(folder, "sessions"));
      await using app = await start(store);
      expect(await race(app, 60)).toEqual({ lost: 0, revived: 0 });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("do both with the host's own store, which proves that the race is real", async () => {
    await using app = await start();
    const { lost, revived } = await race(app, 24);
    expect(lost).toBeGreaterThan(24);
    expect(revived).toBeGreaterThan(8);
  });
});

describe.each(hosts)("racing requests of one session under $name", (host) => {
  it("lose no change and bring back no session", async () => {
    await using app = await host.start(new MemStore());
    expect(await race(app, 12)).toEqual({ lost: 0, revived: 0 });
  });
});
