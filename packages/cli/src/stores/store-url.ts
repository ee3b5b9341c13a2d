import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { CommandError } from "../exit-code.js";
import type { StoreKind, TargetOptions } from "./target.js";

/** The forms of a store's URL, for error messages. */
export const FORMS = `a store is one of
  file:DIRECTORY  hybrid:DIRECTORY  bolt:FILE  sqlite:FILE?table=sessions
  postgres://USER@HOST/DATABASE?schema=public&table=sessions  redis://HOST:6379/0?prefix=scs:`;

/** The parameters of a URL that this command reads itself. */
const PARAMETERS: Readonly<Partial<Record<StoreKind, readonly string[]>>> = {
  sqlite: ["table"],
  postgres: ["schema", "table"],
  redis: ["prefix"],
};

function isServer(kind: StoreKind): boolean {
  return kind === "postgres" || kind === "redis";
}

/** Refuses parameters that would have no effect. The drivers of servers have their own, which are not checked. */
export function refuseUnknown(url: string, kind: StoreKind): void {
  const known = PARAMETERS[kind] ?? [];
  const own = Object.values(PARAMETERS).flat();
  for (const name of new URLSearchParams(/\?(.*)$/.exec(url)?.[1]).keys()) {
    if (known.includes(name) || (isServer(kind) && !own.some((each) => isAlike(name, each)))) continue;
    throw new CommandError(`unknown parameter ${name}; known: ${known.join(", ") || "none"}`);
  }
}

/** Returns whether two names have the same letters in any order, except one. */
function isAlike(name: string, other: string): boolean {
  const rest = [...other];
  for (const letter of name.toLowerCase()) {
    const at = rest.indexOf(letter);
    if (at >= 0) rest.splice(at, 1);
  }
  return rest.length <= 1 && Math.abs(name.length - other.length) <= 1;
}

/** Returns a URL without the passwords of its server. Drivers take them as parameters as well. */
export function nameOf(url: string, kind: StoreKind): string {
  if (!isServer(kind)) return url;
  const parsed = new URL(url);
  parsed.password = "";
  for (const name of [...parsed.searchParams.keys()]) {
    if (/pass/i.test(name)) parsed.searchParams.delete(name);
  }
  return parsed.href;
}

function fileOf(url: string): { path: string; query: URLSearchParams } {
  const [, path = "", query = ""] = /^[a-z]+:(?:\/\/(?=\/))?([^?]*)(?:\?(.*))?$/.exec(url) ?? [];
  if (path === "") throw new CommandError(FORMS);
  return { path: resolve(decodeURI(path)), query: new URLSearchParams(query) };
}

/** Returns the path and the parameters of a file's URL. @throws CommandError if it must exist and does not. */
export function existing(
  url: string,
  { isCreated = false }: TargetOptions,
): { path: string; query: URLSearchParams } {
  const file = fileOf(url);
  if (!isCreated && !existsSync(file.path)) throw new CommandError(`there is no ${file.path}`);
  return file;
}

/** Parses the URL of a server. @throws CommandError if it is malformed. */
export function parseServer(url: string): URL {
  try {
    const parsed = new URL(url);
    for (const part of [parsed.username, parsed.password]) decodeURIComponent(part); // as the drivers do
    return parsed;
  } catch {
    throw new CommandError(
      "the URL of the store is malformed; percent-encode its password: %2F for /, %23 for #, %3F for ?, %25 for %",
    );
  }
}
