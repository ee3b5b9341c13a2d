import { StoreError, type StoreErrorCode } from "@scs/core";

/** SQLite's primary result codes by number, for node:sqlite (sqlite.org/rescode.html). Only those that the store distinguishes. */
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
    "the database is read-only; this process needs write access to the file and its directory",
  ],
  IOERR: ["UNAVAILABLE", "the disk failed to read or write; look at the system log"],
  CORRUPT: [
    "UNAVAILABLE",
    "the database file is damaged, truncated or overwritten; run PRAGMA integrity_check, or restore a backup",
  ],
  FULL: ["UNAVAILABLE", "the disk is full; free some space, and writes work again"],
  CANTOPEN: ["UNAVAILABLE", "the database cannot be opened; its directory must exist and be writable"],
  TOOBIG: ["INVALID_ARGUMENT", "the session is larger than SQLite's limit (SQLITE_LIMIT_LENGTH)"],
  CONSTRAINT: ["INVALID_ARGUMENT", "a constraint or a trigger of the table refuses the session"],
  MISMATCH: ["INVALID_ARGUMENT", "the session does not fit the types of the table's columns"],
  MISUSE: ["UNAVAILABLE", "the database handle is not open"],
  NOTADB: ["UNAVAILABLE", "the file is not a SQLite database; check the path"],
};

/** Results whose message is a fixed text of SQLite's, which quotes no row and no trigger. */
const HAS_PLAIN_MESSAGE: readonly string[] = [
  "BUSY",
  "LOCKED",
  "READONLY",
  "IOERR",
  "CORRUPT",
  "FULL",
  "CANTOPEN",
  "TOOBIG",
  "MISUSE",
  "NOTADB",
];

/** Errors that drivers detect themselves, without a result code of SQLite's. */
const DRIVER_MESSAGES: readonly (readonly [RegExp, string])[] = [
  [/^This database connection is busy executing a query/, "BUSY"],
  [/^Cannot open database because /, "CANTOPEN"],
  [/^(?:The database connection|database) is not open$|^Cannot use a closed database$/, "MISUSE"],
  [/^The bound string, buffer, or bigint is too big$/, "TOOBIG"],
];

/** Matches SQLite's messages about a statement that does not fit the schema, which contain only names. */
const ON_SCHEMA =
  /^(?:SQLITE_ERROR: )?(?:no such \w+: |table .* has no column named |cannot start a transaction)/;

/** Returns the primary result code of a driver's error, such as `BUSY`, or `undefined` if the error is not SQLite's. */
export function resultCode(error: unknown): string | undefined {
  const { code, errcode, message } = error as { code?: unknown; errcode?: unknown; message?: unknown };
  if (typeof errcode === "number") return RESULT_CODES[errcode & 255]; // node:sqlite: extended codes
  if (typeof code === "string" && code.startsWith("SQLITE_")) return code.split("_")[1]; // SQLITE_BUSY_SNAPSHOT
  return DRIVER_MESSAGES.find(([pattern]) => pattern.test(String(message)))?.[1];
}

/** Returns whether the statement may succeed when another connection has ended its transaction. */
export function isBusy(error: unknown): boolean {
  const code = resultCode(error);
  return code === "BUSY" || code === "LOCKED";
}

/**
 * Returns whether a single record may have failed the batch, so that the others may succeed without it. A full disk may
 * still have room for a small session. No retry after an I/O error, because the effect of the COMMIT is unknown.
 */
export function mayConcernOneRecord(error: unknown): boolean {
  return ["TOOBIG", "CONSTRAINT", "MISMATCH", "FULL", "CORRUPT"].includes(resultCode(error) ?? "");
}

/** Converts a driver's error to a StoreError, whose `cause` keeps the driver's codes. */
export function toStoreError(error: unknown, table: string): StoreError {
  if (error instanceof StoreError) return error;
  const cause = withoutValues(error);
  if (cause.message.endsWith(`no such table: ${table}`)) {
    return new StoreError(
      "MISSING_TABLE",
      `sqlstore: table "${table}" does not exist; call createTable() once`,
      { cause },
    );
  }
  const [code, message] = MESSAGES[resultCode(error) ?? ""] ?? [
    "UNAVAILABLE",
    "the driver failed; see the cause",
  ];
  return new StoreError(code, `sqlstore: ${message}`, { cause });
}

/**
 * Copies a driver's error without the values of records. A trigger can quote tokens and data in RAISE, a function of the
 * app that a trigger calls can throw anything, and `sqlite3.verbose()` adds the bound values to the stack.
 */
function withoutValues(error: unknown): Error {
  const { name, message, code, errcode, errno } = Object(error) as Record<string, unknown>;
  const result = resultCode(error);
  const isCode = typeof code === "string" && /^(?:SQLITE|ERR)_[A-Z_]+$/.test(code);
  const isPlain =
    HAS_PLAIN_MESSAGE.includes(result ?? "") || (result === "ERROR" && ON_SCHEMA.test(String(message)));
  const text = isPlain
    ? String(message)
    : `${isCode ? code : (result ?? String(name))}; the driver's message is omitted, because it may quote the session`;
  return Object.assign(new Error(text), {
    name: String(name),
    ...(isCode && { code }),
    ...(typeof errcode === "number" && { errcode }),
    ...(typeof errno === "number" && { errno }),
  });
}
