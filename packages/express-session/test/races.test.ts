import expressSession from "express-session";
import { describe, expect, it } from "vitest";
import session from "../src/index.js";
import { backends } from "./fixtures/backends.js";
import { usePostgres } from "./fixtures/postgres.js";
import { race } from "./race.js";

const url = usePostgres();
const options = { secret: "keyboard cat", resave: false, saveUninitialized: false };
const ROUNDS: Record<string, number> = { memstore: 1000, sqlstore: 300, pgstore: 300 };

describe.each(Object.entries(backends))("on %s", (name, open) => {
  const rounds = ROUNDS[name] as number;
  it(`loses no key and brings back no session in ${rounds} rounds of parallel saves and log-outs`, async () => {
    await using opened = await open(url());
    const losses = await race(session({ ...options, store: opened.store }), rounds);
    expect(losses).toEqual({ rounds, lostKeys: 0, revivals: 0 });
  }, 600_000);
});

it("express-session loses keys and brings sessions back in the same race", async () => {
  const losses = await race(expressSession(options), 20);
  expect(losses).toEqual({ rounds: 20, lostKeys: 20 * 4, revivals: 20 });
}, 600_000);
