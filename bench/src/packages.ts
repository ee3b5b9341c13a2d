import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Imports a package that has no types. */
export async function load<T>(name: string): Promise<T> {
  return (await import(name)) as T;
}

/** The version of an installed package, found from the file that its name stands for. */
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

/** Calls `open`, and gives a function that stops the intervals that it has started: they would hold the process. */
export function catchingTimers<T>(open: () => T): [T, () => void] {
  const original = globalThis.setInterval;
  const timers: NodeJS.Timeout[] = [];
  globalThis.setInterval = ((...args: Parameters<typeof original>) => {
    const timer = original(...args);
    timers.push(timer);
    return timer;
  }) as typeof original;
  try {
    return [open(), () => timers.forEach(clearInterval)];
  } finally {
    globalThis.setInterval = original;
  }
}
