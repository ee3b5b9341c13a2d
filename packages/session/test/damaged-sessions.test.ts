import { describe, expect, it } from "vitest";
import { type Handler, run } from "./fixtures/running-app.js";
import { Visitor } from "./fixtures/visitor.js";

const save: Handler = (session, res) => {
  session.set("x", 1);
  res.end("body");
};

describe("a value that cannot be saved", () => {
  it("is a 500, and onError gets an error with its key", async () => {
    await using app = await run((session, res) => {
      session.set("when", () => 0);
      res.end("body");
    });
    expect((await new Visitor(app.url).get()).status).toBe(500);
    expect(app.errors).toEqual([
      expect.objectContaining({
        code: "INVALID_VALUE",
        message: 'the session value "when" cannot be stored: it contains a function',
      }),
    ]);
  });

  it("is a 500 even if it is put into a loaded object", async () => {
    await using app = await run((session, res, req) => {
      if (req.url === "/set") session.set("cart", [1]);
      else (session.get("cart") as unknown[]).push(() => 1);
      res.end(session.status);
    });
    const visitor = new Visitor(app.url);
    await visitor.get("/set");
    expect((await visitor.get()).status).toBe(500);
    expect(app.errors).toEqual([expect.objectContaining({ code: "INVALID_VALUE" })]);
    expect(await app.store.contents()).toEqual([{ cart: [1] }]);
  });
});

/** A record with these fields, and the other usual ones. */
const content = (fields: string, version = 1) => `{"version":${version},"meta":{"secrets":[]},${fields}}`;

describe("a stored session that cannot be decoded", () => {
  it.each([
    ["no JSON", "secret data"],
    ["JSON of something else", '["secret data"]'],
    ["JSON of nothing", "null"],
    ["no version", '{"deadline":8640000000000000,"meta":{"secrets":[]},"values":{"a":"secret data"}}'],
    ["another version", content('"deadline":1,"values":{"a":"secret data"}', 2)],
    ["no values", content('"deadline":1')],
    ["values that are a list", content('"deadline":1,"values":["secret data"]')],
    ["values that are null", content('"deadline":1,"values":null')],
    ["a deadline that is no number", content('"deadline":"secret data","values":{}')],
    ["no meta", '{"version":1,"deadline":8640000000000000,"values":{"a":"secret data"}}'],
    ["no UTF-8", Buffer.from(content('"deadline":8640000000000000,"values":{"a":"\xff"}'), "latin1")],
    ["nothing", ""],
  ])("counts as absent, and is reported without its data: %s", async (_, data) => {
    await using app = await run((session, res, req) => {
      if (req.url === "/set") session.set("x", 1);
      res.end(JSON.stringify([...session.keys()]));
    });
    const visitor = new Visitor(app.url);
    await visitor.get("/set");
    const { token } = visitor;
    const [key] = await app.store.keys();
    await app.store.memory.commit(key as string, Buffer.from(data), new Date(app.clock.now() + 1000));
    expect(await visitor.get()).toMatchObject({ status: 200, body: "[]" });
    expect(app.errors).toEqual([expect.objectContaining({ name: "SessionError", code: "CORRUPT" })]);
    expect(app.errors[0]?.message).toMatch(
      /^a stored session cannot be decoded \((SyntaxError|TypeError)\); it counts as absent$/,
    );
    expect(`${app.errors[0]?.stack} ${app.errors[0]?.cause}`).not.toContain("secret");
    await visitor.get("/set");
    expect(visitor.token).not.toBe(token);
  });

  it("ends the session for a request in flight", async () => {
    await using app = await run(save);
    const visitor = new Visitor(app.url);
    await visitor.get();
    const [key] = await app.store.keys();
    await app.store.interrupt(
      ["replace"],
      () => visitor.get("/"),
      () => app.store.memory.commit(key as string, Buffer.from("{"), new Date(app.clock.now() + 1000)),
    );
    expect(app.errors).toEqual([expect.objectContaining({ code: "CORRUPT" })]);
  });
});

it.each([
  ["a hash of another length in bytes", { secrets: [["\u00fc".repeat(43)]] }],
  ["an owner that is null", { owner: null }],
  ["an owner without a hash", { owner: {} }],
  ["a bar that is null", { bars: [null] }],
  ["a list that is none", { merging: 5 }],
])("notes with %s are no session's", async (_, damage) => {
  await using app = await run((_session, res) => void res.end(), { owner: ({ userId }) => userId as string });
  const { sessions, store, clock } = app;
  const session = await sessions.load(undefined);
  await sessions.commit(session.set("userId", "u1"));
  const key = session.token?.slice(0, 22) as string;
  const content = JSON.parse(Buffer.from((await store.memory.find(key))?.data ?? []).toString());
  Object.assign(content.meta, damage);
  await store.memory.commit(key, Buffer.from(JSON.stringify(content)), new Date(clock.now() + 1000));
  expect((await sessions.load(session.token)).status).toBe("unmodified");
  expect(await sessions.exists(session.token as string)).toBe(false);
});
