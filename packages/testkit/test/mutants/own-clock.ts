import type { Mutant } from "../mutant.js";
import { ReferenceStore } from "../reference-store.js";

const LIVES = "on its own clock, a store finds a record that is to live for minutes, data and expiry";
const ENDED = "on its own clock, a record that was to end minutes ago is absent";
const SHORT = "on its own clock, a record that lives for milliseconds goes by itself";
const REPLACE = "on its own clock, replace finds the record that is live, and none that has expired";
const TOUCH = "on its own clock, touch finds the record that is live, and none that has expired";
const LISTS = "on its own clock, entries and all give the records that are live, and none that has expired";
const CLEANUP = "on its own clock, deleteExpired removes no record that is live";
const CRASH = "on its own clock, a live record survives a crash, and no expired one comes back";
const every = [LIVES, ENDED, SHORT, REPLACE, TOUCH, LISTS, CLEANUP, CRASH];
const allBut = (...names: readonly string[]): string[] => every.filter((name) => !names.includes(name));

/** A store that keeps the clock it is given, and goes wrong by its own. */
const goingBy = (own: () => number): typeof ReferenceStore =>
  class extends ReferenceStore {
    override clock(given?: () => number): () => number {
      return given ?? own;
    }
  };

/** A store of which one method alone goes by the wrong clock, where none is given. */
class SplitStore extends ReferenceStore {
  declare offsetMs: number | undefined; // the constructor of the reference store sets and uses it

  override clock(given?: () => number): () => number {
    return given ?? (() => Date.now() + (this.offsetMs ?? 0));
  }

  protected late<T>(work: () => T): T {
    this.offsetMs = 3_600_000;
    try {
      return work();
    } finally {
      this.offsetMs = 0;
    }
  }
}

export const ownClockMutants: readonly Mutant[] = [
  {
    breaks: LIVES,
    also: allBut(LIVES, ENDED, SHORT),
    Store: goingBy(() => Date.now() * 1000), // microseconds
  },
  {
    breaks: LIVES,
    also: allBut(LIVES, ENDED, SHORT),
    Store: goingBy(() => Date.now() + 5 * 3_600_000), // local time, east of Greenwich
  },
  {
    breaks: ENDED,
    also: allBut(LIVES, ENDED),
    Store: goingBy(() => Date.now() - 5 * 3_600_000), // and west of it
  },
  {
    breaks: ENDED,
    also: allBut(LIVES, ENDED),
    Store: goingBy(() => Date.now() / 1000), // seconds: nothing ever expires
  },
  {
    breaks: SHORT,
    also: allBut(LIVES, ENDED, SHORT),
    Store: class extends ReferenceStore {
      override clock(given?: () => number): () => number {
        const opened = Date.now(); // read once
        return given ?? (() => opened);
      }
    },
  },
  {
    breaks: REPLACE,
    Store: class extends SplitStore {
      override replace(...call: Parameters<ReferenceStore["replace"]>) {
        return this.late(() => super.replace(...call));
      }
    },
  },
  {
    breaks: TOUCH,
    Store: class extends SplitStore {
      override touch(token: string, expiry: Date) {
        return this.late(() => super.touch(token, expiry));
      }
    },
  },
  {
    breaks: LISTS,
    Store: class extends SplitStore {
      override all() {
        return this.late(() => super.all());
      }
    },
  },
  {
    breaks: CLEANUP,
    Store: class extends SplitStore {
      override expired() {
        return this.late(() => super.expired());
      }
    },
  },
  {
    breaks: CRASH,
    Store: class extends SplitStore {
      override recover() {
        for (const item of this.late(() => this.expired())) this.remove(item.token); // opens with a cleanup
      }
    },
  },
];
