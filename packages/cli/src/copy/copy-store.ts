import type { FullStore, SessionEntry, SessionRecord } from "@scs/core";
import { inWindow } from "../window.js";

/** What to do with records that only the destination has. */
export type Extras = "keep" | "remove";

/** Options of a copy from store to store. */
export interface CopyOptions {
  extras: Extras;
  /** Stops the copy between two records. Run it again to continue. */
  signal?: AbortSignal;
  onProgress?: (step: "copying" | "verifying", done: number) => void;
}

/** The result of a copy from store to store. */
export interface CopyReport {
  /** Number of records inserted into the destination. */
  copied: number;
  /** Number of records whose data or expiry differed in the destination. */
  updated: number;
  /** Number of records that were already equal in the destination. */
  present: number;
  /** Number of records removed from the destination, because the source does not have them. */
  removed: number;
  /** Number of records of the destination that were compared with the source, and are equal now. */
  verified: number;
  /** Number of records that the app changed during the copy, and that were copied again. */
  changedMeanwhile: number;
  /** Whether every record was compared, and the destination has every record of the source. */
  isComplete: boolean;
}

/** Number of records in flight, which the stores combine into batches. */
const WINDOW = 512;
/** Maximum number of comparisons with a source that is in use. */
const MAX_PASSES = 3;

/**
 * Copies every live record from one store to another, then compares all of them. An app may use the source meanwhile.
 * Memory is bounded. After an interruption, start the copy again: it compares the records that are already there.
 */
export async function copyStore(from: FullStore, to: FullStore, options: CopyOptions): Promise<CopyReport> {
  const copy = new Copy(from, to, options);
  await copy.run();
  return copy.report;
}

class Copy {
  readonly report: CopyReport = {
    ...{ copied: 0, updated: 0, present: 0, removed: 0 },
    ...{ verified: 0, changedMeanwhile: 0, isComplete: false },
  };
  readonly #from: FullStore;
  readonly #to: FullStore;
  readonly #options: CopyOptions;
  /** Whether the destination already had the last record. If so, the next one is looked up before it is written. */
  #isThere = false;

  constructor(from: FullStore, to: FullStore, options: CopyOptions) {
    this.#from = from;
    this.#to = to;
    this.#options = options;
  }

  async run(): Promise<void> {
    const { report } = this;
    await this.#walk("copying", this.#from, async (entry) => {
      report[await this.#put(entry)]++;
    });
    for (let pass = 1; pass <= MAX_PASSES && !this.#isAborted; pass++) {
      const differing = await this.#compareGoal();
      const missing = await this.#addMissing();
      report.changedMeanwhile += differing + missing;
      report.isComplete = !this.#isAborted;
      if (differing + missing === 0) break;
    }
  }

  get #isAborted(): boolean {
    return this.#options.signal?.aborted === true;
  }

  /** Makes one record of the destination equal to the source's. */
  async #put(entry: SessionEntry): Promise<"copied" | "updated" | "present"> {
    const { token, data, expiry } = entry;
    for (;;) {
      if (!this.#isThere && (await this.#to.replace(token, undefined, data, expiry))) return "copied";
      const there = await this.#to.find(token);
      this.#isThere = there !== undefined;
      if (there === undefined) {
        if (await this.#to.replace(token, undefined, data, expiry)) return "copied";
        if ((await this.#to.find(token)) === undefined) return "copied"; // expired meanwhile
      } else if (isEqual(there, entry)) return "present";
      else if (await this.#to.replace(token, there.data, data, expiry)) return "updated";
    }
  }

  /** Compares each record of the destination with the source, and corrects differences. Returns their number. */
  async #compareGoal(): Promise<number> {
    const { report } = this;
    const { extras } = this.#options;
    let differing = 0;
    report.verified = 0;
    await this.#walk("verifying", this.#to, async (entry) => {
      const source = await this.#from.find(entry.token);
      if (source === undefined) {
        if (extras === "keep" || !(await this.#end(entry))) return;
        report.removed++;
        differing++;
        return;
      }
      report.verified++;
      if (isEqual(source, entry)) return;
      differing++;
      await this.#put({ ...source, token: entry.token });
    });
    return differing;
  }

  /** Removes a record from the destination, unless its data has changed since it was read. */
  #end({ token, data }: SessionEntry): Promise<boolean> {
    return this.#to.replace(token, data, new Uint8Array(0), new Date(0));
  }

  /** Copies records that began since the copy, or that it has missed. Returns their number. */
  async #addMissing(): Promise<number> {
    let missing = 0;
    await this.#walk("verifying", this.#from, async (entry) => {
      if ((await this.#put(entry)) !== "present") missing++;
    });
    return missing;
  }

  async #walk(
    step: "copying" | "verifying",
    store: FullStore,
    work: (entry: SessionEntry) => Promise<void>,
  ): Promise<void> {
    let done = 0;
    await inWindow(this.#entries(store), WINDOW, async (entry) => {
      await work(entry);
      this.#options.onProgress?.(step, ++done);
    });
  }

  async *#entries(store: FullStore): AsyncGenerator<SessionEntry> {
    for await (const entry of store.entries()) {
      if (this.#isAborted) return;
      if (entry.token !== COPY_NOTE) yield entry;
    }
  }
}

/** Key of a record that marks a copy in progress in the destination. No session can have this key. */
export const COPY_NOTE = "@scs.copy";

function isEqual(a: SessionRecord, b: SessionRecord): boolean {
  // The precision of an expiry differs between stores.
  return Buffer.compare(a.data, b.data) === 0 && Math.abs(a.expiry.getTime() - b.expiry.getTime()) <= 1;
}
