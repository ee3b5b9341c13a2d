import type { SessionCodec } from "../codecs/codec.js";
import type { BindingNote, DeviceKey, SecretNote } from "../codecs/session-meta.js";
import { honoured, unexpired } from "../persistence/secrets.js";
import type { SessionRecords } from "../persistence/session-records.js";
import { hasIdForm, newNonce, newSecret, partsOf, sha256 } from "../persistence/session-token.js";
import { type FoundSession, publicHandleOf } from "../persistence/stored-session.js";
import type { SessionPolicy } from "../policy/session-policy.js";
import { SessionError } from "../session-error.js";
import type { SessionEmitter } from "../session-events.js";
import { type Doubt, REGISTRATION_MS } from "./bound-state.js";
import { isSignedBy, type Proof } from "./proof.js";

export type { Doubt } from "./bound-state.js";

/** Reads the bound cookies of a request. */
export type BoundCookies = () => readonly string[];

export interface BindingOptions {
  records: SessionRecords;
  codec: SessionCodec;
  policy: SessionPolicy;
  ownerOf: (values: Record<string, unknown>) => string | undefined;
  /** Whether sessions have owners. If so, a session is bound only once it has one. */
  hasOwners: boolean;
  refreshAfterMs: number;
  now: () => number;
  events: SessionEmitter;
}

/** The reply to a browser that has proved its device. */
export interface Bound {
  kind: "bound";
  id: string;
  cookie: string;
  challenge: string;
}

/** The verdict on a proof: accepted, to be repeated with this challenge, or refused. */
export type Verdict = Bound | { kind: "challenge"; id: string; challenge: string } | { kind: "refused" };

const REFUSED: Verdict = { kind: "refused" };

/** Maximum number of attempts to store one proof while others change the session. */
const MAX_TRIES = 100;
/** Maximum number of bound cookies honoured at once: browsers refresh in parallel. */
const MAX_COOKIES = 16;
/** Time in ms for which a bound cookie is honoured after its end in the browser or a refresh, for requests in flight. */
const SLACK_MS = 30_000;
/**
 * Lifetime of a challenge in ms. Longer than that of any cookie, because a second signature per visit would soon exceed
 * Chromium's limit of about six signatures in nine minutes per site.
 */
const CHALLENGE_MS = 7_200_000;
/** Maximum time until a browser that has just bound its session has the bound cookie, in ms. */
const JUST_NOW_MS = 10_000;

/**
 * Binds sessions to devices: a browser proves by signatures that it has a key, and gets a cookie that lives for minutes.
 * Each step is one compare-and-swap of the session's record.
 */
export class DeviceBindings {
  readonly #options: BindingOptions;
  readonly #records: SessionRecords;
  readonly #now: () => number;

  constructor(options: BindingOptions) {
    this.#options = options;
    this.#records = options.records;
    this.#now = options.now;
  }

  /** Creates the binding that the browser is asked to complete; `undefined` for a session without an owner. */
  ask(owner: string | undefined, now: number): BindingNote | undefined {
    if (this.#options.hasOwners && owner === undefined) return undefined;
    return { id: newNonce(), at: now, challenge: [newSecret(), now] };
  }

  /** Returns why a request may not have a session; `undefined` if it may. */
  doubtIn({ content }: FoundSession, cookies: BoundCookies | undefined): Doubt | undefined {
    const { binding } = content.meta;
    if (binding?.key === undefined) return undefined;
    const now = this.#now();
    const values = cookies?.() ?? [];
    if (values.some((value) => honoured(binding.cookies ?? [], sha256(value), now))) return undefined;
    if (values.length > 0) return "stale";
    return now - binding.at < JUST_NOW_MS ? "just now" : "missing";
  }

  /** Binds the session of one of the tokens to the key in the proof. */
  async register(tokens: readonly string[], proof: Proof): Promise<Verdict> {
    const { key } = proof;
    if (key === undefined || !isSignedBy(proof, key)) return REFUSED;
    for (const token of tokens) {
      const { id = "", secret = "" } = partsOf(token) ?? {};
      const verdict = await this.#change(id, (found) => this.#registered(found, sha256(secret), proof, key));
      if (verdict !== REFUSED) return verdict;
    }
    return REFUSED;
  }

  #registered({ id, content }: FoundSession, secretHash: string, proof: Proof, key: DeviceKey): Change {
    const now = this.#now();
    const { binding, secrets } = content.meta;
    const isDue =
      honoured(secrets, secretHash, now) !== undefined &&
      binding !== undefined &&
      binding.key === undefined &&
      now - binding.at < REGISTRATION_MS &&
      binding.challenge[0] === proof.challenge;
    return isDue ? this.#proved(id, { ...binding, at: now, key }, now) : REFUSED;
  }

  /**
   * Issues another bound cookie to the device of a session. Needs the identifier of the binding, but not the session's
   * token: the signature proves more, a renewal may be replacing the token, and browsers omit cookies of `SameSite=Lax`
   * when the visitor comes from another site.
   */
  refresh(identifier: string, proof: Proof | undefined): Promise<Verdict> {
    const [id = "", name] = identifier.split(".");
    return this.#change(id, ({ content }) => {
      const { binding } = content.meta;
      return binding?.id === name && binding !== undefined ? this.#refreshed(id, binding, proof) : REFUSED;
    });
  }

  #refreshed(sessionId: string, binding: BindingNote, proof: Proof | undefined): Change {
    const now = this.#now();
    const { key } = binding;
    const id = identifierOf(sessionId, binding);
    if (key === undefined) return REFUSED;
    const isForged = proof !== undefined && !isSignedBy(proof, key);
    if (isForged || (proof?.subject !== undefined && proof.subject !== id)) return REFUSED;
    const [challenge, told] = binding.challenge;
    const isFresh = now - told < CHALLENGE_MS;
    if (proof?.challenge === challenge && isFresh) return this.#proved(sessionId, binding, now);
    if (isFresh) return { kind: "challenge", id, challenge };
    const another = newSecret();
    return {
      note: { ...binding, challenge: [another, now] },
      verdict: { kind: "challenge", id, challenge: another },
    };
  }

  /** Replaces challenge and cookie. The former cookies stay valid for requests in flight. */
  #proved(sessionId: string, binding: BindingNote, now: number): Change {
    const [cookie, challenge] = [newSecret(), newSecret()];
    const end = now + SLACK_MS;
    const former = unexpired(binding.cookies ?? [], now).map(
      ([hash, until]): SecretNote => [hash, Math.min(until ?? end, end)],
    );
    const own: SecretNote = [sha256(cookie), now + this.#options.refreshAfterMs + SLACK_MS];
    const cookies = [own, ...former].slice(0, MAX_COOKIES);
    return {
      note: { ...binding, challenge: [challenge, now], cookies },
      verdict: { kind: "bound", id: identifierOf(sessionId, binding), cookie, challenge },
    };
  }

  /** Changes the binding of a session by `decide`, which is called again if others change the session meanwhile. */
  async #change(id: string, decide: (found: FoundSession) => Change): Promise<Verdict> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const found = hasIdForm(id) ? await this.#records.find(id) : undefined;
      if (found === undefined) return REFUSED;
      const change = decide(found);
      if ("kind" in change) return change;
      if (!(await this.#write(found, change.note))) continue;
      if (found.content.meta.binding?.key === undefined) this.#emitBound(found);
      return change.verdict;
    }
    throw new SessionError(
      "CONFLICT",
      `others changed a session ${MAX_TRIES} times while it was being bound`,
    );
  }

  /** @returns whether the store has the binding, even if it reported a failure. */
  async #write(found: FoundSession, note: BindingNote): Promise<boolean> {
    const { codec, policy } = this.#options;
    const { id, key, record, content } = found;
    const meta = { ...content.meta, binding: note };
    const data = codec.encode({ ...content, meta }, Number.POSITIVE_INFINITY);
    const { idleTimeoutMs } = policy.of(content.values);
    const expiry = new Date(Math.min(content.deadline, this.#now() + idleTimeoutMs)); // a refresh counts as a use
    try {
      return await this.#records.write(key, record.data, { data, expiry });
    } catch (error) {
      // Without this reply, the browser would never prove its device, and the user would lose the session.
      const now = await this.#records.find(id);
      if (now?.content.meta.binding?.challenge[0] === note.challenge[0]) return true;
      throw error;
    }
  }

  #emitBound({ id, content: { meta, values } }: FoundSession): void {
    this.#options.events.emit("bound", () => {
      return { owner: this.#options.ownerOf(values), handle: publicHandleOf({ id, meta }) };
    });
  }
}

/** Identifies a binding for the browser: its session, and its name within the session. */
function identifierOf(sessionId: string, { id }: BindingNote): string {
  return `${sessionId}.${id}`;
}

/** A verdict, with the binding that must be stored first, if any. */
type Change = Verdict | { note: BindingNote; verdict: Verdict };
