import { StoreError, type StoreErrorCode } from "@scs/core";

/** SQLite's primary result codes by number, as far as the store tells them apart (sqlite.org/rescode.html). */
const RESULT_CODES: Readonly<Record<number, string>> = {
  1: "ERROR",
  5: "BUSY",
  6: "LOCKED",
  8: "READONLY",
  10: "IOERR",
  11: "CORRUPT",
  13: "FULL",
  14: "CANTOPEN",
  18: "TOOBIG",
  19: "CONSTRAINT",
  20: "MISMATCH",
  21: "MISUSE",
  25: "RANGE",
  26: "NOTADB",
};

const MESSAGES: Readonly<Record<string, readonly [StoreErrorCode, string]>> = {
  BUSY: ["UNAVAILABLE", "the database was locked for longer than busyTimeoutMs; look for a long transaction"],
  LOCKED: ["UNAVAILABLE", "the table was locked for longer than busyTimeoutMs; look for a long transaction"],
  READONLY: [
    "UNAVAILABLE",
    "the database is read-only; this process must be able to write the file and the directory that it is in",
  ],
  IOERR: ["UNAVAILABLE", "the disk failed to read or write; look at the system log"],
  CORRUPT: [
    "UNAVAILABLE",
    "the database file is damaged, truncated or overwritten; run PRAGMA integrity_check, or restore a backup",
  ],
  FULL: ["UNAVAILABLE", "the disk is full; free some space, and writes work again"],
  CANTOPEN: [
    "UNAVAILABLE",
    "the database cannot be opened; its directory must exist, and this process be able to write in it",
  ],
  TOOBIG: ["INVALID_ARGUMENT", "the session is larger than SQLite takes (SQLITE_LIMIT_LENGTH)"],
  CONSTRAINT: ["INVALID_ARGUMENT", "a constraint or a trigger of the table refuses the session"],
  MISMATCH: ["INVALID_ARGUMENT", "the columns of the table do not take the session"],
  MISUSE: ["UNAVAILABLE", "the database handle is not open"],
  NOTADB: ["UNAVAILABLE", "the file is not a SQLite database; look whether the path is right"],
};

/** The primary result code of a driver's error, such as `BUSY`; `undefined` if it is not SQLite's. */
export function resultCode(error: unknown): string | undefined {
  const { code, errcode, message } = error as { code?: unknown; errcode?: unknown; message?: unknown };
  if (typeof errcode === "number") return RESULT_CODES[errcode & 255]; // node:sqlite: extended codes
  if (typeof code === "string" && code.startsWith("SQLITE_")) return code.split("_")[1]; // SQLITE_BUSY_SNAPSHOT
  const text = String(message);
  // better-sqlite3 has no codes for what it finds itself.
  if (/connection is busy/.test(text)) return "BUSY";
  if (/^Cannot open database/.test(text)) return "CANTOPEN";
  if (/not open/.test(text)) return "MISUSE";
  return /too big/.test(text) ? "TOOBIG" : undefined;
}

/** Whether the same again may succeed as soon as another connection has done. */
export function isBusy(error: unknown): boolean {
  const code = resultCode(error);
  return code === "BUSY" || code === "LOCKED";
}

/**
 * Whether one record can have failed the batch that it was in, so that the others may succeed without it. A full
 * disk may take a small session still. After an error of the disk nobody knows what a COMMIT has left: no retry.
 */
export function mayConcernOneRecord(error: unknown): boolean {
  return ["TOOBIG", "CONSTRAINT", "MISMATCH", "FULL", "CORRUPT"].includes(resultCode(error) ?? "");
}

/** A driver's error as the store's, with the driver's as its cause. */
export function toStoreError(error: unknown, table: string): StoreError {
  withoutParameters(error);
  if (String((error as Error).message).endsWith(`no such table: ${table}`)) {
    return new StoreError(
      "MISSING_TABLE",
      `sqlstore: table "${table}" does not exist; call createTable() once`,
      {
        cause: error,
      },
    );
  }
  const [code, message] = MESSAGES[resultCode(error) ?? ""] ?? [
    "UNAVAILABLE",
    "the driver failed; the cause says how",
  ];
  return new StoreError(code, `sqlstore: ${message}`, { cause: error });
}

/** In its verbose mode, `sqlite3` adds what was bound, tokens and data, to the stack of an error. */
function withoutParameters(error: unknown): void {
  if (error instanceof Error && "__augmented" in error) {
    error.stack = error.stack?.split("\n--> in ")[0] ?? error.message;
  }
}
