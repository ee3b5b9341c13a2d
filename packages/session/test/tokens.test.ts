import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type Handler, run } from "./fixtures/running-app.js";
import { Visitor } from "./fixtures/visitor.js";

const tellAndCount: Handler = (session, res, req) => {
  const visits = Number(session.get("visits") ?? 0);
  if (req.url !== "/read") session.set("visits", visits + 1);
  res.end(String(visits));
};

const unknown = "A".repeat(43);
const sha256 = (token: string) => createHash("sha256").update(token).digest("base64url");

describe("a token", () => {
  it("is 32 random bytes in base64url, another for each session", async () => {
    await using app = await run(tellAndCount);
    const tokens = new Set<string>();
    for (let visitor = 0; visitor < 10; visitor++) {
      const { setCookies } = await new Visitor(app.url).get();
      const token = setCookies[0]?.match(/=([A-Za-z0-9_-]+);/)?.[1] ?? "";
      expect(Buffer.from(token, "base64url")).toHaveLength(32);
      expect(token).toHaveLength(43);
      tokens.add(token);
    }
    expect(tokens.size).toBe(10);
  });

  it("that the store does not know is replaced by a fresh one when something is saved, never adopted", async () => {
    await using app = await run(tellAndCount);
    const visitor = new Visitor(app.url, { "__Host-session": unknown });
    await visitor.get();
    expect(visitor.token).toHaveLength(43);
    expect(visitor.token).not.toBe(unknown);
    expect(await app.store.keys()).toEqual([sha256(visitor.token as string)]);
    expect((await new Visitor(app.url, { "__Host-session": unknown }).get("/read")).body).toBe("0");
  });

  it("that the store does not know writes nothing, and stays in the browser, as long as nothing is saved", async () => {
    await using app = await run(tellAndCount);
    const visitor = new Visitor(app.url, { "__Host-session": unknown });
    const { setCookies } = await visitor.get("/read");
    expect(setCookies).toEqual([]);
    expect(app.store.calls).toEqual(["find"]);
  });

  it.each([
    ["nothing", ""],
    ["one character less", "A".repeat(42)],
    ["one more", "A".repeat(44)],
    ["10 kB", "A".repeat(10_000)],
    ["another alphabet", `${"A".repeat(42)}+`],
    ["a dot", `${"A".repeat(42)}.`],
    ["an escaped letter of another script", encodeURIComponent("é") + "A".repeat(42)],
    ["an escaped line break at the end", `${"A".repeat(43)}%0A`],
    ["an escaped NUL", `${"A".repeat(42)}%00`],
    ["an escape that is none", `%${"A".repeat(42)}`],
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
  it("sees only SHA-256 of the token in base64url, in whatever is called", async () => {
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
    for (const path of ["/login", "/change", "/read", "/renew", "/logout"]) {
      await visitor.get(path);
      if (visitor.token !== undefined) tokens.push(visitor.token);
    }
    expect(new Set(tokens).size).toBe(2);
    expect(new Set(app.store.calls)).toEqual(new Set(["replace", "find", "touch"]));
    expect(app.store.tokens).toEqual(new Set(tokens.map(sha256)));
  });

  it("sees the token itself with hashTokens: false", async () => {
    await using app = await run(tellAndCount, { hashTokens: false });
    const visitor = new Visitor(app.url);
    await visitor.get();
    expect(app.store.tokens).toEqual(new Set([visitor.token]));
    expect((await visitor.get()).body).toBe("1");
  });

  it("gives whoever reads its keys no way in", async () => {
    await using app = await run(tellAndCount);
    await new Visitor(app.url).get();
    const [key] = await app.store.keys();
    expect(key).toHaveLength(43);
    const thief = new Visitor(app.url, { "__Host-session": key as string });
    expect((await thief.get("/read")).body).toBe("0");
  });
});
