import type { AtomicStore, ExpiringStore, FullStore, IterableStore, Store, TouchableStore } from "@scs/core";
import {
  type BackendOrOpen,
  bind,
  type Check,
  type DurableBackend,
  type It,
  type ProcessBackend,
} from "./check.js";
import { atomicStoreChecks } from "./checks/atomic-store.js";
import { disposableStoreChecks } from "./checks/disposable-store.js";
import { durableStoreChecks } from "./checks/durable-store.js";
import { expiringStoreChecks } from "./checks/expiring-store.js";
import { fullStoreChecks } from "./checks/full-store.js";
import { iterableStoreChecks } from "./checks/iterable-store.js";
import { storeChecks } from "./checks/store.js";
import { touchableStoreChecks } from "./checks/touchable-store.js";

export {
  type Backend,
  type BackendOrOpen,
  type Check,
  type CheckContext,
  type Connect,
  type DurableBackend,
  type It,
  type Open,
  type OpenOptions,
  type ProcessBackend,
  runCheck,
  type Scope,
} from "./check.js";
export { Clock } from "./clock.js";
export {
  type Decide,
  type DriverCall,
  type Fault,
  FaultInjector,
  type GuardOptions,
  type Halfway,
  type WrapOptions,
} from "./faults/fault-injector.js";
export { FaultyFileSystem } from "./faults/faulty-file-system.js";
export { assertSurvivesFaults, type FaultReport, type FaultyBackend } from "./faults/survives-faults.js";
export { assertSurvivesKills, type KillOptions, type KillReport } from "./kills.js";
export type { Scenario } from "./process-scenario.js";
export { StoreInProcess } from "./store-in-process.js";
export {
  atomicStoreChecks,
  disposableStoreChecks,
  durableStoreChecks,
  expiringStoreChecks,
  fullStoreChecks,
  iterableStoreChecks,
  storeChecks,
  touchableStoreChecks,
};

/** Checks `find`, `commit` and `delete`. Pass the `it` of your test runner. */
export function testStore(it: It, backend: BackendOrOpen<Store>): void {
  bind("testStore", it, storeChecks, backend);
}

/** Checks `replace`, in addition to {@link testStore}. */
export function testAtomicStore(it: It, backend: BackendOrOpen<AtomicStore>): void {
  bind("testAtomicStore", it, atomicStoreChecks, backend);
}

/** Checks `touch`, in addition to {@link testStore}. */
export function testTouchableStore(it: It, backend: BackendOrOpen<TouchableStore>): void {
  bind("testTouchableStore", it, touchableStoreChecks, backend);
}

/** Checks `entries` and `all`, in addition to {@link testStore}. */
export function testIterableStore(it: It, backend: BackendOrOpen<IterableStore>): void {
  bind("testIterableStore", it, iterableStoreChecks, backend);
}

/** Checks `deleteExpired`, `stopCleanup` and the background cleanup, in addition to {@link testStore}. */
export function testExpiringStore(it: It, backend: ProcessBackend<ExpiringStore>): void {
  bind("testExpiringStore", it, expiringStoreChecks, backend);
}

/** Checks `[Symbol.asyncDispose]`, in addition to {@link testStore}. */
export function testDisposableStore(it: It, backend: BackendOrOpen<Store & AsyncDisposable>): void {
  bind("testDisposableStore", it, disposableStoreChecks, backend);
}

/** Checks that a full store survives the death of its process, in addition to {@link testFullStore}. */
export function testDurableStore(it: It, backend: DurableBackend<FullStore>): void {
  bind("testDurableStore", it, durableStoreChecks, backend);
}

/** Checks the whole contract except durability: all of the above, and the sentences that combine capabilities. */
export function testFullStore(it: It, backend: ProcessBackend<FullStore>): void {
  const checks: readonly Check<FullStore>[] = [
    ...storeChecks,
    ...atomicStoreChecks,
    ...touchableStoreChecks,
    ...iterableStoreChecks,
    ...expiringStoreChecks,
    ...disposableStoreChecks,
    ...fullStoreChecks,
  ];
  bind("testFullStore", it, checks, backend);
}
