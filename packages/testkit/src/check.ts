import assert from "node:assert/strict";
import type { Store, StoreError, StoreOptions } from "@scs/core";
import { Clock } from "./clock.js";
import { shorten } from "./failure-text.js";
import type { Scenario } from "./process-scenario.js";

/** A sentence of the contract, and the code that holds a store to it. */
export interface Check<in S extends Store> {
  name: string;
  /** Opens the stores of this check as an app does: no clock is given, and no interval. */
  withoutOptions?: true;
  /** Rejects, with an `AssertionError` if the store broke the sentence. */
  run(context: CheckContext<S>): Promise<void>;
}

/** What a check works with. It opens nothing else, and never sleeps. */
export interface CheckContext<out S extends Store> {
  /** Freshly opened, on an empty backend. */
  store: S;
  /** What the store goes by, unless the check is one without options. */
  clock: Clock;
  /** Opens another client of the same backend; `store` itself, if the backend has no way to. */
  another(): Promise<S>;
  /** Ends the store as a crash would, and opens the backend again. Only for a {@link DurableBackend}. */
  reopen(): Promise<S>;
  /** Calls `open` of the backend with other options. What it opens is closed after the check. */
  open(options: Partial<StoreOptions>): Promise<S>;
  /** Runs a scenario in a process of its own. Only for a {@link ProcessBackend}. */
  inProcess(scenario: Scenario): Promise<void>;
}

/**
 * The options that a store under test is opened with: pass them on, all of them if the store takes them. Those that
 * are left out are to be what they are in an app: most checks give a clock, some let the store go by its own.
 */
export interface OpenOptions extends StoreOptions {
  onError: (error: StoreError) => void;
}

/** Lets `open` tidy up behind itself. */
export interface Scope {
  /** Calls `tidy` after the check, when the store has been disposed of; the last deferred goes first. */
  defer(tidy: () => unknown): void;
}

/** How to open a store on an empty backend of its own. */
export type Open<S extends Store> = (options: OpenOptions, scope: Scope) => S | Promise<S>;

/** How to connect a store to a backend that is there: at `location`, which was passed on as JSON. */
export type Connect<S extends Store> = (location: unknown, options: OpenOptions) => S | Promise<S>;

/** A way to open the store under test. */
export interface Backend<S extends Store> {
  open: Open<S>;
  /**
   * Opens another client of the backend that `store` is on: a second pool, a second process (`StoreInProcess`).
   * Leave it out only for a store whose one instance is all that can be.
   */
  another?(store: S, options: OpenOptions, scope: Scope): S | Promise<S>;
}

/** A way to open the store under test in a process of its own. */
export interface ProcessBackend<S extends Store> extends Backend<S> {
  /**
   * A JavaScript module whose export `open` is this backend's `open`, for the checks that need a process of
   * their own. The child process gives it no clock.
   */
  module: URL | string;
}

/** A way to open the store under test, and to open it again after the death of its process. */
export interface DurableBackend<S extends Store> extends Backend<S> {
  /** Leaves `store` as the death of its process would, without closing it, and opens its backend again. */
  reopen(store: S, options: OpenOptions, scope: Scope): S | Promise<S>;
}

/** A backend, or just its `open`. */
export type BackendOrOpen<S extends Store> = Backend<S> | Open<S>;

/** Runs one check on a fresh store, and tidies up, whatever comes of it. */
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
  try {
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
    assert.deepEqual(reported, [], "onError was told of an error that nothing had caused");
  } catch (error) {
    throw withSentence(check.name, error);
  } finally {
    for (const store of opened) {
      if (Symbol.asyncDispose in store) await (store as S & AsyncDisposable)[Symbol.asyncDispose]();
    }
    for (const tidy of tidyUp) await tidy();
  }
}

/** Puts the sentence of the contract before what a failed assertion says, and cuts that to what can be read. */
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
    throw new TypeError(`these checks need "${String(key)}" of the backend; see the README of @scs/testkit`);
  }
  return value;
}

/** What vitest, node:test, mocha and jest all have: `it(name, run)`. */
export type It = (name: string, run: () => Promise<void>) => unknown;

/** Hands each check to a test runner, under its own name. */
export function bind<S extends Store>(it: It, checks: readonly Check<S>[], backend: BackendOrOpen<S>): void {
  for (const check of checks) it(check.name, () => runCheck(check, backend));
}
