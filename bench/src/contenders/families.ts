import { readdirSync } from "node:fs";
import type { ContenderKind, Family } from "../harness/contender.js";

const folder = new URL("./families/", import.meta.url);

/** The modules in `families/`, by store. Each has a {@link Family} as its default export. */
export const FAMILIES: Readonly<Record<string, string>> = Object.fromEntries(
  readdirSync(folder)
    .filter((file) => /^[^.]+\.[jt]s$/.test(file))
    .map((file) => [file.replace(/\.[jt]s$/, ""), new URL(file, folder).href]),
);

/** Loads a family. `module` is its URL. */
export async function loadFamily(module: string): Promise<Family> {
  const { default: family } = (await import(module)) as { default: Family };
  return family;
}

/** @throws RangeError if the family has no contender of this name */
export function findContender({ store, contenders }: Family, name: string): ContenderKind {
  const kind = contenders.find((each) => each.name === name);
  if (kind === undefined) throw new RangeError(`${store} has no contender "${name}"`);
  return kind;
}
