import type { AtomicStore } from "@scs/core";
import type { Item, ReferenceStore } from "./reference-store.js";

/**
 * A store that breaks one sentence of the contract, with a plausible bug. It overrides methods and steps of the reference
 * store, never the constructor, so that checks that call none of them can be skipped.
 */
export interface Mutant {
  /** The name of the check that must catch it. */
  breaks: string;
  /** The names of all other checks that it fails. */
  also?: readonly string[];
  Store: typeof ReferenceStore;
}

/** A mutant whose bug only shows in a process of its own. */
export interface ProcessMutant {
  breaks: string;
  also?: readonly string[];
  module: URL;
}

export type ReplaceArguments = Parameters<AtomicStore["replace"]>;

/**
 * Tells whether data is small. Many backends store small and large values differently, so a bug may affect only one of
 * them. Most checks use small data, the interleaving checks do not.
 */
export const isSmall = (data: unknown): data is Uint8Array => data instanceof Uint8Array && data.length < 4;

export const smallOnly = (item: Item | undefined): Item | undefined =>
  isSmall(item?.data) ? item : undefined;
