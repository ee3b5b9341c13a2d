import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const root: string = fileURLToPath(new URL("..", import.meta.url));

/** Returns the path of the bin script of a tool in the root's node_modules: `PACKAGE` or `PACKAGE:BIN`. */
async function binOf(tool: string): Promise<string> {
  const [name, bin = basename(name as string)] = tool.split(":") as [string, string?];
  const folder = join(root, "node_modules", name);
  const manifest = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as {
    bin: Record<string, string> | string;
  };
  return join(folder, typeof manifest.bin === "string" ? manifest.bin : (manifest.bin[bin] ?? ""));
}

/** A published package, packed as `npm publish` would send it. */
export interface Tarball {
  name: string;
  file: string;
}

/** A small project outside of the repository, into which npm has installed the packed packages. */
export class ConsumerProject {
  readonly folder: string;

  /** Opens the project in a folder that {@link create} has made. */
  constructor(folder: string) {
    this.folder = folder;
  }

  /** Packs every package, and installs the tarballs, Express and express-session in a new folder. */
  static async create(): Promise<ConsumerProject> {
    const project = new ConsumerProject(await mkdtemp(join(tmpdir(), "scs-consumer-")));
    const { folder } = project;
    for (const name of await packages()) {
      const pack = [await binOf("pnpm"), "pack", "--pack-destination", folder];
      await run(process.execPath, pack, { cwd: join(root, "packages", name) });
    }
    await project.write("package.json", JSON.stringify({ private: true, type: "module" }));
    const versionOf = async (name: string, at: string): Promise<string> =>
      JSON.parse(await readFile(join(root, at, "node_modules", name, "package.json"), "utf8")).version;
    const express = await versionOf("express", "examples/express");
    const expressSession = await versionOf("express-session", "packages/bridge");
    const tarballs = (await project.tarballs()).map(({ file }) => file);
    const types = ["@types/better-sqlite3", "@types/express", "@types/express-session", "@types/pg"];
    const wanted = [...tarballs, `express@${express}`, `express-session@${expressSession}`, ...types];
    const npm = ["install", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel", "error", ...wanted];
    await run(process.platform === "win32" ? "npm.cmd" : "npm", npm, {
      cwd: folder,
      shell: process.platform === "win32",
    });
    await project.link("vitest", join(root, "node_modules/vitest"));
    // Optional peers, which npm does not install by itself.
    for (const driver of ["ioredis", "redis"])
      await project.link(driver, join(root, "packages/redisstore/node_modules", driver));
    // Reuses the compiled addons, which npm would compile again.
    for (const driver of ["sqlite3", "better-sqlite3"])
      await project.link(driver, join(root, "packages/sqlstore/node_modules", driver));
    for (const library of ["@opentelemetry/api", "prom-client"])
      await project.link(library, join(root, "packages/telemetry/node_modules", library));
    for (const library of ["ws", "@types/ws", "socket.io"])
      await project.link(library, join(root, "packages/session/node_modules", library));
    return project;
  }

  /** Lists the packed packages, by name. */
  async tarballs(): Promise<Tarball[]> {
    const files = (await readdir(this.folder)).filter((file) => file.endsWith(".tgz")).sort();
    return files.map((file) => ({
      name: file.replace(/^scs-(.*)-\d+\.\d+\.\d+.*$/, "@scs/$1"),
      file: join(this.folder, file),
    }));
  }

  /** Links a package installed elsewhere into the project. */
  async link(name: string, from: string): Promise<void> {
    const path = join(this.folder, "node_modules", name);
    await mkdir(dirname(path), { recursive: true });
    await symlink(await realpath(from), path, "junction");
  }

  async write(path: string, text: string): Promise<string> {
    const file = join(this.folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
    return file;
  }

  /**
   * Compiles these files in strict mode, and checks the declarations of dependencies as well. Rejects with the
   * compiler's errors.
   */
  async compile(files: readonly string[], compiler = "typescript"): Promise<void> {
    const typeRoots = join(this.folder, "node_modules", "@types");
    const options = ["--strict", "--module", "nodenext", "--target", "es2023"];
    const libraries = ["--lib", "es2023,esnext.disposable", "--types", "node", "--typeRoots", typeRoots];
    await this.#node(await binOf(`${compiler}:tsc`), ...options, ...libraries, ...files);
  }

  /** Runs a script to its end, and returns its output. */
  run(script: string, ...args: string[]): Promise<string> {
    return this.#node(script, ...args);
  }

  /** Runs a tool of the repository in this project, and returns its output. */
  async tool(name: string, ...args: string[]): Promise<string> {
    return this.#node(await binOf(name), ...args);
  }

  async #node(...args: string[]): Promise<string> {
    try {
      return (await run(process.execPath, args, { cwd: this.folder })).stdout;
    } catch (error) {
      const { stdout, stderr } = error as { stdout: string; stderr: string };
      throw new Error(`${args.join(" ")}\n${stdout}${stderr}`, { cause: error });
    }
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, maxRetries: 5 });
  }
}

/** Lists the names of the folders in `packages`. */
export async function packages(): Promise<string[]> {
  return (await readdir(join(root, "packages"))).sort();
}
