import { report, type Store, StoreError, warnOncePerCode } from "@scs/core";
import { type BridgeOptions, DAY_MS } from "./bridge-options.js";
import { mergeValues, textOf, type Values } from "./merged-values.js";
import { contention, isSame, MAX_TRIES, Records } from "./records.js";

/** The stored state that a loaded session is based on. */
export interface Origin {
  readonly key: string;
  /** The values when this request last read or wrote them; `undefined` for a new session. */
  view: Uint8Array | undefined;
  /** The newest stored bytes that this request knows. They differ from `view` when others have changed the record. */
  stored: Uint8Array | undefined;
  storedExpiry: Date;
  /** Whether the session was found to be gone. It is not looked up again. */
  hasEnded: boolean;
  /** The last save of this session by this request. The next save waits for it. */
  turn: Promise<unknown>;
}

export interface LoadedSession {
  values: Values;
  expiry: Date;
  origin: Origin;
}

/** Values to save, without those that follow from the record's expiry. */
export interface SessionDraft {
  values: Values;
  expiry: Date;
}

/** Stores a host's sessions as JSON. Saves merge with others' changes, and do not bring back a session that has ended. */
export class SessionRecords {
  readonly records: Records;
  readonly #now: () => number;
  readonly #lifetimeMs: number;
  readonly #onError: (error: StoreError) => void;
  /** The name of the value whose change moves the expiry, such as "cookie". */
  readonly #lifetimeName: string;

  constructor(store: Store, host: string, options: BridgeOptions, lifetimeName = "") {
    const { namespace = host, lifetimeMs = DAY_MS, onError = warnOncePerCode(), now = Date.now } = options;
    this.records = new Records(store, namespace);
    this.#now = now;
    this.#lifetimeMs = lifetimeMs;
    this.#onError = onError;
    this.#lifetimeName = lifetimeName;
  }

  keyOf(id: string): string {
    return this.records.keyOf(id);
  }

  /** Returns the expiry of a session with this lifetime in ms. */
  expiryIn(lifetimeMs: number = this.#lifetimeMs): Date {
    return new Date(this.#now() + lifetimeMs);
  }

  /** Creates the origin of a new session. Its first save inserts a record, and overwrites none. */
  newOrigin(id: string): Origin {
    return {
      ...{ key: this.keyOf(id), view: undefined, stored: undefined, storedExpiry: new Date(0) },
      ...{ hasEnded: false, turn: Promise.resolve() },
    };
  }

  async load(id: string): Promise<LoadedSession | undefined> {
    const origin = this.newOrigin(id);
    const found = await this.records.find(origin.key);
    const values = found && this.decode(found.data);
    if (found === undefined || values === undefined) return undefined;
    origin.view = origin.stored = found.data;
    origin.storedExpiry = found.expiry;
    return { values, expiry: found.expiry, origin };
  }

  /**
   * Saves a session, and merges it with changes that others made since it was loaded.
   *
   * @returns `false` if the session has ended meanwhile, and nothing was written.
   * @throws StoreError `INVALID_ARGUMENT` if the session is new and its ID is in use.
   */
  save(origin: Origin, draft: SessionDraft): Promise<boolean> {
    const mine = Buffer.from(JSON.stringify(draft.values)); // now: the app may change the session during the waits
    const saved = origin.turn.then(() => this.#save(origin, mine, draft.expiry));
    origin.turn = saved.catch(() => undefined);
    return saved;
  }

  /** Writes values unconditionally. */
  async overwrite(id: string, { values, expiry }: SessionDraft): Promise<void> {
    await this.records.commit(this.keyOf(id), Buffer.from(JSON.stringify(values)), expiry);
  }

  /** Decodes values. Damaged ones count as absent, and are reported. */
  decode(data: Uint8Array): Values | undefined {
    try {
      const values: unknown = JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.length).toString());
      if (typeof values === "object" && values !== null && !Array.isArray(values)) return values as Values;
    } catch {} // the parser's message would quote session data
    this.report(new StoreError("CORRUPT", "bridge: a stored session is not JSON; it counts as absent"));
    return undefined;
  }

  report(error: unknown): void {
    const known =
      error instanceof StoreError
        ? error
        : new StoreError("UNAVAILABLE", "bridge: a call has failed", { cause: error });
    report(this.#onError, known);
  }

  async #save(origin: Origin, mine: Uint8Array, expiry: Date): Promise<boolean> {
    if (origin.hasEnded) return false;
    if (origin.view !== undefined && isSame(origin.view, mine)) {
      origin.hasEnded = !(await this.records.touch(origin.key, expiry));
      return !origin.hasEnded;
    }
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const next = this.#merge(origin, mine, expiry);
      if (await this.records.replace(origin.key, origin.stored, next.data, next.expiry)) {
        origin.view = mine;
        origin.stored = next.data;
        origin.storedExpiry = next.expiry;
        return true;
      }
      const found = await this.records.find(origin.key);
      if (origin.stored === undefined) {
        if (found !== undefined) throw idInUse();
        continue; // the record has expired in between
      }
      if (found === undefined) {
        origin.hasEnded = true;
        return false;
      }
      origin.stored = found.data;
      origin.storedExpiry = found.expiry;
    }
    throw contention();
  }

  #merge(origin: Origin, mine: Uint8Array, expiry: Date): { data: Uint8Array; expiry: Date } {
    const { view, stored, storedExpiry } = origin;
    if (view === undefined || stored === undefined || view === stored) return { data: mine, expiry };
    const [base, own, theirs] = [view, mine, stored].map((data) => this.decode(data) ?? {}) as [
      Values,
      Values,
      Values,
    ];
    const merged = mergeValues(base, own, theirs);
    const isLifetimeTheirs = textOf(merged, this.#lifetimeName) !== textOf(own, this.#lifetimeName);
    return { data: Buffer.from(JSON.stringify(merged)), expiry: isLifetimeTheirs ? storedExpiry : expiry };
  }
}

function idInUse(): StoreError {
  return new StoreError(
    "INVALID_ARGUMENT",
    "bridge: the ID of a new session is in use already; the host's ID generator must never repeat one",
  );
}
