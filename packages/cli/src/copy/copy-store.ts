import type { FullStore, SessionEntry, SessionRecord } from "@scs/core";
import { inWindow } from "../window.js";

/** What is done with records that the goal has and the source has not. */
export type Extras = "keep" | "remove";

/** Options of a copy from store to store. */
export interface CopyOptions {
  extras: Extras;
  /** Ends the copy between two records. Run it again to go on. */
  signal?: AbortSignal;
  onProgress?: (step: "copying" | "verifying", done: number) => void;
}

/** The result of a copy from store to store. */
export interface CopyReport {
  /** Records that the goal did not have. */
  copied: number;
  /** Records that the goal had otherwise. */
  updated: number;
  /** Records that the goal had already. */
  present: number;
  /** Records that were removed from the goal, since the source has them no more. */
  removed: number;
  /** Records of the goal that were compared with the source, and are equal, or have been made so. */
  verified: number;
  /** Records that the app changed in the source while it was being copied, and that were copied anew. */
  changedMeanwhile: number;
  /** Whether every record was compared, and every one that the source has is in the goal as it is there. */
  isComplete: boolean;
}

/** Number of records in flight: what the stores gather into batches. */
const WINDOW = 512;
/** Maximum number of times the goal is compared with a source that is in use. */
const MAX_PASSES = 3;

/**
 * Copies every live record of a store to another, then compares each, while an app may be using the source. Memory stays
 * bounded. A copy that was interrupted goes on when it is begun again: what is there is compared, not written.
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
  /** Whether the last record was in the goal already: then the next is looked for before it is written. */
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
      const { seen, differing } = await this.#compareGoal();
      const missing = (await this.#count(this.#from)) === seen ? 0 : await this.#addMissing();
      report.changedMeanwhile += differing + missing;
      report.isComplete = !this.#isAborted;
      if (differing + missing === 0) break;
    }
  }

  get #isAborted(): boolean {
    return this.#options.signal?.aborted === true;
  }

  /** Makes the goal's record what the source's is. */
  async #put(entry: SessionEntry): Promise<"copied" | "updated" | "present"> {
    const { token, data, expiry } = entry;
    for (;;) {
      if (!this.#isThere && (await this.#to.replace(token, undefined, data, expiry))) return "copied";
      const there = await this.#to.find(token);
      this.#isThere = there !== undefined;
      if (there === undefined) {
        if (await this.#to.replace(token, undefined, data, expiry)) return "copied";
        if ((await this.#to.find(token)) === undefined) return "copied"; // it has expired meanwhile
      } else if (isEqual(there, entry)) return "present";
      else if (await this.#to.replace(token, there.data, data, expiry)) return "updated";
    }
  }

  /** Compares each record of the goal with the source, and mends it. */
  async #compareGoal(): Promise<{ seen: number; differing: number }> {
    const { report } = this;
    const { extras } = this.#options;
    let [seen, differing] = [0, 0];
    report.verified = 0;
    await this.#walk("verifying", this.#to, async (entry) => {
      const source = await this.#from.find(entry.token);
      if (source === undefined) {
        if (extras === "keep" || !(await this.#end(entry))) return;
        report.removed++;
        differing++;
        return;
      }
      seen++;
      report.verified++;
      if (isEqual(source, entry)) return;
      differing++;
      await this.#put({ ...source, token: entry.token });
    });
    return { seen, differing };
  }

  /** Removes a record for as long as it is what was seen. */
  #end({ token, data }: SessionEntry): Promise<boolean> {
    return this.#to.replace(token, data, new Uint8Array(0), new Date(0));
  }

  async #addMissing(): Promise<number> {
    let missing = 0;
    await this.#walk("verifying", this.#from, async (entry) => {
      if ((await this.#put(entry)) !== "present") missing++;
    });
    return missing;
  }

  async #count(store: FullStore): Promise<number> {
    let count = 0;
    for await (const _ of this.#entries(store)) count++;
    return count;
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

/** The key of the record that notes in the goal that a copy is under way. No session has it. */
export const COPY_NOTE = "@scs.copy";

function isEqual(a: SessionRecord, b: SessionRecord): boolean {
  // Stores keep times of their own precision.
  return Buffer.compare(a.data, b.data) === 0 && Math.abs(a.expiry.getTime() - b.expiry.getTime()) <= 1;
}
