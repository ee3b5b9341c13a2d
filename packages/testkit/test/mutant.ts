import type { AtomicStore } from "@scs/core";
import type { Item, ReferenceStore } from "./reference-store.js";

/**
 * A store that breaks one sentence of the contract, as a bug would that somebody might write. It overrides
 * methods and steps of the reference store, never the constructor: it is not run in checks that call none of them.
 */
export interface Mutant {
  /** The name of the check that is there to catch it. */
  breaks: string;
  /** The names of the other checks that it fails: exactly these. */
  also?: readonly string[];
  Store: typeof ReferenceStore;
}

/** A mutant that shows only in a process of its own. */
export interface ProcessMutant {
  breaks: string;
  also?: readonly string[];
  module: URL;
}

export type ReplaceArguments = Parameters<AtomicStore["replace"]>;

/**
 * Whether data is small. Many backends keep small values another way than large ones: a bug in one of two ways
 * is a narrow one. The data of most checks is small, that of the interleaving checks is not.
 */
export const isSmall = (data: unknown): data is Uint8Array => data instanceof Uint8Array && data.length < 4;

export const smallOnly = (item: Item | undefined): Item | undefined =>
  isSmall(item?.data) ? item : undefined;
