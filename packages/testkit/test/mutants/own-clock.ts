import type { Mutant } from "../mutant.js";
import { ReferenceStore } from "../reference-store.js";

const LIVES = "without a clock option, find returns data and expiry of a record that lives for minutes";
const ENDED = "without a clock option, find returns undefined for a record that expired minutes ago";
const SHORT = "without a clock option, a record that lives for milliseconds expires by itself";
const REPLACE = "without a clock option, replace sees live records and no expired ones";
const TOUCH = "without a clock option, touch sees live records and no expired ones";
const LISTS = "without a clock option, entries and all return live records and no expired ones";
const CLEANUP = "without a clock option, deleteExpired removes no live record";
const CRASH = "without a clock option, a live record survives a crash, and no expired one comes back";
const every = [LIVES, ENDED, SHORT, REPLACE, TOUCH, LISTS, CLEANUP, CRASH];
const allBut = (...names: readonly string[]): string[] => every.filter((name) => !names.includes(name));

/** A store with a wrong clock, which it uses only without a `now` option. */
const goingBy = (own: () => number): typeof ReferenceStore =>
  class extends ReferenceStore {
    override clock(given?: () => number): () => number {
      return given ?? own;
    }
  };

/** A store with one method that uses a wrong clock, only without a `now` option. */
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
