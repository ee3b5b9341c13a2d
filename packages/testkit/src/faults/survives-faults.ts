import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import type { Store, StoreError } from "@scs/core";
import type { OpenOptions, Scope } from "../check.js";
import { Clock } from "../clock.js";
import { assertThat } from "../expectations.js";
import { shorten } from "../failure-text.js";
import { within } from "../time-limit.js";
import { type Decide, type Fault, FaultInjector } from "./fault-injector.js";
import { Ledger } from "./ledger.js";
import { prepare, useStore } from "./scenario.js";

/** A way to open the store under test on a driver whose calls fail on demand. */
export interface FaultyBackend<S extends Store, L> {
  /** Creates an empty backend, and returns its location. `scope.defer` cleans up after the test. */
  create(faults: FaultInjector, scope: Scope): L | Promise<L>;
  /** Opens a store whose calls to the driver or the file system go through `faults`. */
  connect(location: L, faults: FaultInjector, options: OpenOptions): S | Promise<S>;
  /**
   * Simulates a crash of the backend, for example the loss of unsynced data. `close` disposes of the store.
   *
   * @default `close`
   */
  crash?(location: L, close: () => Promise<void>): void | Promise<void>;
  /**
   * Fails only every n-th call, for a store that makes hundreds of them. Each of the four kinds of failure begins with a
   * different call.
   *
   * @default 1
   */
  step?: number;
  /** Creates the error for a failing call of this name. @default an error with the code `EIO` */
  error?(name: string): Error;
}

/** The result of `assertSurvivesFaults`. */
export interface FaultReport {
  /** Names of the failed calls, in the order of the store's calls. */
  calls: readonly string[];
  /** Number of runs with a fault. */
  runs: number;
  /** Number of calls that the store rejected in these runs. */
  rejected: number;
}

/** When a call fails. `from then on` also fails all later calls, as on a full disk. */
const KINDS = ["before", "halfway", "after", "from then on"] as const;
type Kind = (typeof KINDS)[number];

/** The call that fails, and the kind of failure. */
interface Plan {
  kind: Kind;
  index: number;
}

/** Timeout of a run, which only a call that never ends reaches. */
const LIMIT_MS = 55_000;

/**
 * Uses all methods of a durable store, and makes each call to its driver or the file system fail once: before its effect,
 * after half of it, after all of it, and together with all later calls. Then crashes the backend, opens it again and
 * compares: acknowledged writes must be there, rejected ones may be, and nothing else. Rejects with the failed call and
 * the lost record.
 */
export async function assertSurvivesFaults<S extends Store, L>(
  backend: FaultyBackend<S, L>,
): Promise<FaultReport> {
  const { calls } = await run(backend, undefined);
  assertThat(calls.length > 0, "the store makes no call that goes through `faults`");
  const report = { calls, runs: 0, rejected: 0 };
  const { step = 1 } = backend;
  for (const [offset, kind] of KINDS.entries()) {
    // A fault may cause additional calls, such as a rollback. They are failed in turn as well.
    for (let index = offset % step, hasFailed = true; hasFailed; index += step) {
      const outcome = await run(backend, { kind, index });
      hasFailed = outcome.hasFailed;
      report.runs += hasFailed ? 1 : 0;
      report.rejected += outcome.rejected;
    }
  }
  return report;
}

/** Uses a store once, with one fault or none. */
async function run<S extends Store, L>(
  backend: FaultyBackend<S, L>,
  plan: Plan | undefined,
): Promise<{ calls: string[]; hasFailed: boolean; rejected: number }> {
  const faults = new FaultInjector();
  const clock = new Clock();
  const tidyUp: (() => unknown)[] = [];
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", onUnhandled);
  const onError = (error: StoreError): void => assert.equal(error.name, "StoreError");
  const options: OpenOptions = { now: clock.now, cleanupIntervalMs: 0, onError };
  let failed: { name: string; moment: Fault["moment"] } | undefined;
  const decide: Decide = ({ name, index }) => {
    if (plan === undefined || index < plan.index) return undefined;
    if (index > plan.index && plan.kind !== "from then on") return undefined;
    const moment = momentOf(plan.kind, name);
    failed ??= { name, moment };
    return { moment, error: backend.error?.(name) ?? errorOf(name) };
  };
  const ledger = new Ledger(clock);
  const location = await backend.create(faults, { defer: (tidy) => tidyUp.unshift(tidy) });
  let store: S | undefined;
  const open = async (): Promise<S> => {
    store = await backend.connect(location, faults, options);
    return store;
  };
  const close = async (): Promise<void> => {
    const closing = store as (S & Partial<AsyncDisposable>) | undefined;
    store = undefined;
    await closing?.[Symbol.asyncDispose]?.();
  };
  try {
    await prepare(await open(), ledger);
    await close();
    let calls: string[] = [];
    const outcome = await faults.during(decide, async () => {
      await within(LIMIT_MS, useStore(open, close, ledger), "a call of the store never ends");
      calls = faults.calls;
    });
    if (outcome.status === "rejected") throw outcome.reason;
    // The store may be unable to close. The crash follows in any case.
    await (backend.crash ?? ((_, end) => end()))(location, () => close().catch(() => undefined));
    const again = await open();
    await within(LIMIT_MS, ledger.compare(again), "a call never ends after the backend was opened again");
    await close();
    await setImmediate(); // unhandled rejections are reported after the microtasks
    assertThat(unhandled.length === 0, `unhandled rejection: ${String(unhandled[0])}`);
    return { calls, hasFailed: failed !== undefined, rejected: ledger.rejected };
  } catch (error) {
    throw new Error(shorten(`${(error as Error).message}\n${tell(plan, failed)}`), { cause: error });
  } finally {
    process.off("unhandledRejection", onUnhandled);
    await close().catch(() => undefined);
    for (const tidy of tidyUp) await tidy();
  }
}

/** Returns the moment of a fault. A failing `close` always closes the descriptor. */
function momentOf(kind: Kind, name: string): Fault["moment"] {
  if (name.startsWith("close")) return "after";
  return kind === "from then on" ? "before" : kind;
}

const MOMENTS = {
  before: "before it had an effect",
  halfway: "with half of its effect",
  after: "after its effect",
};

/** Describes the failed call, and how it failed. */
function tell(plan: Plan | undefined, failed: { name: string; moment: Fault["moment"] } | undefined): string {
  if (plan === undefined || failed === undefined) return "no call was failed";
  const others = plan.kind === "from then on" ? ", as did all that followed" : "";
  return `${failed.name} (call ${plan.index + 1}) was failed ${MOMENTS[failed.moment]}${others}`;
}

const errorOf = (name: string): Error => Object.assign(new Error(`EIO: injected, ${name}`), { code: "EIO" });
