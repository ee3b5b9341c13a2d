import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { FullStore } from "@scs/core";
import { SessionManager, type SessionManagerOptions } from "@scs/session";
import { CommandError } from "../exit-code.js";
import { managerOf, type Target, type TargetOptions } from "./target.js";

/** Supported exports of a configuration module: the default export, or `sessions`, `store` or `options`. */
type Exported = SessionManager | SessionManagerOptions | FullStore;

const REMEDY = "export a SessionManager, its options, or a store; or a function that returns one of them";

/**
 * Opens the store of the app's configuration module.
 *
 * @throws CommandError if the module does not exist, or exports neither a manager, nor options, nor a store.
 */
export async function openConfig(path: string, options: TargetOptions): Promise<Target> {
  const file = resolve(path);
  if (!existsSync(file)) throw new CommandError(`there is no ${file}`);
  const module = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  const found = module.default ?? module.sessions ?? module.options ?? module.store;
  const exported = (await (typeof found === "function" ? found() : found)) as Exported | undefined;
  const sessions = managerIn(exported, options);
  if (sessions === undefined) throw new CommandError(`${file} has no known export: ${REMEDY}`);
  const store = sessions.store as FullStore;
  for (const method of ["entries", "replace", "touch", "deleteExpired"] as const) {
    if (typeof store[method] === "function") continue;
    throw new CommandError(`the store of ${file} has no ${method}(), which this command needs`);
  }
  const close = async (): Promise<void> => {
    await store[Symbol.asyncDispose]?.();
    await (module.close as (() => unknown) | undefined)?.();
  };
  const knowsOwners = !isStore(exported);
  return { kind: "other", name: path, store, sessions, knowsOwners, close };
}

function managerIn(exported: Exported | undefined, options: TargetOptions): SessionManager | undefined {
  if (typeof exported !== "object" || exported === null) return undefined;
  // A manager of another copy of the package is one, too.
  if (exported instanceof SessionManager || "inspectAll" in exported) return exported as SessionManager;
  if (isStore(exported)) return managerOf(exported, options);
  if (!isStore((exported as SessionManagerOptions).store)) return undefined;
  return new SessionManager({ owner: () => undefined, onError: options.onError, ...exported });
}

function isStore(value: unknown): value is FullStore {
  return typeof (value as FullStore | undefined)?.find === "function";
}
