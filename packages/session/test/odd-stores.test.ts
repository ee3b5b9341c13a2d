import { describe, expect, it } from "vitest";
import { SessionManager } from "../src/index.js";
import { madeUpToken } from "./fixtures/made-up-token.js";
import { RecordingStore } from "./fixtures/recording-store.js";
import { run, stacks } from "./fixtures/running-app.js";
import { Visitor } from "./fixtures/visitor.js";

/** Odd failures of a store's call. */
const FAILURES: [string, () => never | Promise<never>][] = [
  ["rejects with undefined", () => Promise.reject()],
  ["rejects with null", () => Promise.reject(null)],
  ["rejects with a text that Express has a meaning for", () => Promise.reject("route")],
  [
    "throws undefined at once",
    () => {
      throw undefined;
    },
  ],
  [
    "throws an error at once",
    () => {
      throw new Error("away");
    },
  ],
];

describe.each(stacks)("%s, with a store that", (stack) => {
  it.each(FAILURES)("%s, fails the request without running the app", async (_, fail) => {
    let runs = 0;
    await using app = await run(
      (_session, res) => {
        runs++;
        res.end("nobody is logged in");
      },
      { stack },
    );
    app.store.find = fail;
    const answer = await new Visitor(app.url, { "__Host-session": madeUpToken() }).get();
    expect(answer.status).toBe(500);
    expect([runs, app.errors.length, app.errors[0] instanceof Error]).toEqual([0, 1, true]);
  });

  it.each(FAILURES)("%s on save, is a 500 and calls onError", async (_, fail) => {
    await using app = await run((session, res) => void (session.set("x", 1) && res.end("saved")), { stack });
    app.store.replace = fail;
    expect(await new Visitor(app.url).get()).toMatchObject({ status: 500, setCookies: [] });
    expect([app.errors.length, app.errors[0] instanceof Error]).toEqual([1, true]);
  });
});

it("null from a store counts as no session", async () => {
  await using store = new RecordingStore();
  const { find } = store;
  store.find = async (key) => (await find.call(store, key)) ?? (null as never);
  const sessions = new SessionManager({ store });
  expect((await sessions.load(madeUpToken())).status).toBe("unmodified");
  const session = await sessions.load(undefined);
  await sessions.commit(session.set("x", 1));
  const late = await sessions.load(session.token);
  await sessions.destroy(session);
  late.set("y", 1);
  await sessions.commit(late);
  expect([late.status, await store.keys()]).toEqual(["destroyed", []]);
});
