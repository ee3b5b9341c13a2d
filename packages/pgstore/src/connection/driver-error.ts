import { StoreError, type StoreErrorCode } from "@scs/core";

/** What the store itself gives up on; as the `cause` of an error it says what took too long. */
export class Timeout extends Error {
  override readonly name = "Timeout";
}

/** By SQLSTATE, or by its class: the first two characters (PostgreSQL's manual, appendix A). */
const MESSAGES: Readonly<Record<string, readonly [StoreErrorCode, string]>> = {
  "08": [
    "UNAVAILABLE",
    "the connection to the server failed; whether a write under way took effect is unknown",
  ],
  "22": ["INVALID_ARGUMENT", "the columns of the table do not take the session"],
  "22P05": ["INVALID_ARGUMENT", "the database's encoding has no such characters; use one of encoding UTF8"],
  "23": ["INVALID_ARGUMENT", "a constraint of the table refuses the session"],
  "25006": [
    "UNAVAILABLE",
    "the server is read-only, a replica perhaps; writes need the primary (target_session_attrs=read-write)",
  ],
  "27": ["INVALID_ARGUMENT", "a trigger of the table ignores the session"],
  "28": ["UNAVAILABLE", "the server refuses the user or the password; look at the pool's configuration"],
  "3D": ["UNAVAILABLE", "the database does not exist; look at the pool's configuration"],
  "40": ["UNAVAILABLE", "a conflict with other transactions on the table went on for too long; try again"],
  "42501": [
    "UNAVAILABLE",
    "the user lacks a privilege; it needs SELECT, INSERT, UPDATE and DELETE on the table",
  ],
  "42703": ["UNAVAILABLE", "the table lacks a column; it needs token, data and expiry, see schema.sql"],
  "42804": ["UNAVAILABLE", "a column of the table has another type than in schema.sql"],
  "42883": ["UNAVAILABLE", "a column of the table has another type than in schema.sql"],
  "42P10": ["UNAVAILABLE", "the table has no unique index of token alone; see schema.sql"],
  "44": ["INVALID_ARGUMENT", "a check option of the view refuses the session"],
  "53": ["UNAVAILABLE", "the server lacks disk, memory or connections; the cause says which"],
  "53100": ["UNAVAILABLE", "the server's disk is full; free some space, and writes work again"],
  "53300": ["UNAVAILABLE", "the server has too many connections; lower the pool's max, or use PgBouncer"],
  "54": ["INVALID_ARGUMENT", "the session is larger than PostgreSQL takes"],
  "55P03": ["UNAVAILABLE", "a lock was held for longer than lock_timeout; look for a long transaction"],
  "57": ["UNAVAILABLE", "the server is shutting down or starting; try again"],
  "57014": [
    "UNAVAILABLE",
    "the statement was cancelled, by statement_timeout perhaps; look for a long transaction",
  ],
  P0: ["INVALID_ARGUMENT", "a trigger of the table refuses the session"],
};

/** Returns the SQLSTATE of an error that the server has reported; `undefined` if it is the driver's or the network's. */
export function sqlState(error: unknown): string | undefined {
  const { code, severity } = Object(error) as { code?: unknown; severity?: unknown };
  return typeof code === "string" && code.length === 5 && typeof severity === "string" ? code : undefined;
}

/** Makes the error of a statement by which all records should be written, and one is not, without an error of the server's. */
export function ignoredByTrigger(): Error {
  return Object.assign(new Error("a trigger ignores the session"), { code: "27000", severity: "ERROR" });
}

/** Errors that end the connection. The server translates the severity that the driver passes on, not the code. */
const ENDS_CONNECTION = /^(?:08|57P0|25P0[34])/;

function isFatal(error: unknown): boolean {
  const { severity } = Object(error) as { severity?: unknown };
  return severity === "FATAL" || severity === "PANIC" || ENDS_CONNECTION.test(sqlState(error) ?? "");
}

/** Tells whether the server undid the statement and goes on, so that the connection is as good as before. */
export function isUndone(error: unknown): boolean {
  return sqlState(error) !== undefined && !isFatal(error);
}

/** Whether the connection has ended, and nobody knows what became of the statement. */
export function isLost(error: unknown): boolean {
  return !isUndone(error) && !(error instanceof Timeout);
}

/** Deadlocks and serialization failures: the server undid the statement, and the same again may succeed. */
export function isConflict(error: unknown): boolean {
  return isUndone(error) && ["40001", "40P01"].includes(sqlState(error) as string);
}

/**
 * Whether the connection's prepared statement is not what it was: gone (DISCARD ALL, PgBouncer), somebody else's, or
 * of a table that has been altered. Nothing was done.
 */
export function isStale(error: unknown): boolean {
  const { message } = error as { message?: unknown };
  const code = isUndone(error) ? sqlState(error) : undefined;
  return code === "26000" || code === "42P05" || (code === "0A000" && /cached plan/.test(String(message)));
}

/** Whether the server cannot read what is stored: a damaged page, a missing piece of a large value. */
export function isDamage(error: unknown): boolean {
  return ["XX001", "XX002"].includes(sqlState(error) ?? "");
}

/** Tells whether no row can have this token, since the database's encoding lacks its characters. */
export function isUntranslatable(error: unknown): boolean {
  return ["22021", "22P05"].includes(sqlState(error) ?? "") && !isRaise(error);
}

/** Tells whether a RAISE in a function of the app's made the error, which has whatever code and texts it was given. */
function isRaise(error: unknown): boolean {
  return (Object(error) as { routine?: unknown }).routine === "exec_stmt_raise";
}

/** What concerns a whole statement, whichever records it has. */
const GENERAL = /^(?:08|0A|25|28|3D|3F|42(?!501)|53(?!1|2)|55|57|58)/;

/** Whether one record can have failed the batch that it was in, so that the others may succeed without it. */
export function mayConcernOneRecord(error: unknown): boolean {
  return isUndone(error) && !GENERAL.test(sqlState(error) as string);
}

/** Converts a driver's error to the store's. Its `cause` is a copy of the driver's error without a record's values. */
export function toStoreError(error: unknown, table: string): StoreError {
  if (error instanceof StoreError) return error;
  if (error instanceof Timeout)
    return new StoreError("UNAVAILABLE", `pgstore: ${error.message}`, { cause: error });
  const code = sqlState(error);
  if (code === undefined || isFatal(error)) return toConnectionError(error);
  const cause = withoutValues(error);
  if (code === "42P01" || code === "3F000")
    return new StoreError(
      "MISSING_TABLE",
      `pgstore: table ${table} does not exist; call createTable() once`,
      { cause },
    );
  const [ownCode, message] = MESSAGES[code] ??
    MESSAGES[code.slice(0, 2)] ?? ["UNAVAILABLE", "the server reports an error; the cause says which"];
  return new StoreError(ownCode, `pgstore: ${message}`, { cause });
}

/** Converts an error that kept a connection from being made, or ended it: always `UNAVAILABLE`, whatever its SQLSTATE. */
export function toConnectionError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const code = sqlState(error);
  let message = "the server refuses the connection, or has ended it; the cause says why";
  if (code === undefined)
    message =
      "the server cannot be reached, or the connection was lost; the cause says how, and whether a write under way took effect is unknown";
  else if (/^(?:08|28|3D|53|57)/.test(code))
    message = (MESSAGES[code] ?? MESSAGES[code.slice(0, 2)])?.[1] ?? message;
  return new StoreError("UNAVAILABLE", `pgstore: ${message}`, { cause: withoutValues(error) });
}

/** Messages of the server's own that name tables, columns and roles, never a value. */
const HAS_PLAIN_MESSAGE = /^(?:08|0A|25|26|28|3D|3F|40|42|53|55|57|58)/;
/** What tells where an error comes from. RAISE fills the names of tables, columns and constraints with what it likes. */
const PLACE: readonly string[] = ["code", "severity", "file", "line", "routine"];
const NAMES: readonly string[] = ["schema", "table", "column", "dataType", "constraint"];
const NETWORK: readonly string[] = ["code", "errno", "syscall", "address", "port", "hostname"];

/**
 * Copies what a driver's error says without a record's values: the server quotes rows where it tells why it refuses them,
 * and a trigger may quote them anywhere. A copy, since an error of the pool goes to the app's listeners too.
 */
function withoutValues(error: unknown): Error {
  const fields = Object(error) as Record<string, unknown>;
  const code = sqlState(error);
  const isRaised = fields.where !== undefined || isRaise(error);
  const isPlain = code === undefined || (!isRaised && (isFatal(error) || HAS_PLAIN_MESSAGE.test(code)));
  const { message } = (
    Array.isArray(fields.errors) && fields.message === "" ? fields.errors[0] : error
  ) as Error;
  const copy = new Error(isPlain ? message : `SQLSTATE ${code}; the server's log has its message`);
  copy.name = typeof fields.name === "string" ? fields.name : "Error";
  for (const field of code === undefined ? NETWORK : isRaised ? PLACE : [...PLACE, ...NAMES])
    if (fields[field] !== undefined) Object.assign(copy, { [field]: fields[field] });
  return copy;
}
