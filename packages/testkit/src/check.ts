import assert from "node:assert/strict";
import type { Store, StoreError, StoreOptions } from "@scs/core";
import { Clock } from "./clock.js";
import { shorten } from "./failure-text.js";
import type { Scenario } from "./process-scenario.js";
import { LIMIT_MS, turn, within } from "./time-limit.js";

/** A sentence of the contract, and the code that checks it. */
export interface Check<in S extends Store> {
  name: string;
  /** Opens the stores of this check without a clock and an interval, as an app does. */
  withoutOptions?: true;
  /** Timeout of `run` in ms; after it, of each disposal and each function passed to `scope.defer`. @default 30_000 */
  limitMs?: number;
  /** Rejects, with an `AssertionError` if the store broke the sentence. */
  run(context: CheckContext<S>): Promise<void>;
}

/** The tools of a check. */
export interface CheckContext<out S extends Store> {
  /** A new store on an empty backend. */
  store: S;
  /** The clock of the store, unless the check has `withoutOptions`. */
  clock: Clock;
  /** Opens another client of the same backend. Returns `store` itself if the backend has no `another`. */
  another(): Promise<S>;
  /** Ends the store as a crash would, and opens the backend again. Only for a {@link DurableBackend}. */
  reopen(): Promise<S>;
  /** Opens a store with other options. It is disposed of after the check. */
  open(options: Partial<StoreOptions>): Promise<S>;
  /** Runs a scenario in a process of its own. Only for a {@link ProcessBackend}. */
  inProcess(scenario: Scenario): Promise<void>;
}

/**
 * Options for the store under test: pass them all to the store. Do not add missing ones: some checks leave out the clock
 * to test the store's own.
 */
export interface OpenOptions extends StoreOptions {
  onError: (error: StoreError) => void;
}

/** Lets `open` clean up after the check. */
export interface Scope {
  /** Calls `tidy` after the check and the disposal of the store, in reverse order of the calls of `defer`. */
  defer(tidy: () => unknown): void;
}

/** Opens a store on an empty backend of its own. */
export type Open<S extends Store> = (options: OpenOptions, scope: Scope) => S | Promise<S>;

/** Opens a store on the existing backend at `location`, which is passed as JSON. */
export type Connect<S extends Store> = (location: unknown, options: OpenOptions) => S | Promise<S>;

/** A way to open the store under test. */
export interface Backend<S extends Store> {
  open: Open<S>;
  /**
   * Opens another client of the backend of `store`: a second pool, or a second process (`StoreInProcess`). Leave it out
   * only if a backend can have just one client.
   */
  another?(store: S, options: OpenOptions, scope: Scope): S | Promise<S>;
}

/** A way to open the store under test in a process of its own. */
export interface ProcessBackend<S extends Store> extends Backend<S> {
  /**
   * A JavaScript module that exports this backend's `open`, for checks in a process of their own. The child process
   * passes no clock.
   */
  module: URL | string;
}

/** A way to open the store under test, and to open it again after a crash. */
export interface DurableBackend<S extends Store> extends Backend<S> {
  /** Abandons `store` without closing it, as a crash does, and opens its backend again. */
  reopen(store: S, options: OpenOptions, scope: Scope): S | Promise<S>;
}

/** A backend, or just its `open`. */
export type BackendOrOpen<S extends Store> = Backend<S> | Open<S>;

/** Timeout of each disposal after a failure, which must be reported before the test runner's own timeout. */
const AFTER_FAILURE_MS = 1000;

/** Runs one check on a new store, and cleans up whatever the outcome. */
export async function runCheck<S extends Store>(
  check: Check<S>,
  backendOrOpen: BackendOrOpen<S>,
): Promise<void> {
  const backend: Backend<S> & Partial<ProcessBackend<S> & DurableBackend<S>> =
    typeof backendOrOpen === "function" ? { open: backendOrOpen } : backendOrOpen;
  const clock = new Clock();
  const opened = new Set<S>();
  const tidyUp: (() => unknown)[] = [];
  const reported: StoreError[] = [];
  const onError = (error: StoreError): void => void reported.push(error);
  const options: OpenOptions = check.withoutOptions
    ? { onError }
    : { now: clock.now, cleanupIntervalMs: 0, onError };
  const scope: Scope = { defer: (tidy) => tidyUp.unshift(tidy) };
  const keep = async (opening: S | Promise<S>): Promise<S> => {
    const store = await opening;
    opened.add(store);
    return store;
  };
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", onUnhandled);
  const failures: unknown[] = [];
  let { limitMs = LIMIT_MS } = check;
  const attempt = async (place: string, work: () => Promise<unknown>): Promise<void> => {
    try {
      await within(limitMs, work(), `${place}no answer within ${limitMs / 1000} s`);
    } catch (error) {
      failures.push(error);
      limitMs = Math.min(limitMs, AFTER_FAILURE_MS);
    }
  };
  await attempt("", async () => {
    const store = await keep(backend.open(options, scope));
    await check.run({
      store,
      clock,
      another: () => keep(backend.another ? backend.another(store, options, scope) : store),
      reopen: () => keep(needed(backend, "reopen")(store, options, scope)),
      open: async (others) => keep(backend.open({ ...options, ...others }, scope)),
      inProcess: async (scenario) => {
        const { runInProcess } = await import("./run-in-process.js");
        await runInProcess(scenario, needed(backend, "module"));
      },
    });
    assert.deepEqual(reported, [], "onError was called although no error had occurred");
  });
  for (const store of opened) {
    await attempt("disposal: ", async () => (store as S & Partial<AsyncDisposable>)[Symbol.asyncDispose]?.());
  }
  for (const tidy of tidyUp) await attempt("scope.defer: ", async () => tidy());
  await turn(); // Node.js reports unhandled rejections after the microtasks
  process.off("unhandledRejection", onUnhandled);
  const [own] = failures; // the error of the check itself, if there is one
  const error = withUnhandled(own, unhandled);
  if (failures.length > 0 || error !== undefined) throw withSentence(check.name, error);
}

/** Adds the first of the unhandled rejections to `error`, unless it is `error` itself: the check awaited that call late. */
function withUnhandled(error: unknown, unhandled: readonly unknown[]): unknown {
  const others = unhandled.filter((reason) => reason !== error);
  if (others.length === 0) return error;
  const left = `the store left a rejection unhandled: ${String(others[0])}`;
  if (error === undefined)
    return Object.assign(new assert.AssertionError({ message: left }), { cause: others[0] });
  const message = error instanceof assert.AssertionError ? error.message : String(error);
  return Object.assign(new assert.AssertionError({ message: `${message}\n${left}` }), { cause: error });
}

/** Puts the sentence of the contract before the message of a failed assertion, and shortens the message. */
function withSentence(sentence: string, error: unknown): unknown {
  if (!(error instanceof assert.AssertionError)) return error;
  const { message } = error;
  error.message = `broken: ${sentence}\n${shorten(message)}`;
  if (error.stack !== undefined) error.stack = error.stack.replace(message, () => error.message);
  return error;
}

function needed<T extends object, K extends keyof T>(backend: T, key: K): NonNullable<T[K]> {
  const value = backend[key];
  if (value === undefined || value === null) {
    throw new TypeError(
      `these checks need the property "${String(key)}" of the backend; see the README of @scs/testkit`,
    );
  }
  return value;
}

/** The function `it(name, run)` of vitest, node:test, mocha and jest. */
export type It = (name: string, run: () => Promise<void>) => unknown;

/**
 * Registers each check with a test runner, under its own name. `caller` is the function that the author of a store calls.
 * It throws if an argument is missing: without `it`, the runner would pass without a check.
 */
export function bind<S extends Store>(
  caller: string,
  it: It,
  checks: readonly Check<S>[],
  backend: BackendOrOpen<S>,
): void {
  const open: unknown = typeof backend === "function" ? backend : backend?.open;
  const isTestFunction = typeof open === "function" && "skip" in open; // as `it` of every runner has
  if (typeof it !== "function" || typeof open !== "function" || isTestFunction) {
    throw new TypeError(
      `${caller}(it, backend): pass the \`it\` of your test runner, then a function that opens a store, or an object with \`open\``,
    );
  }
  for (const check of checks) it(check.name, () => runCheck(check, backend));
}
