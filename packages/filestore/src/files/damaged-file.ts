import { randomBytes } from "node:crypto";
import { report, StoreError } from "@scs/core";
import { renameFile, unlessAbsent } from "./file-calls.js";
import { codeOf, unwrapped } from "./file-error.js";

/** Renames a damaged file to a name of its own, which nothing removes: what is left in it may be of use. */
export async function setAside(path: string): Promise<void> {
  await unlessAbsent(renameFile(path, `${path}.${randomBytes(6).toString("hex")}.damaged`));
}

/** Tells of a damaged file. A `cause` says why it could not be set aside. */
export function reportDamage(onError: (error: StoreError) => void, options?: { cause: unknown }): void {
  const aside = options ? "it could not be set aside" : 'it was renamed to end in ".damaged"';
  report(onError, new StoreError("CORRUPT", `filestore: a session file is damaged; ${aside}`, options));
}

/** Tells of a file that cannot be read. It stays: what it holds may be whole, and readable again. */
export function reportUnreadable(onError: (error: StoreError) => void, error: unknown): void {
  const cause = unwrapped(error);
  const message = `filestore: a session file cannot be read (${codeOf(cause)}); it was passed over, and stays`;
  report(onError, new StoreError("CORRUPT", message, { cause }));
}
