import { StoreError, type StoreErrorCode } from "@scs/core";

/** A time limit of the store has passed. As a `cause`, its message names what took too long. */
export class Timeout extends Error {
  override readonly name = "Timeout";
}

/** Codes and messages by SQLSTATE or by its class, the first two characters (PostgreSQL's manual, appendix A). */
const MESSAGES: Readonly<Record<string, readonly [StoreErrorCode, string]>> = {
  "08": [
    "UNAVAILABLE",
    "the connection to the server failed; whether a write under way took effect is unknown",
  ],
  "22": ["INVALID_ARGUMENT", "the session does not fit the types of the table's columns"],
  "22P05": [
    "INVALID_ARGUMENT",
    "the encoding of the database lacks a character; use a database with encoding UTF8",
  ],
  "23": ["INVALID_ARGUMENT", "a constraint of the table refuses the session"],
  "25006": [
    "UNAVAILABLE",
    "the server is read-only, probably a replica; writes need the primary (target_session_attrs=read-write)",
  ],
  "27": ["INVALID_ARGUMENT", "a trigger of the table ignores the session"],
  "28": ["UNAVAILABLE", "the server refuses the user or the password; check the pool's configuration"],
  "3D": ["UNAVAILABLE", "the database does not exist; check the pool's configuration"],
  "40": ["UNAVAILABLE", "the statement conflicted with other transactions several times; try again"],
  "42501": [
    "UNAVAILABLE",
    "the user lacks a privilege: grant SELECT, INSERT, UPDATE and DELETE on the table",
  ],
  "42703": ["UNAVAILABLE", "the table lacks a column; it needs token, data and expiry, see schema.sql"],
  "42804": ["UNAVAILABLE", "the type of a column differs from schema.sql"],
  "42883": ["UNAVAILABLE", "the type of a column differs from schema.sql"],
  "42P10": ["UNAVAILABLE", "the table has no unique index on the column token; see schema.sql"],
  "44": ["INVALID_ARGUMENT", "a check option of the view refuses the session"],
  "53": ["UNAVAILABLE", "the server lacks disk, memory or connections; see the cause"],
  "53100": ["UNAVAILABLE", "the server's disk is full; free some space, and writes work again"],
  "53300": ["UNAVAILABLE", "the server has too many connections; lower the pool's max, or use PgBouncer"],
  "54": ["INVALID_ARGUMENT", "the session is larger than PostgreSQL's limit"],
  "55P03": ["UNAVAILABLE", "a lock was held for longer than lock_timeout; look for a long transaction"],
  "57": ["UNAVAILABLE", "the server is shutting down or starting; try again"],
  "57014": [
    "UNAVAILABLE",
    "the statement was cancelled, perhaps by statement_timeout; look for a long transaction",
  ],
  P0: ["INVALID_ARGUMENT", "a trigger of the table refuses the session"],
};

/** Returns the SQLSTATE of an error reported by the server; `undefined` for errors of the driver or the network. */
export function sqlState(error: unknown): string | undefined {
  const { code, severity } = Object(error) as { code?: unknown; severity?: unknown };
  return typeof code === "string" && code.length === 5 && typeof severity === "string" ? code : undefined;
}

/** Creates the error for a record that was not written although the server reported no error. */
export function ignoredByTrigger(): Error {
  return Object.assign(new Error("a trigger ignores the session"), { code: "27000", severity: "ERROR" });
}

/** SQLSTATEs that end the connection. The severity alone is unreliable, because the server translates it. */
const ENDS_CONNECTION = /^(?:08|57P0|25P0[34])/;

function isFatal(error: unknown): boolean {
  const { severity } = Object(error) as { severity?: unknown };
  return severity === "FATAL" || severity === "PANIC" || ENDS_CONNECTION.test(sqlState(error) ?? "");
}

/** Returns whether the server rolled the statement back, and the connection remains usable. */
export function isUndone(error: unknown): boolean {
  return sqlState(error) !== undefined && !isFatal(error);
}

/** Returns whether the connection has ended, so that the effect of the statement is unknown. */
export function isLost(error: unknown): boolean {
  return !isUndone(error) && !(error instanceof Timeout);
}

/** Returns whether the server rolled the statement back because of a deadlock or serialization failure: a retry may succeed. */
export function isConflict(error: unknown): boolean {
  return isUndone(error) && ["40001", "40P01"].includes(sqlState(error) as string);
}

/** Maximum number of attempts of a statement that conflicts with other hosts. */
const MAX_ATTEMPTS = 5;

/** Retries work that the server rolled back because of a conflict. Safe, because nothing of it can take effect later. */
export async function againOnConflict<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!isConflict(error) || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

/**
 * Returns whether the connection's prepared statement is lost (DISCARD ALL, PgBouncer), belongs to another client, or is
 * outdated because the table was altered. The statement had no effect.
 */
export function isStale(error: unknown): boolean {
  const code = isUndone(error) ? sqlState(error) : undefined;
  return code === "26000" || code === "42P05" || (code === "0A000" && isOutdatedPlan(error));
}

/** The server translates its messages, and a pooler may pass on nothing else. */
function isOutdatedPlan(error: unknown): boolean {
  const { message, routine } = error as { message?: unknown; routine?: unknown };
  return routine === "RevalidateCachedQuery" || /cached plan/.test(String(message));
}

/** Returns whether the server cannot read a row: a damaged page, or a missing part of a large value. */
export function isDamage(error: unknown): boolean {
  return ["XX001", "XX002"].includes(sqlState(error) ?? "");
}

/** Returns whether no row can have this token, because the database's encoding lacks one of its characters. */
export function isUntranslatable(error: unknown): boolean {
  return ["22021", "22P05"].includes(sqlState(error) ?? "") && !isRaise(error);
}

/** Returns whether a RAISE in a function of the app caused the error, so that its code and texts are arbitrary. */
function isRaise(error: unknown): boolean {
  return (Object(error) as { routine?: unknown }).routine === "exec_stmt_raise";
}

/** SQLSTATEs that concern the whole statement, whatever its records. */
const GENERAL = /^(?:08|0A|25|28|3D|3F|42(?!501)|53(?!1|2)|55|57|58)/;

/** Returns whether a single record may have failed its batch, so that the others may succeed without it. */
export function mayConcernOneRecord(error: unknown): boolean {
  return isUndone(error) && !GENERAL.test(sqlState(error) as string);
}

/** Converts a driver's error to a StoreError. The `cause` is a copy without the values of records. */
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
    MESSAGES[code.slice(0, 2)] ?? ["UNAVAILABLE", "the server reports an error; see the cause"];
  return new StoreError(ownCode, `pgstore: ${message}`, { cause });
}

/** Converts an error that prevented or ended a connection: always `UNAVAILABLE`, for any SQLSTATE. */
export function toConnectionError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const code = sqlState(error);
  let message = "the server refuses the connection, or has ended it; see the cause";
  if (code === undefined)
    message =
      "the server cannot be reached, or the connection was lost (see the cause); whether a write in flight took effect is unknown";
  else if (/^(?:08|28|3D|53|57)/.test(code))
    message = (MESSAGES[code] ?? MESSAGES[code.slice(0, 2)])?.[1] ?? message;
  return new StoreError("UNAVAILABLE", `pgstore: ${message}`, { cause: withoutValues(error) });
}

/** SQLSTATEs whose messages name tables, columns and roles, but never a value. */
const HAS_PLAIN_MESSAGE = /^(?:08|0A|25|26|28|3D|3F|40|42|53|55|57|58)/;
/** Fields that locate an error. Others, such as the names of tables and columns, can be set by RAISE. */
const PLACE: readonly string[] = ["code", "severity", "file", "line", "routine"];
const NAMES: readonly string[] = ["schema", "table", "column", "dataType", "constraint"];
const NETWORK: readonly string[] = ["code", "errno", "syscall", "address", "port", "hostname"];

/**
 * Copies a driver's error without the values of records: the server quotes rows that it refuses, and a trigger may quote
 * them anywhere. A copy, because the app's listeners get the errors of the pool as well.
 */
function withoutValues(error: unknown): Error {
  const fields = Object(error) as Record<string, unknown>;
  const code = sqlState(error);
  const isRaised = fields.where !== undefined || isRaise(error);
  const isPlain = code === undefined || (!isRaised && (isFatal(error) || HAS_PLAIN_MESSAGE.test(code)));
  const { message } = (
    Array.isArray(fields.errors) && fields.message === "" ? fields.errors[0] : error
  ) as Error;
  const copy = new Error(isPlain ? message : `SQLSTATE ${code}; see the message in the server's log`);
  copy.name = typeof fields.name === "string" ? fields.name : "Error";
  for (const field of code === undefined ? NETWORK : isRaised ? PLACE : [...PLACE, ...NAMES])
    if (fields[field] !== undefined) Object.assign(copy, { [field]: fields[field] });
  return copy;
}
