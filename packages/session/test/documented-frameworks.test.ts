import { execFile, spawn } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Visitor } from "./fixtures/visitor.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const page = await readFile(join(root, "docs/frameworks.md"), "utf8");
const folder = fileURLToPath(new URL("documented-apps", import.meta.url));
const require = createRequire(import.meta.url);

/** The code blocks of the page that begin with the name of a file. */
const blocks = [...page.matchAll(/^```typescript\n\/\/ (\S+)\n(.*?)^```$/gms)].map(
  ([, name = "", code = ""]) => ({ name, code }),
);
const apps = blocks.map(({ name }) => name).filter((name) => !name.includes("/") && name !== "sessions.ts");

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Compiles the apps as a reader's project would. */
beforeAll(async () => {
  await mkdir(folder, { recursive: true });
  for (const { name, code } of blocks) if (!name.includes("/")) await writeFile(join(folder, name), code);
  const options = {
    ...{ module: "nodenext", target: "es2023", lib: ["es2023"], types: ["node"], strict: true },
    ...{ skipLibCheck: true, experimentalDecorators: true, emitDecoratorMetadata: true },
    ...{ rootDir: ".", outDir: "dist" },
  };
  const config = { compilerOptions: options, include: ["*.ts"] };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify(config));
  const tsc = join(dirname(require.resolve("typescript/package.json")), "bin", "tsc");
  await promisify(execFile)(process.execPath, [tsc, "-p", folder]).catch((error: { stdout: string }) => {
    throw new Error(error.stdout);
  });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it("the page has an app, or files of an example, for each framework", () => {
  const shown = new Set(
    blocks.map(({ name }) => /^examples\/([^/]+)|^([^.]+)/.exec(name)?.slice(1).find(Boolean)),
  );
  expect([...shown].sort()).toEqual([
    "astro",
    "express",
    "fastify",
    "h3",
    "hono",
    "koa",
    "nest",
    "next",
    "nuxt",
    "react-router",
    "sessions",
    "sveltekit",
  ]);
});

it.each(apps)("%s of docs/frameworks.md runs as it stands, and recognizes a visitor", async (name) => {
  const script = join(folder, "dist", name.replace(".ts", ".js"));
  const port = await freePort();
  await writeFile(script, (await readFile(script, "utf8")).replaceAll("3000", String(port))); // taken here, perhaps
  const child = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    let output = "";
    await new Promise<void>((resolve, reject) => {
      child.once("close", (code) => reject(new Error(`ended with ${code}: ${output}`)));
      child.stdout.on("data", (text: Buffer) => {
        output += text;
        if (output.includes(`http://127.0.0.1:${port}`)) resolve();
      });
    });
    const visitor = new Visitor(`http://localhost:${port}`);
    expect((await visitor.get()).body).toBe("Visit 1");
    expect((await visitor.get()).body).toBe("Visit 2");
    expect((await visitor.clone().get()).body).toBe("Visit 3");
  } finally {
    const closed = new Promise((resolve) => child.once("close", resolve));
    if (child.exitCode === null && child.kill()) await closed;
  }
});

it.each(blocks.filter(({ name }) => name.includes("/")))(
  "docs/frameworks.md shows $name as it is",
  async (block) => {
    expect(block.code).toBe(await readFile(join(root, block.name), "utf8"));
  },
);

describe("the table of tested versions", () => {
  const rows = [...page.matchAll(/^\| ([^|]+) \| (\d+\.\d+\.\d+) \| [^|]+ \|$/gm)].map(
    ([, name = "", version = ""]) => [name, version],
  );
  const installed = async (name: string): Promise<string> => {
    for (const folder of require.resolve.paths(name) ?? []) {
      const text = await readFile(join(folder, name, "package.json"), "utf8").catch(() => undefined);
      if (text !== undefined) return JSON.parse(text).version;
    }
    throw new Error(`${name} is not installed`);
  };
  const pinned = async (example: string, name: string): Promise<string> => {
    const text = await readFile(join(root, "examples", example, "package.json"), "utf8");
    const { dependencies, devDependencies } = JSON.parse(text);
    return dependencies[name] ?? devDependencies[name];
  };

  it("has the versions of these tests and the examples", async () => {
    expect(Object.fromEntries(rows)).toEqual({
      Express: await installed("express"),
      "Express 4": await installed("express4"),
      Hono: await installed("hono"),
      Bun: await installed("bun"),
      Deno: await installed("deno"),
      Fastify: await installed("fastify"),
      "@fastify/passport": await installed("@fastify/passport"),
      Koa: await installed("koa"),
      Nest: await installed("@nestjs/core"),
      h3: await installed("h3"),
      "React Router 7": await installed("react-router"),
      ws: await installed("ws"),
      "Socket.IO": await installed("socket.io"),
      "Next.js": await pinned("next", "next"),
      "React Router": await pinned("react-router", "react-router"),
      SvelteKit: await pinned("sveltekit", "@sveltejs/kit"),
      Nuxt: await pinned("nuxt", "nuxt"),
      Astro: await pinned("astro", "astro"),
    });
  });
});
