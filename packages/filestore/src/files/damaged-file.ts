import { randomBytes } from "node:crypto";
import { report, StoreError } from "@scs/core";
import { renameFile, unlessAbsent } from "./file-calls.js";
import { codeOf, unwrapped } from "./file-error.js";

/** Renames a damaged file to a unique name. Nothing removes it: its content may be useful. */
export async function setAside(path: string): Promise<void> {
  await unlessAbsent(renameFile(path, `${path}.${randomBytes(6).toString("hex")}.damaged`));
}

/** Reports a damaged file. `cause`: why it could not be set aside. */
export function reportDamage(onError: (error: StoreError) => void, options?: { cause: unknown }): void {
  const aside = options ? "it could not be set aside" : 'it was renamed to end in ".damaged"';
  report(onError, new StoreError("CORRUPT", `filestore: a session file is damaged; ${aside}`, options));
}

/** Reports an unreadable file. The file stays: it may be valid, and readable later. */
export function reportUnreadable(onError: (error: StoreError) => void, error: unknown): void {
  const cause = unwrapped(error);
  const message = `filestore: a session file cannot be read (${codeOf(cause)}); it was passed over, and stays`;
  report(onError, new StoreError("CORRUPT", message, { cause }));
}
