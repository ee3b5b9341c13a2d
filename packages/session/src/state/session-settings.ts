import type { LifetimeNote, SessionMeta } from "../codecs/session-meta.js";
import type { StoredSession } from "../persistence/stored-session.js";
import { type Appointment, nextDeadline } from "../policy/deadline.js";
import type { SessionPolicy } from "../policy/session-policy.js";

interface SettingsOptions {
  /** Returns the deadline of a session that begins now, in ms since the epoch. */
  newDeadline(): number;
  policy: SessionPolicy;
  now: () => number;
}

/** The settings of a session beside its values, as one request sees them: deadline, persistence, authentication. */
export class SessionSettings {
  readonly #options: SettingsOptions;
  /** In ms since the epoch. */
  deadline: number;
  /** Whether the cookie outlives the browser; `undefined` for the manager's default. */
  persist: boolean | undefined;
  /** The authentication set by this request: its time, or its withdrawal. */
  authentication: { at: number | undefined } | undefined;
  /** The origin of a deadline set by this request. */
  #appointment: Appointment | undefined;
  /** Whether this request has set persistence, which then overrides the stored one. */
  #isPersistOwn = false;
  /** Counts the changes. */
  revision = 0;
  /** The last saved revision. */
  savedRevision = 0;

  constructor(options: SettingsOptions, deadline: number) {
    this.#options = options;
    this.deadline = deadline;
  }

  /** Whether this request has set a deadline that is not saved. */
  get hasOwnDeadline(): boolean {
    return this.#appointment !== undefined;
  }

  /** Whether there are unsaved changes. */
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

  /** Sets the time of the authentication in ms since the epoch; `undefined` withdraws it. */
  setAuthentication(at: number | undefined): void {
    this.authentication = { at };
    this.revision++;
  }

  /** Moves the deadline according to the policy, and returns the lifetime to store. */
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
    if (deadline <= now) this.#appointment = { by: "app" }; // the stored session has not expired yet
    return note;
  }

  /** Takes over the stored settings, except for those set by this request. */
  adopt(deadline: number, { persist }: SessionMeta): void {
    if (this.#appointment === undefined) this.deadline = deadline;
    if (!this.#isPersistOwn) this.persist = persist;
  }

  /** Marks `revision` as saved. */
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
