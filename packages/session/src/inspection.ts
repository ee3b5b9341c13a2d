import type { OwnedSession } from "./owners/owned-session.js";
import type { OwnerSessions } from "./owners/owner-sessions.js";
import { traitsOf } from "./owners/session-traits.js";
import { foundSessions } from "./persistence/all-sessions.js";
import type { BoundedStore } from "./persistence/bounded-store.js";
import type { SessionRecords } from "./persistence/session-records.js";
import { hasIdForm } from "./persistence/session-token.js";
import type { FoundSession } from "./persistence/stored-session.js";
import type { SessionPolicy } from "./policy/session-policy.js";
import type { SessionEmitter } from "./session-events.js";

/** A session for operators: with values only on request, and never with its token. */
export interface InspectedSession<T extends object = Record<string, unknown>, D = unknown>
  extends Omit<OwnedSession<D>, "created" | "lastSeen"> {
  /** Identifies the session in `inspect` and `revoke`: its handle, or its ID if it has no owner. No secret. */
  handle: string;
  /** The owner; `undefined` if there is none, or if `owner` threw. */
  owner: string | undefined;
  /** The hash of the owner in the store: the part of the handle before the dot. */
  ownerHash: string | undefined;
  /** Time at which the session got its owner; `undefined` if there is none. */
  created: Date | undefined;
  /** Time of the last use, if it is recorded: with an idle timeout, or for sessions with an owner. */
  lastSeen: Date | undefined;
  /** The end of its absolute lifetime. */
  deadline: Date;
  /** Length of its record in bytes. */
  bytes: number;
  /** The values, on request only. */
  values?: Partial<T>;
}

/** @internal */
export interface InspectionOptions {
  store: BoundedStore;
  records: SessionRecords;
  owners: OwnerSessions | undefined;
  policy: SessionPolicy;
  ownerOf: (values: Record<string, unknown>) => string | undefined;
  describe: (values: Record<string, unknown>) => unknown;
  events: SessionEmitter;
  onError: (error: Error) => void;
}

/** A key that no session and no list has. */
const NO_RECORD = "@ping";

/**
 * Finds, lists and ends stored sessions without their tokens.
 *
 * @internal
 */
export class Inspection {
  readonly #options: InspectionOptions;

  constructor(options: InspectionOptions) {
    this.#options = options;
  }

  async ping(): Promise<number> {
    const start = performance.now();
    await this.#options.store.find(NO_RECORD);
    return performance.now() - start;
  }

  async count(): Promise<number> {
    let count = 0;
    for await (const _ of foundSessions(this.#options)) count++;
    return count;
  }

  async *all(withValues: boolean): AsyncGenerator<InspectedSession> {
    for await (const found of foundSessions(this.#options)) yield this.#describe(found, withValues);
  }

  async find(handle: string, withValues: boolean): Promise<InspectedSession | undefined> {
    const [id, hash, ...more] = typeof handle === "string" ? handle.split(".").reverse() : [];
    if (!hasIdForm(id) || more.length > 0) return undefined;
    const found = await this.#options.records.find(id);
    const isMeant = found !== undefined && found.content.meta.owner?.hash === hash;
    return isMeant ? this.#describe(found, withValues) : undefined;
  }

  /** Returns whether a handle is that of a session without an owner. */
  isOfNobody(handle: string): boolean {
    return hasIdForm(handle);
  }

  /** Ends a session, unless it has an owner. */
  async endOfNobody(id: string): Promise<boolean> {
    const { records, events } = this.#options;
    const isNobodys = ({ content }: FoundSession): boolean => content.meta.owner === undefined;
    const found = await records.find(id);
    const ended = found && (await records.end(found, isNobodys));
    if (ended === undefined) return false;
    events.emit("revoked", () => ({ owner: undefined, handle: id, reason: "revoked" }));
    return true;
  }

  #describe({ id, record, content }: FoundSession, withValues: boolean): InspectedSession {
    const { describe, ownerOf, policy } = this.#options;
    const idleTimeoutMs =
      this.#attempt(() => policy.of(content.values).idleTimeoutMs) ?? Number.POSITIVE_INFINITY;
    const { owner: note, seen } = content.meta;
    const expiry = Math.min(record.expiry.getTime(), content.deadline);
    const usedBy = record.expiry.getTime() - idleTimeoutMs; // as of the last touch; -Infinity: none
    const lastSeen = Math.max(seen ?? usedBy, usedBy, note?.since ?? usedBy);
    return {
      handle: note === undefined ? id : `${note.hash}.${id}`,
      owner: this.#attempt(() => ownerOf(content.values)),
      ownerHash: note?.hash,
      created: dateOf(note?.since),
      lastSeen: dateOf(lastSeen),
      expiry: new Date(expiry),
      deadline: new Date(content.deadline),
      bytes: record.data.length,
      description: this.#attempt(() => describe(content.values)),
      ...traitsOf(content.meta),
      ...(withValues && { values: content.values }),
    };
  }

  /** Calls a function of the app. Its errors must not hide the other sessions. */
  #attempt<R>(call: () => R): R | undefined {
    try {
      return call();
    } catch (error) {
      this.#options.onError(error as Error);
      return undefined;
    }
  }
}

function dateOf(ms: number | undefined): Date | undefined {
  return ms === undefined || !Number.isFinite(ms) ? undefined : new Date(ms);
}
