import type { SessionCodec } from "../codecs/codec.js";
import type { SessionRecords } from "../persistence/session-records.js";
import { hasIdForm, sha256 } from "../persistence/session-token.js";
import type { FoundSession } from "../persistence/stored-session.js";
import type { SessionPolicy } from "../policy/session-policy.js";
import type { SessionEmitter } from "../session-events.js";
import { KnownSessions } from "./known-sessions.js";
import type { OwnedSession } from "./owned-session.js";
import { hint, isHint, type OwnerEntry } from "./owner-entry.js";
import type { OwnerLists } from "./owner-list.js";
import { isOf, PENDING_MS, Revocation } from "./revocation.js";
import { type SeenSession, SeenSessions, seenNow } from "./seen-sessions.js";
import { traitsOf } from "./session-traits.js";
import { SharedTurns } from "./shared-turns.js";

export interface OwnerOptions {
  records: SessionRecords;
  lists: OwnerLists;
  codec: SessionCodec;
  namespace: string;
  maxPerOwner: number;
  policy: SessionPolicy;
  ownerOf: (values: Record<string, unknown>) => string | undefined;
  describe: (values: Record<string, unknown>) => unknown;
  now: () => number;
  events: SessionEmitter;
  onError: (error: Error) => void;
}

/** Maximum number of concurrent look-ups per list. */
const CHUNK = 100;

/** Finds and ends the sessions of an owner. The owner's list says where they may be; each record decides. */
export class OwnerSessions {
  readonly #options: OwnerOptions;
  readonly #records: SessionRecords;
  readonly lists: OwnerLists;
  readonly #now: () => number;
  readonly known: KnownSessions = new KnownSessions();
  /** Runs the limit once for many concurrent log-ins, because each run may read all sessions of an owner. */
  readonly #trims: SharedTurns = new SharedTurns();
  readonly #seen: SeenSessions = new SeenSessions();
  readonly #revocation: Revocation;

  constructor(options: OwnerOptions) {
    this.#options = options;
    this.#records = options.records;
    this.lists = options.lists;
    this.#now = options.now;
    this.#revocation = new Revocation(options);
  }

  /** Hashes an owner by SHA-256, for the store and for handles: neither reveals who the owner is. */
  hashOf(owner: string): string {
    // JSON escapes lone surrogates, which UTF-8 would all replace by U+FFFD.
    return sha256(JSON.stringify(["owner", this.#options.namespace, owner]));
  }

  /** Lists the owner's sessions, newest first. */
  async list(owner: string): Promise<OwnedSession[]> {
    const hash = this.hashOf(owner);
    const entries = await this.#entriesOf(owner, hash);
    const found = await this.#findAll(entries);
    const isHis = found.map((session) => session !== undefined && isOf(session, hash));
    for (const [at, entry] of entries.entries()) if (!isHis[at]) this.known.delete(owner, entry.id);
    await this.#mend(hash, entries, found, isHis);
    const sessions = entries.flatMap((entry, at) => {
      const session = found[at];
      return session !== undefined && isHis[at] ? [this.#describe(hash, entry, session)] : [];
    });
    return sessions.sort((a, b) => b.created.getTime() - a.created.getTime());
  }

  /** Removes the entries of ended sessions, and restores missing entries. */
  async #mend(
    hash: string,
    entries: readonly OwnerEntry[],
    found: readonly (FoundSession | undefined)[],
    isHis: readonly boolean[],
  ): Promise<void> {
    const old = this.#now() - PENDING_MS;
    const gone = entries.filter((entry, at) => !isHis[at] && !isHint(entry) && entry.at <= old);
    const lost = found.filter((_, at) => isHis[at] && isHint(entries[at] as OwnerEntry));
    await this.lists.remove(hash, gone);
    try {
      await this.lists.restore(hash, lost as FoundSession[]);
    } catch (error) {
      this.#options.onError(error as Error); // the returned list is correct in any case
    }
  }

  /** Adds a session to the list of the owner in its record, if it is missing there. */
  async restore(session: FoundSession): Promise<void> {
    const hash = session.content.meta.owner?.hash;
    if (hash !== undefined) await this.lists.restore(hash, [session]);
  }

  /**
   * Ends the session of a handle.
   *
   * @returns whether the owner had that session.
   */
  async revoke(handle: string): Promise<boolean> {
    const [hash, id, ...more] = typeof handle === "string" ? handle.split(".") : [];
    if (hash === undefined || !hasIdForm(id) || more.length > 0) return false;
    const entry = (await this.lists.read(hash)).find((each) => each.id === id) ?? hint(id);
    const ended = await this.#revocation.end(hash, entry);
    await this.lists.remove(hash, [entry]);
    if (ended !== undefined) this.#emitRevoked(hash, ended, "revoked");
    return ended !== undefined;
  }

  /** Ends all present sessions of an owner except those in `except`. Returns the number of ended sessions. */
  async revokeAll(owner: string, except: readonly (string | undefined)[]): Promise<number> {
    const hash = this.hashOf(owner);
    const entries = (await this.#entriesOf(owner, hash)).filter(
      ({ id }) => !except.includes(`${hash}.${id}`),
    );
    const errors: unknown[] = [];
    const done: OwnerEntry[] = [];
    const ended = await inChunks(entries, async (entry) => {
      try {
        const session = await this.#revocation.end(hash, entry);
        done.push(entry);
        return session;
      } catch (error) {
        errors.push(error); // continues with the other sessions
        return undefined;
      }
    });
    await this.lists.remove(hash, done);
    for (const { id } of done) this.known.delete(owner, id);
    const sessions = ended.filter((session) => session !== undefined);
    for (const session of sessions) this.#emitRevoked(hash, session, "revoked");
    if (errors.length > 0) throw errors[0];
    return sessions.length;
  }

  /** Ends the oldest sessions of an owner above `maxPerOwner`. Reports a failure instead of throwing. */
  trim(hash: string): Promise<void> {
    return this.#trims.run(hash, async () => {
      try {
        await this.#trim(hash);
      } catch (error) {
        this.#options.onError(error as Error); // the log-in itself has succeeded
      }
    });
  }

  async #trim(hash: string): Promise<void> {
    const { maxPerOwner } = this.#options;
    const entries = await this.lists.read(hash);
    if (entries.length <= maxPerOwner) return;
    const live = await this.#liveOf(hash, entries);
    const eldestFirst = [...live].sort(([, a], [, b]) => a.since - b.since);
    for (const [id] of eldestFirst.slice(0, Math.max(0, live.size - maxPerOwner))) {
      const session = await this.#records.find(id);
      const ended = session && (await this.#records.end(session, (current) => isOf(current, hash)));
      if (ended !== undefined) this.#emitRevoked(hash, ended, "limit");
      live.delete(id);
    }
    this.#seen.replace(hash, live);
    const old = this.#now() - PENDING_MS;
    const ended = new Set(eldestFirst.map(([id]) => id).filter((id) => !live.has(id)));
    await this.lists.remove(
      hash,
      entries.filter(({ id, at }) => ended.has(id) || (!live.has(id) && at <= old)),
    );
  }

  /** Finds the live sessions of a list. Does not read those that this process has just seen. */
  async #liveOf(hash: string, entries: readonly OwnerEntry[]): Promise<Map<string, SeenSession>> {
    const now = this.#now();
    const live = await inChunks(entries, async (entry): Promise<[string, SeenSession] | undefined> => {
      const seen = this.#seen.of(hash, entry, now);
      if (seen !== undefined) return [entry.id, seen];
      const session = await this.#records.find(entry.id);
      return isOf(session, hash) ? [entry.id, seenNow(session, entry, now)] : undefined;
    });
    return new Map(live.filter((each) => each !== undefined));
  }

  async #entriesOf(owner: string, hash: string): Promise<OwnerEntry[]> {
    const entries = await this.lists.read(hash);
    const listed = new Set(entries.map(({ id }) => id));
    return [
      ...entries,
      ...this.known
        .of(owner)
        .filter((id) => !listed.has(id))
        .map(hint),
    ];
  }

  #findAll(entries: readonly OwnerEntry[]): Promise<(FoundSession | undefined)[]> {
    return inChunks(entries, ({ id }) => this.#records.find(id));
  }

  #describe(hash: string, { id, created }: OwnerEntry, { record, content }: FoundSession): OwnedSession {
    const { meta } = content;
    const since = meta.owner?.since ?? created;
    const usedBy = record.expiry.getTime() - this.#idleTimeoutOf(content.values); // as of the last touch; -Infinity: none
    return {
      handle: `${hash}.${id}`,
      created: new Date(since),
      lastSeen: new Date(Math.max(meta.seen ?? since, usedBy, since)),
      expiry: new Date(Math.min(record.expiry.getTime(), content.deadline)),
      description: this.#descriptionOf(content.values),
      ...traitsOf(meta),
    };
  }

  #idleTimeoutOf(values: Record<string, unknown>): number {
    try {
      return this.#options.policy.of(values).idleTimeoutMs;
    } catch (error) {
      this.#options.onError(error as Error);
      return Number.POSITIVE_INFINITY;
    }
  }

  #descriptionOf(values: Record<string, unknown>): unknown {
    try {
      return this.#options.describe(values);
    } catch (error) {
      this.#options.onError(error as Error);
      return undefined;
    }
  }

  #emitRevoked(hash: string, { id, content }: FoundSession, reason: "revoked" | "limit"): void {
    this.#options.events.emit("revoked", () => {
      return { owner: this.#options.ownerOf(content.values), handle: `${hash}.${id}`, reason };
    });
  }
}

async function inChunks<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += CHUNK) {
    results.push(...(await Promise.all(items.slice(at, at + CHUNK).map(work))));
  }
  return results;
}
