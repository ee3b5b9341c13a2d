import type { LifetimeNote, SessionMeta } from "../codecs/session-meta.js";
import type { StoredSession } from "../persistence/stored-session.js";
import { type Appointment, nextDeadline } from "../policy/deadline.js";
import type { SessionPolicy } from "../policy/session-policy.js";

interface SettingsOptions {
  /** Computes the deadline of a session that begins now, in ms since the epoch. */
  newDeadline(): number;
  policy: SessionPolicy;
  now: () => number;
}

/** Holds what a request says of its session beside the values: deadline, persistence and authentication. */
export class SessionSettings {
  readonly #options: SettingsOptions;
  /** In ms since the epoch. */
  deadline: number;
  /** Whether the cookie outlives the browser; `undefined`: as the manager's cookies do. */
  persist: boolean | undefined;
  /** What this request said of the user's authentication: its time, or that it counts no more. */
  authentication: { at: number | undefined } | undefined;
  /** Who has set the deadline, if this request has: the app, or a lifetime that begins anew at this time. */
  #appointment: Appointment | undefined;
  /** Whether this request has set persistence, which then prevails over the stored one. */
  #isPersistOwn = false;
  /** Counts the changes. */
  revision = 0;
  /** The last revision that the store has. */
  savedRevision = 0;

  constructor(options: SettingsOptions, deadline: number) {
    this.#options = options;
    this.deadline = deadline;
  }

  /** Whether this request has set the deadline, and the store does not know. */
  get hasOwnDeadline(): boolean {
    return this.#appointment !== undefined;
  }

  /** Whether there are changes that the store does not have. */
  get isRevised(): boolean {
    return this.revision !== this.savedRevision;
  }

  setDeadline(ms: number): void {
    this.deadline = ms;
    this.#appointment = { by: "app" };
    this.revision++;
  }

  beginLifetime(): void {
    this.deadline = this.#options.newDeadline();
    this.#appointment = { by: "lifetime", since: this.#options.now() };
    this.revision++;
  }

  setPersist(on: boolean): void {
    if (this.persist === on) return;
    this.persist = on;
    this.#isPersistOwn = true;
    this.revision++;
  }

  /** @param at in ms since the epoch; `undefined`: an earlier authentication counts no more. */
  setAuthentication(at: number | undefined): void {
    this.authentication = { at };
    this.revision++;
  }

  /** Moves the deadline to where the policy has it, and returns the lifetime to store. */
  applyPolicy(stored: StoredSession | undefined, lifetimeMs: number, now: number): LifetimeNote {
    const { limits } = this.#options.policy;
    const { deadline, note } = nextDeadline(
      stored,
      this.deadline,
      this.#appointment,
      lifetimeMs,
      limits,
      now,
    );
    if (deadline !== this.deadline) {
      this.deadline = deadline;
      this.revision++;
    }
    if (deadline <= now) this.#appointment = { by: "app" }; // the store does not know that the session is over
    return note;
  }

  /** Takes over what the store holds, except for what this request has set. */
  adopt(deadline: number, { persist }: SessionMeta): void {
    if (this.#appointment === undefined) this.deadline = deadline;
    if (!this.#isPersistOwn) this.persist = persist;
  }

  /** Notes that the store has what `revision` was. */
  saved(revision: number): void {
    this.savedRevision = revision;
    if (revision !== this.revision) return;
    this.#appointment = undefined;
    this.#isPersistOwn = false;
    this.authentication = undefined;
  }

  /** Returns to the settings of a new session. */
  reset(): void {
    this.deadline = this.#options.newDeadline();
    this.persist = undefined;
    this.saved(this.revision);
  }
}
