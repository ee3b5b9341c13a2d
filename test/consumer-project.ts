import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = fileURLToPath(new URL("..", import.meta.url));

/** The bin script of a tool that the root of the repository has installed. */
async function binOf(tool: string, name = tool): Promise<string> {
  const folder = join(root, "node_modules", tool);
  const { bin } = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as {
    bin: Record<string, string> | string;
  };
  return join(folder, typeof bin === "string" ? bin : (bin[name] ?? ""));
}

/** A published package, packed as `npm publish` would send it. */
export interface Tarball {
  name: string;
  file: string;
}

/** A small project of somebody else's, with the packed packages installed as npm would. */
export class ConsumerProject {
  readonly folder: string;
  readonly tarballs: readonly Tarball[];

  private constructor(folder: string, tarballs: readonly Tarball[]) {
    this.folder = folder;
    this.tarballs = tarballs;
  }

  /** Packs every package, and installs the tarballs and Express in a new folder. */
  static async create(): Promise<ConsumerProject> {
    const folder = await mkdtemp(join(tmpdir(), "scs-consumer-"));
    const tarballs: Tarball[] = [];
    for (const name of await readdir(join(root, "packages"))) {
      const source = join(root, "packages", name);
      const pack = [await binOf("pnpm"), "pack", "--json", "--pack-destination", folder];
      const { stdout } = await run(process.execPath, pack, { cwd: source });
      const { name: packed, filename } = JSON.parse(stdout) as { name: string; filename: string };
      tarballs.push({ name: packed, file: join(folder, filename.replace(/^.*[\\/]/, "")) });
    }
    const project = new ConsumerProject(folder, tarballs);
    await project.write("package.json", JSON.stringify({ private: true, type: "module" }));
    const express = JSON.parse(
      await readFile(join(root, "examples/express/node_modules/express/package.json"), "utf8"),
    );
    const wanted = [
      ...tarballs.map(({ file }) => file),
      `express@${express.version}`,
      "@types/express",
      "@types/pg",
    ];
    const npm = ["install", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel", "error", ...wanted];
    await run(process.platform === "win32" ? "npm.cmd" : "npm", npm, {
      cwd: folder,
      shell: process.platform === "win32",
    });
    await symlink(join(root, "node_modules/vitest"), join(folder, "node_modules/vitest"), "junction");
    // Compiled for this machine already; npm would do so again.
    const driver = join(root, "packages/sqlstore/node_modules/sqlite3");
    await symlink(await realpath(driver), join(folder, "node_modules/sqlite3"), "junction");
    return project;
  }

  async write(path: string, text: string): Promise<string> {
    await writeFile(join(this.folder, path), text);
    return join(this.folder, path);
  }

  /** Compiles these files strictly, declarations of dependencies included. Rejects with the compiler's errors. */
  async compile(...files: string[]): Promise<void> {
    const typeRoots = join(this.folder, "node_modules", "@types");
    const options = [
      "--strict",
      "--module",
      "nodenext",
      "--target",
      "es2023",
      "--lib",
      "es2023,esnext.disposable",
    ];
    const types = ["--types", "node", "--typeRoots", typeRoots];
    await this.#node(await binOf("typescript", "tsc"), ...options, ...types, ...files);
  }

  /** Runs a script to its end, and gives what it printed. */
  run(script: string, ...args: string[]): Promise<string> {
    return this.#node(script, ...args);
  }

  /** Runs a tool of the repository in this project, and gives what it printed. */
  async tool(name: string, ...args: string[]): Promise<string> {
    return this.#node(await binOf(name.split(":")[0] as string, name.split(":")[1] ?? name), ...args);
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
