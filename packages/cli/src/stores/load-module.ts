import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { CommandError } from "../exit-code.js";

/** Loads a package from the working directory's app or, if it has none, from this command. */
export async function loadPackage(name: string): Promise<Record<string, unknown>> {
  const bases = [join(process.cwd(), "package.json"), import.meta.url];
  for (const base of bases) {
    let path: string;
    try {
      path = createRequire(base).resolve(name);
    } catch {
      continue;
    }
    const url = path.startsWith("node:") ? path : pathToFileURL(path).href;
    return (await import(url)) as Record<string, unknown>;
  }
  throw new CommandError(`the package ${name} is not installed here; npm install ${name}`);
}

/** Loads the first installed package of the list. */
export async function loadFirst(names: readonly string[]): Promise<[string, Record<string, unknown>]> {
  for (const name of names) {
    try {
      return [name, await loadPackage(name)];
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
    }
  }
  throw new CommandError(
    `none of the packages ${names.join(", ")} is installed here; npm install ${names[0]}`,
  );
}
