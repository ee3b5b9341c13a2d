import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { loseNothing } from "./fixtures/parallel-requests.js";
import { Visitor } from "./fixtures/visitor.js";

const app = fileURLToPath(new URL("fixtures/hono-app.js", import.meta.url));

it.each([
  ["bun", ["run", app]],
  ["deno", ["run", "--allow-all", app]],
])("Hono keeps a visitor logged in on %s", async (runtime, args) => {
  const shell = process.platform === "win32";
  const bin = fileURLToPath(new URL(`../../../node_modules/.bin/${runtime}`, import.meta.url));
  const child = spawn(shell ? `${bin}.cmd` : bin, args, { stdio: ["pipe", "pipe", "inherit"], shell });
  const closed = once(child, "close");
  try {
    const [address] = await Promise.race([once(child.stdout, "data"), closed]);
    const visitor = new Visitor(String(address).trim());
    expect((await visitor.get()).body).toBe("undefined");
    const login = await visitor.get("/login", { method: "POST" });
    expect([login.status, login.setCookies]).toEqual([302, [expect.stringMatching(/^__Host-session=/)]]);
    expect((await visitor.get()).body).toBe("u1");
    await loseNothing(visitor);
  } finally {
    child.stdin.end();
    await closed;
  }
});
