import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

interface Manifest {
  name: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

const manifestIn = (folder: string): Manifest =>
  JSON.parse(fs.readFileSync(join(folder, "package.json"), "utf8"));

/** Runs scripts/demo.js in an empty folder, and returns its first line and the arguments of its two calls of pnpm. */
function stepsOfDemo(): { announcement: string; install: string[]; build: string[] } {
  const folder = fs.mkdtempSync(join(tmpdir(), "scs-demo-"));
  const write = (path: string, text: string): void => {
    fs.mkdirSync(dirname(join(folder, path)), { recursive: true });
    fs.writeFileSync(join(folder, path), text);
  };
  write("package.json", '{ "type": "module" }');
  write("scripts/pnpm.js", "export const pnpm = (...args) => (console.log(JSON.stringify(args)), 0);");
  write("examples/express/dist/main.js", "");
  fs.copyFileSync(join(root, "scripts/demo.js"), join(folder, "scripts/demo.js"));
  const output = execFileSync(process.execPath, [join(folder, "scripts/demo.js")]).toString();
  fs.rmSync(folder, { recursive: true });
  const [announcement = "", ...lines] = output.trim().split("\n");
  const steps: string[][] = lines.map((line) => JSON.parse(line));
  expect(steps.map((args) => args.includes("install"))).toEqual([true, false]);
  const [install = [], build = []] = steps;
  return { announcement, install, build };
}

/** Returns the folders of the workspace projects that pnpm selects by the filters among these arguments. */
function projectsOf(args: string[]): Map<string, string> {
  const filters = args.flatMap((arg, at) =>
    arg.startsWith("--filter") ? [arg, args[at + 1] as string] : [],
  );
  const pnpm = join(root, "node_modules/pnpm/bin/pnpm.cjs");
  const list = [pnpm, "--dir", root, ...filters, "--recursive", "list", "--depth", "-1", "--json"];
  const projects: { name: string; path: string }[] = JSON.parse(
    execFileSync(process.execPath, list).toString(),
  );
  return new Map(projects.map(({ name, path }) => [name, path]));
}

/** Returns the packages that the compiled sources of a project import. */
function importsOf(folder: string): Set<string> {
  const names = new Set<string>();
  for (const file of fs.readdirSync(join(folder, "src"), { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts")) continue;
    const text = fs.readFileSync(join(folder, "src", file), "utf8").replaceAll(/^ *\*.*$/gm, "");
    for (const [, name = ""] of text.matchAll(
      /(?:^(?:import|export) .*from|^\} from|^import|\bimport\() ?"(?!node:|\.)((?:@[\w-]+\/)?[\w.-]+)/gm,
    )) {
      names.add(name);
    }
  }
  return names;
}

/** Returns whether a package brings its own types: its manifest names them, or they are beside its main file. */
function hasTypes(folder: string, name: string): boolean {
  const path = join(folder, "node_modules", name);
  const text = fs.readFileSync(join(path, "package.json"), "utf8");
  const { main = "index.js", exports = main } = JSON.parse(text) as { main?: string; exports?: unknown };
  const isBeside = typeof exports === "string" && fs.existsSync(join(path, exports.replace(/js$/, "d.ts")));
  return isBeside || /"(types|typings)":|\.d\.[cm]?ts"/.test(text);
}

describe("npm run demo, in a fresh clone", () => {
  const { announcement, install, build } = stepsOfDemo();
  const [installed, built] = [projectsOf(install), projectsOf(build)];
  const sections = install.includes("--prod")
    ? (["dependencies"] as const)
    : (["dependencies", "devDependencies"] as const);
  const provided = (folder: string): Set<string> => {
    const manifest = manifestIn(folder);
    return new Set(sections.flatMap((section) => Object.keys(manifest[section] ?? {})));
  };

  it("says first that it installs packages, and how long that takes", () => {
    expect(announcement).toMatch(/^Installing .* minutes/);
  });

  it("builds the example and the packages that it depends on", () => {
    expect(built.size).toBeGreaterThan(3);
    expect(built.has("@scs/example-express")).toBe(true);
  });

  it.each([...built])("installs each package that %s needs to compile, with its types", (name, folder) => {
    expect(installed.has(name)).toBe(true);
    const [own, common] = [provided(folder), provided(root)];
    const missing: string[] = [];
    for (const imported of importsOf(folder)) {
      if (imported === name || builtinModules.includes(imported)) continue;
      if (!own.has(imported)) missing.push(imported);
      else if (imported.startsWith("@scs/") && !built.has(imported)) missing.push(`${imported}, built`);
      else if (!imported.startsWith("@scs/") && !hasTypes(folder, imported)) {
        const types = `@types/${imported.replace("@", "").replace("/", "__")}`;
        if (!own.has(types) && !common.has(types)) missing.push(types);
      }
    }
    expect(missing).toEqual([]);
  });
});
