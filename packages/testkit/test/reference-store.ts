import {
  assertData,
  assertExpiry,
  assertToken,
  CleanupScheduler,
  type FullStore,
  isToken,
  type SessionEntry,
  type SessionRecord,
  StoreError,
} from "@scs/core";
import type { DurableBackend, OpenOptions } from "@scs/testkit";

export interface Item {
  token: string;
  data: Uint8Array;
  expiry: number;
}

/** The state shared by the clients of a backend. Items are replaced, never changed. */
export class Disk {
  /** The records that every client sees. */
  records: Map<string, Item> = new Map();
  /** The records that survive a crash. */
  readonly synced: Map<string, Item> = new Map();
  crashes = 0;

  sync(key: string): void {
    const item = this.records.get(key);
    if (item === undefined) this.synced.delete(key);
    else this.synced.set(key, item);
  }

  crash(): void {
    this.records = new Map(this.synced);
    this.crashes++;
  }
}

/**
 * The simplest implementation of the contract: each operation takes effect at the call, and is answered a few microtasks
 * later. Every step is a method, so that a mutant can break a single one.
 */
export class ReferenceStore implements FullStore {
  readonly disk: Disk;
  protected readonly now: () => number;
  readonly #cleanup: CleanupScheduler;
  readonly #underWay: Set<Promise<void>> = new Set();
  #closed = false;

  constructor(disk: Disk, options: OpenOptions) {
    this.disk = disk;
    this.now = this.clock(options.now);
    this.#cleanup = this.schedule(options);
    this.recover();
  }

  find(token: string): Promise<SessionRecord | undefined> {
    return this.operate(() => {
      const item = this.live(token);
      return item && this.record(item);
    });
  }

  commit(token: string, data: Uint8Array, expiry: Date): Promise<void> {
    return this.operate(() => {
      assertToken(token);
      assertData(data);
      assertExpiry(expiry);
      this.write(token, data, expiry);
    });
  }

  delete(token: string): Promise<void> {
    return this.operate(() => {
      if (isToken(token)) this.remove(token);
    });
  }

  replace(token: string, previous: Uint8Array | undefined, data: Uint8Array, expiry: Date): Promise<boolean> {
    return this.operate(() => {
      if (previous !== undefined) assertData(previous);
      assertData(data);
      assertExpiry(expiry);
      if (!isToken(token) || !this.same(this.live(token)?.data, previous)) return false;
      this.write(token, data, expiry);
      return true;
    });
  }

  touch(token: string, expiry: Date): Promise<boolean> {
    return this.operate(() => {
      assertExpiry(expiry);
      const item = this.live(token);
      if (item !== undefined) this.put({ ...item, expiry: expiry.getTime() });
      return item !== undefined;
    });
  }

  async *entries(): AsyncIterableIterator<SessionEntry> {
    this.assertOpen();
    for (const { token } of [...this.disk.records.values()]) {
      await undefined;
      const item = this.live(token);
      if (item !== undefined) yield { token, ...this.record(item) };
    }
  }

  all(): Promise<Map<string, Uint8Array>> {
    return this.operate(() => {
      const live = [...this.disk.records.values()].filter((item) => this.isLive(item));
      return new Map(live.map((item) => [item.token, this.record(item).data]));
    });
  }

  deleteExpired(): Promise<number> {
    return this.operate(() => {
      const expired = this.expired();
      for (const { token } of expired) this.remove(token);
      return expired.length;
    });
  }

  stopCleanup(): Promise<void> {
    return this.#cleanup.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#cleanup.stop(), ...this.#underWay]);
    await this.latency(); // a mutant may pass the answer through steps of its own
  }

  protected clock(given: (() => number) | undefined): () => number {
    return given ?? Date.now;
  }

  protected schedule({ cleanupIntervalMs = 60_000, onError }: OpenOptions): CleanupScheduler {
    return new CleanupScheduler(this, { cleanupIntervalMs, onError });
  }

  /** Loads the records from the disk. */
  protected recover(): void {}

  protected assertOpen(): void {
    if (this.#closed) throw new StoreError("CLOSED", "the store has been disposed of");
  }

  protected async operate<T>(effect: () => T): Promise<T> {
    this.assertOpen();
    const answer = effect();
    const answering = this.latency();
    this.#underWay.add(answering);
    await answering;
    this.#underWay.delete(answering);
    return answer;
  }

  protected async latency(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) await undefined;
  }

  protected key(token: string): string {
    return token;
  }

  protected isLive({ expiry }: Item): boolean {
    return this.now() < expiry;
  }

  protected live(token: string): Item | undefined {
    const item = isToken(token) ? this.disk.records.get(this.key(token)) : undefined;
    return item !== undefined && this.isLive(item) ? item : undefined;
  }

  protected expired(): Item[] {
    return [...this.disk.records.values()].filter((item) => !this.isLive(item));
  }

  protected record({ data, expiry }: Item): SessionRecord {
    return { data: data.slice(), expiry: new Date(expiry) };
  }

  protected same(data: Uint8Array | undefined, previous: Uint8Array | undefined): boolean {
    return data === undefined || previous === undefined
      ? data === previous
      : Buffer.compare(data, previous) === 0;
  }

  protected write(token: string, data: Uint8Array, expiry: Date): void {
    this.put({ token, data: new Uint8Array(data), expiry: expiry.getTime() });
  }

  protected put(item: Item): void {
    this.disk.records.set(this.key(item.token), item);
    this.sync(item.token);
  }

  protected remove(token: string): void {
    this.disk.records.delete(this.key(token));
    this.sync(token);
  }

  protected sync(token: string): void {
    this.disk.sync(this.key(token));
  }
}

/** Returns a backend of this class. Each store has its own disk, unless `another` or `reopen` opens it. */
export function backendOf(Store: typeof ReferenceStore): DurableBackend<ReferenceStore> {
  return {
    open: (options) => new Store(new Disk(), options),
    another: ({ disk }, options) => new Store(disk, options),
    reopen: ({ disk }, options) => {
      disk.crash();
      return new Store(disk, options);
    },
  };
}
