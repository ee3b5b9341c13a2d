import { MAX_DELAY_MS } from "../cleanup-scheduler.js";

/** Replacements for the options of other session stores and libraries. */
const REMEDIES: Readonly<Record<string, string>> = {
  checkPeriod: "cleanupIntervalMs",
  checkperiod: "cleanupIntervalMs",
  reapInterval: "cleanupIntervalMs, in milliseconds",
  pruneSessionInterval: "cleanupIntervalMs, in milliseconds",
  cleanupInterval: "cleanupIntervalMs, in milliseconds",
  autoRemoveInterval: "cleanupIntervalMs, in milliseconds",
  gcInterval: "cleanupIntervalMs, in milliseconds",
  interval: "cleanupIntervalMs, in milliseconds",
  ttl: "lifetimeMs of the session manager, or the expiry that commit is given",
  maxAge: "lifetimeMs of the session manager, or the expiry that commit is given",
  lifetime: "lifetimeMs of the session manager, or the expiry that commit is given",
  lifetimeMs: "lifetimeMs of the session manager, or the expiry that commit is given",
  idleTimeoutMs: "idleTimeoutMs of the session manager",
  cookie: "cookie of the session manager",
  secret: "nothing: tokens are random, and need no secret",
  logFn: "onError",
  errorLog: "onError",
  logErrors: "onError",
  logger: "onError",
  clock: "now",
  timeout: "timeoutMs or busyTimeoutMs, in milliseconds",
  busyTimeout: "busyTimeoutMs, in milliseconds",
  max: "maxSessions of memstore",
  dispose: "onEvict of memstore",
  sync: "durability",
  fsync: "durability",
  tableName: "table",
  schemaName: "schema",
  createTableIfMissing: "createTable(), once",
  createDatabaseTable: "createTable(), once",
  pool: "the pool as the first argument",
  conString: "a pool as the first argument",
  conObject: "a pool as the first argument",
  client: "the database handle as the first argument",
  db: "the database handle as the first argument",
  path: "the path as the first argument",
  dir: "the path as the first argument",
  directory: "the path as the first argument",
  filename: "the path as the first argument",
};

/**
 * Refuses unknown options. The error names the option and its replacement. A misspelt option that is ignored silently
 * shows only when its effect is missing.
 *
 * @throws TypeError if `options` is not an object, or has an option that is not `known`.
 */
export function assertKnownOptions(store: string, options: object, known: readonly string[]): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`${store}: the options must be an object`);
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const close = known.find((other) => isClose(name, other));
    const remedy = Object.hasOwn(REMEDIES, name) ? REMEDIES[name] : undefined;
    const hint =
      close === undefined
        ? remedy === undefined
          ? `the options are ${known.join(", ")}`
          : `write ${remedy}`
        : `did you mean ${close}?`;
    throw new TypeError(`${store}: there is no option ${JSON.stringify(name.slice(0, 64))}; ${hint}`);
  }
}

/** Returns whether the names differ only in capitals, in one letter, or in a missing "Ms". */
function isClose(name: string, other: string): boolean {
  const [a, b] = [name.toLowerCase(), other.toLowerCase()];
  if (a === b || `${a}ms` === b) return true;
  if (Math.abs(a.length - b.length) > 1 || b.length < 4) return false;
  let start = 0;
  while (start < a.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < Math.min(a.length, b.length) - start && a.at(-1 - end) === b.at(-1 - end)) end++;
  return Math.max(a.length, b.length) - start - end <= 1;
}

/** Checks a numeric option. @throws TypeError or RangeError unless `value` is a whole number from `min` to `max`. */
export function assertWholeNumber(
  name: string,
  value: unknown,
  { min, max = MAX_DELAY_MS }: { min: number; max?: number },
): asserts value is number {
  if (typeof value !== "number") throw new TypeError(`${name} must be a number, got ${typeof value}`);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${name} must be a whole number from ${min} to ${max}, got ${value}`);
  }
}

/** Checks an option with named values. @throws TypeError unless `value` is one of `allowed`. */
export function assertOneOf(name: string, value: unknown, allowed: readonly string[]): void {
  if (typeof value === "string" && allowed.includes(value)) return;
  const quoted = allowed.map((one) => `"${one}"`);
  const list = quoted.length > 1 ? `${quoted.slice(0, -1).join(", ")} or ${quoted.at(-1)}` : quoted.join("");
  throw new TypeError(`${name} must be ${list}, got ${String(value)}`);
}

/** Checks a callback. @throws TypeError unless `value` is a function. */
export function assertFunction(name: string, value: unknown): void {
  if (typeof value !== "function") throw new TypeError(`${name} must be a function, got ${typeof value}`);
}
