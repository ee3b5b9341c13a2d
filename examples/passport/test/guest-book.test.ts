import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import type { RequestListener } from "node:http";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { Browser } from "../../../packages/express-session/test/fixtures/browser.js";
import { openPool, usePostgres } from "../../../packages/express-session/test/fixtures/postgres.js";
import { serve } from "../../../packages/express-session/test/fixtures/serve.js";

const url = usePostgres();
const source = (name: string): string => fileURLToPath(new URL(`../src/${name}.js`, import.meta.url));

async function open(name: string) {
  const { makeApp } = (await import(source(name))) as {
    makeApp(pool: object, secret: string): Promise<RequestListener>;
  };
  const pool = openPool(url());
  const served = await serve(await makeApp(pool, "keyboard cat"));
  return {
    browser: () => new Browser(served.url),
    async [Symbol.asyncDispose]() {
      await served[Symbol.asyncDispose]();
      await pool.end();
    },
  };
}

const csrfIn = (html: string): string => /name="csrf" value="([^"]+)"/.exec(html)?.[1] ?? "";

describe.each(["with-express-session", "with-scs"])("%s", (name) => {
  it("a visitor logs in, writes, and logs out", async () => {
    await using app = await open(name);
    const browser = app.browser();
    expect((await browser.get("/")).text).toContain("You were here 1 times.");
    let { text } = await browser.get("/login");
    const wrong = await browser.post("/login", { username: "ada", password: "wrong", csrf: csrfIn(text) });
    text = (await browser.follow(wrong)).text;
    expect(text).toContain("Wrong name or password.");
    const right = await browser.post("/login", { username: "ada", password: "lovelace", csrf: csrfIn(text) });
    text = (await browser.follow(right)).text;
    expect(text).toMatch(/Welcome, ada\..*You were here 2 times\./);
    text = (await browser.follow(await browser.post("/entries", { text: "<3", csrf: csrfIn(text) }))).text;
    expect(text).toContain("<b>ada</b> &lt;3");
    expect((await browser.post("/entries", { text: "forged", csrf: "forged" })).status).toBe(403);
    text = (await browser.follow(await browser.post("/logout", { csrf: csrfIn(text) }))).text;
    expect(text).toContain("You are logged out.");
    expect(text).toContain('href="/login"');
  });
});

it("the README of the package shows the real difference of the two", async () => {
  const files = ["with-express-session", "with-scs"].map(source);
  const diff = await new Promise<string>((resolve) => {
    execFile("git", ["diff", "--no-index", "--no-color", "--unified=1", ...files], (_differ, out) =>
      resolve(out),
    );
  });
  const lines = diff.split("\n").filter((line) => /^[-+ ]/.test(line) && !/^(---|\+\+\+) /.test(line));
  const readme = new URL("../../../packages/express-session/README.md", import.meta.url);
  const shown = /```diff\n(.*?)```/s.exec(await readFile(readme, "utf8"))?.[1];
  expect(shown?.trimEnd()).toBe(lines.join("\n").trimEnd());
});
