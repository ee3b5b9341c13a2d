import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Imports a package without types. */
export async function load<T>(name: string): Promise<T> {
  return (await import(name)) as T;
}

/** Returns the version of an installed package. */
export function versionOf(name: string): string | undefined {
  let directory: string;
  try {
    directory = dirname(fileURLToPath(import.meta.resolve(name)));
  } catch {
    return undefined;
  }
  for (; dirname(directory) !== directory; directory = dirname(directory)) {
    try {
      const found = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
      if (found.name === name) return found.version;
    } catch {
      // no package.json in this directory
    }
  }
  return undefined;
}
