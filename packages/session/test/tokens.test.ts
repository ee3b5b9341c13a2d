import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { madeUpToken, TOKEN_LENGTH } from "./fixtures/made-up-token.js";
import { type Handler, run } from "./fixtures/running-app.js";
import { Visitor } from "./fixtures/visitor.js";

const tellAndCount: Handler = (session, res, req) => {
  const visits = Number(session.get("visits") ?? 0);
  if (req.url !== "/read") session.set("visits", visits + 1);
  res.end(String(visits));
};

const unknown = madeUpToken();
const [ID, SECRET] = unknown.split(".") as [string, string];
const idOf = (token: string) => token.split(".")[0] as string;
const sha256 = (token: string) => createHash("sha256").update(token).digest("base64url");

describe("a token", () => {
  it("is an ID of 16 random bytes and a secret of 32 in base64url, different for each session", async () => {
    await using app = await run(tellAndCount);
    const parts = new Set<string>();
    for (let visitor = 0; visitor < 10; visitor++) {
      const { setCookies } = await new Visitor(app.url).get();
      const [, token, id = "", secret = ""] = /=(([\w-]{22})\.([\w-]{43}));/.exec(setCookies[0] ?? "") ?? [];
      expect(token).toHaveLength(TOKEN_LENGTH);
      expect(Buffer.from(id, "base64url")).toHaveLength(16);
      expect(Buffer.from(secret, "base64url")).toHaveLength(32);
      parts.add(id).add(secret);
    }
    expect(parts.size).toBe(20);
  });

  it("that the store does not know is never adopted: a save issues a new one", async () => {
    await using app = await run(tellAndCount);
    const visitor = new Visitor(app.url, { "__Host-session": unknown });
    await visitor.get();
    expect(visitor.token).toHaveLength(TOKEN_LENGTH);
    expect(visitor.token).not.toBe(unknown);
    expect(await app.store.keys()).toEqual([idOf(visitor.token as string)]);
    expect(await app.store.keys()).not.toContain(ID);
    expect((await new Visitor(app.url, { "__Host-session": unknown }).get("/read")).body).toBe("0");
  });

  it("that the store does not know causes no write, and stays in the browser until a save", async () => {
    await using app = await run(tellAndCount);
    const visitor = new Visitor(app.url, { "__Host-session": unknown });
    const { setCookies } = await visitor.get("/read");
    expect(setCookies).toEqual([]);
    expect(app.store.calls).toEqual(["find"]);
  });

  it.each([
    ["nothing", ""],
    ["one character less", unknown.slice(1)],
    ["one more", `${unknown}A`],
    ["an ID alone", ID],
    ["a secret alone", SECRET],
    ["the two the other way round", `${SECRET}.${ID}`],
    ["no dot", `${ID}A${SECRET}`],
    ["one dot more", `${unknown.slice(0, -1)}.`],
    ["10 kB", "A".repeat(10_000)],
    ["another alphabet", `${unknown.slice(0, -1)}+`],
    ["an escaped letter of another script", encodeURIComponent("é") + unknown.slice(1)],
    ["an escaped line break at the end", `${unknown}%0A`],
    ["an escaped NUL", `${unknown.slice(0, -1)}%00`],
    ["an escape that is none", `%${unknown.slice(1)}`],
    ["a list of an owner's", `@owner.${SECRET}`],
    ["a path", "../../../../../../../../../../../etc/passwd"],
  ])("that is malformed is not even looked up: %s", async (_, malformed) => {
    await using app = await run(tellAndCount);
    const visitor = new Visitor(app.url, { "__Host-session": malformed });
    expect((await visitor.get("/read")).body).toBe("0");
    expect(app.store.calls).toEqual([]);
    await visitor.get();
    expect(app.store.calls).toEqual(["replace"]);
    expect(visitor.token).not.toBe(malformed);
  });

  it.each([
    ["last of several", (token: string) => `theme=dark; __Host-sessio=x; lang=en; __Host-session=${token}`],
    ["first of several", (token: string) => `__Host-session=${token}; theme=dark`],
    ["among malformed ones", (token: string) => `=; ;;novalue; a==b; __Host-session=${token};`],
    ["among names of every object", (token: string) => `__proto__=x; constructor=y; __Host-session=${token}`],
    ["in quotes of another", (token: string) => `q="a b"; __Host-session=${token}`],
  ])("is found %s", async (_, header) => {
    await using app = await run(tellAndCount);
    const visitor = new Visitor(app.url);
    await visitor.get();
    const response = await fetch(app.url, { headers: { cookie: header(visitor.token as string) } });
    expect(await response.text()).toBe("1");
  });
});

describe("the store", () => {
  it("gets the ID of the token and SHA-256 of its secret in every call, never the secret", async () => {
    await using app = await run(
      (session, res, req) => {
        if (req.url === "/renew") session.renew();
        else if (req.url === "/logout") session.destroy();
        else if (req.url !== "/read") session.set("path", req.url);
        res.end();
      },
      { idleTimeoutMs: 1000, touchAfterMs: 0 },
    );
    const visitor = new Visitor(app.url);
    const tokens: string[] = [];
    const written: string[] = [];
    for (const path of ["/login", "/change", "/read", "/renew", "/logout"]) {
      await visitor.get(path);
      if (visitor.token !== undefined) tokens.push(visitor.token);
      for (const data of (await app.store.memory.all()).values()) written.push(Buffer.from(data).toString());
    }
    expect(new Set(tokens).size).toBe(2);
    expect(new Set(app.store.calls)).toEqual(new Set(["replace", "find", "touch"]));
    expect(app.store.tokens).toEqual(new Set(tokens.map(idOf)));
    for (const token of tokens) {
      const secret = token.split(".")[1] as string;
      expect(written.join()).toContain(sha256(secret));
      expect(written.join()).not.toContain(secret);
    }
  });

  it("contains nothing that works as a token, neither in keys nor in records", async () => {
    await using app = await run(tellAndCount);
    const visitor = new Visitor(app.url);
    await visitor.get();
    const [[key, data] = ["", new Uint8Array()]] = [...(await app.store.memory.all())];
    const [[hash]] = JSON.parse(Buffer.from(data).toString()).meta.secrets;
    expect(hash).toHaveLength(43);
    for (const guess of [key, hash, `${key}.${hash}`, `${key}.${SECRET}`, `${ID}.${hash}`]) {
      const thief = new Visitor(app.url, { "__Host-session": guess });
      expect((await thief.get("/read")).body).toBe("0");
    }
    expect((await visitor.get("/read")).body).toBe("1");
  });

  it("gets the same calls for a wrong secret as for a right one", async () => {
    await using app = await run(tellAndCount);
    const visitor = new Visitor(app.url);
    await visitor.get();
    app.store.takeCalls();
    const thief = new Visitor(app.url, { "__Host-session": `${idOf(visitor.token as string)}.${SECRET}` });
    expect((await thief.get("/read")).body).toBe("0");
    const calls = app.store.takeCalls();
    await visitor.get("/read");
    expect(app.store.takeCalls()).toEqual(calls);
  });
});
