import type { Mutant } from "../mutant.js";
import { atomicStoreMutants } from "./atomic-store.js";
import { disposableStoreMutants } from "./disposable-store.js";
import { durableStoreMutants } from "./durable-store.js";
import { expiringStoreMutants } from "./expiring-store.js";
import { fullStoreMutants } from "./full-store.js";
import { iterableStoreMutants } from "./iterable-store.js";
import { ownClockMutants } from "./own-clock.js";
import { storeMutants } from "./store.js";
import { touchableStoreMutants } from "./touchable-store.js";

export { expiringStoreProcessMutants as processMutants } from "./expiring-store.js";

export const mutants: readonly Mutant[] = [
  ...storeMutants,
  ...atomicStoreMutants,
  ...touchableStoreMutants,
  ...iterableStoreMutants,
  ...expiringStoreMutants,
  ...disposableStoreMutants,
  ...durableStoreMutants,
  ...fullStoreMutants,
  ...ownClockMutants,
];
