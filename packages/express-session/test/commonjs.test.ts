import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const cwd = fileURLToPath(new URL("..", import.meta.url));

/** Runs CommonJS code in this package, and returns what it prints. */
async function node(code: string): Promise<unknown> {
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=commonjs", "--eval", code], {
    cwd,
  });
  return JSON.parse(stdout);
}

it("require returns the function, with the properties of express-session", async () => {
  const code = `
    const session = require("@scs/express-session");
    const handler = session({ secret: "keyboard cat" });
    console.log(JSON.stringify([
      typeof session, handler.length, session.default === session,
      typeof session.Store, typeof session.Cookie, typeof session.MemoryStore, typeof session.Session,
    ]));
  `;
  expect(await node(code)).toEqual(["function", 3, true, ...Array(4).fill("function")]);
});

it("require and import return the same function", async () => {
  const code = `
    const session = require("@scs/express-session");
    import("@scs/express-session").then((module) => console.log(module.default === session));
  `;
  expect(await node(code)).toBe(true);
});

it("keeps sessions in a CommonJS application", async () => {
  const code = `
    const express = require("express");
    const session = require("@scs/express-session");
    const app = express().use(session({ secret: "keyboard cat", resave: false, saveUninitialized: false }));
    app.get("/", (req, res) => res.json(req.session.views = (req.session.views ?? 0) + 1));
    const server = app.listen(0, "127.0.0.1", async () => {
      const url = "http://127.0.0.1:" + server.address().port;
      const first = await fetch(url);
      const cookie = first.headers.getSetCookie()[0].split(";")[0];
      console.log(await (await fetch(url, { headers: { cookie } })).text());
      server.close();
      server.closeAllConnections();
    });
  `;
  expect(await node(code)).toBe(2);
});
