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
  "28": ["UNAVAILABLE", "the server refuses the user or the password; look at the pool's configuration"],
  "3D": ["UNAVAILABLE", "the database does not exist; look at the pool's configuration"],
  "40": ["UNAVAILABLE", "a conflict with other transactions on the table went on for too long; try again"],
  "42501": [
    "UNAVAILABLE",
    "the user lacks a privilege; it needs SELECT, INSERT, UPDATE and DELETE on the table",
  ],
  "42703": ["UNAVAILABLE", "the table lacks a column; it needs token, data and expiry, see schema.sql"],
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

/** The SQLSTATE of an error that the server has reported; `undefined` if it is the driver's or the network's. */
export function sqlState(error: unknown): string | undefined {
  const { code, severity } = error as { code?: unknown; severity?: unknown };
  return typeof code === "string" && code.length === 5 && typeof severity === "string" ? code : undefined;
}

/** Whether the server undid the statement and goes on, so that the connection is as good as before. */
export function isUndone(error: unknown): boolean {
  const { severity } = error as { severity?: unknown };
  return sqlState(error) !== undefined && severity !== "FATAL" && severity !== "PANIC";
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

/** Whether no row can have this token, since the database's encoding lacks its characters. */
export function isUntranslatable(error: unknown): boolean {
  return ["22021", "22P05"].includes(sqlState(error) ?? "");
}

/** What concerns a whole statement, whichever records it has. */
const GENERAL = /^(?:08|0A|25|28|3D|3F|42(?!501)|53(?!1|2)|55|57|58)/;

/** Whether one record can have failed the batch that it was in, so that the others may succeed without it. */
export function mayConcernOneRecord(error: unknown): boolean {
  return isUndone(error) && !GENERAL.test(sqlState(error) as string);
}

/** A driver's error as the store's, with the driver's as its cause. */
export function toStoreError(error: unknown, table: string): StoreError {
  if (error instanceof StoreError) return error;
  const code = sqlState(error);
  if (code === "42P01" || code === "3F000") {
    return new StoreError(
      "MISSING_TABLE",
      `pgstore: table ${table} does not exist; call createTable() once`,
      {
        cause: withoutValues(error),
      },
    );
  }
  if (error instanceof Timeout)
    return new StoreError("UNAVAILABLE", `pgstore: ${error.message}`, { cause: error });
  const [ownCode, message] = MESSAGES[code ?? ""] ??
    MESSAGES[code?.slice(0, 2) ?? ""] ?? [
      "UNAVAILABLE",
      code === undefined
        ? "the server cannot be reached, or the connection was lost; the cause says how, and whether a write under way took effect is unknown"
        : "the server reports an error; the cause says which",
    ];
  return new StoreError(ownCode, `pgstore: ${message}`, { cause: withoutValues(error) });
}

/** The server quotes rows and values, tokens and data, where it tells why it refuses them. */
function withoutValues(error: unknown): unknown {
  const code = sqlState(error);
  if (code === undefined || !(error instanceof Error)) return error;
  for (const field of ["detail", "where", "hint", "internalQuery"]) Reflect.deleteProperty(error, field);
  if (/^(?:2[0-9]|44|54|P0|XX)/.test(code) && !["25006", "28P01", "28000"].includes(code)) {
    const { constraint } = error as { constraint?: string };
    error.message = `SQLSTATE ${code}${constraint === undefined ? "" : `, constraint ${constraint}`}; the server's log has its message`;
    error.stack = `${error.name}: ${error.message}`;
  }
  return error;
}
