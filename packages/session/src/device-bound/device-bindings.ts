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

/** Reads the bound cookies that a request brings. */
export type BoundCookies = () => readonly string[];

export interface BindingOptions {
  records: SessionRecords;
  codec: SessionCodec;
  policy: SessionPolicy;
  ownerOf: (values: Record<string, unknown>) => string | undefined;
  /** Whether sessions have owners: then none is bound before it has one. */
  hasOwners: boolean;
  refreshAfterMs: number;
  now: () => number;
  events: SessionEmitter;
}

/** What a browser is given when it has proved its device. */
export interface Bound {
  kind: "bound";
  id: string;
  cookie: string;
  challenge: string;
}

/** What comes of a proof: it holds, it must be made anew of this challenge, or it is none. */
export type Verdict = Bound | { kind: "challenge"; id: string; challenge: string } | { kind: "refused" };

const REFUSED: Verdict = { kind: "refused" };

/** Changes by others that one proof is ready to come after. */
const MAX_TRIES = 100;
/** Maximum number of bound cookies honoured at once: browsers refresh in parallel. */
const MAX_COOKIES = 16;
/** For how long a bound cookie is honoured beyond its end in the browser, and after a refresh, in ms: for requests in flight. */
const SLACK_MS = 30_000;
/**
 * How long a challenge can be signed, in ms: longer than any cookie lives, since a second signature for each visit would
 * soon be too many for Chromium, which signs about six times in nine minutes for one site.
 */
const CHALLENGE_MS = 7_200_000;
/** How long a browser that has just bound its session may take to learn that, in ms. */
const JUST_NOW_MS = 10_000;

/**
 * Binds sessions to devices: a browser proves by signatures that it has a key, and is given a cookie that lives for
 * minutes. Each step is one compare-and-swap of the session's record.
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

  /** Makes the note of a session that the browser is asked to bind; `undefined` for one that is nobody's. */
  ask(owner: string | undefined, now: number): BindingNote | undefined {
    if (this.#options.hasOwners && owner === undefined) return undefined;
    return { id: newNonce(), at: now, challenge: [newSecret(), now] };
  }

  /** Tells why a request may not have a session; `undefined` if it may. */
  doubtIn({ content }: FoundSession, cookies: BoundCookies | undefined): Doubt | undefined {
    const { binding } = content.meta;
    if (binding?.key === undefined) return undefined;
    const now = this.#now();
    const values = cookies?.() ?? [];
    if (values.some((value) => honoured(binding.cookies ?? [], sha256(value), now))) return undefined;
    if (values.length > 0) return "stale";
    return now - binding.at < JUST_NOW_MS ? "just now" : "missing";
  }

  /** Binds the session of one of the tokens to the key that the proof brings. */
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
   * Gives the device that a session is bound to another cookie. Its identifier is enough, without the session's token:
   * the signature proves more, a renewal may be replacing the token, and browsers leave out cookies of `SameSite=Lax` where
   * the visitor comes from another site.
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

  /** Replaces challenge and cookie. The former cookies are honoured for requests that are in flight. */
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

  /** Changes the binding of a session as `decide` says of each state that the session is found in. */
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

  /** @returns whether the store took the note; also if it did so and then reported a failure. */
  async #write(found: FoundSession, note: BindingNote): Promise<boolean> {
    const { codec, policy } = this.#options;
    const { id, key, record, content } = found;
    const meta = { ...content.meta, binding: note };
    const data = codec.encode({ ...content, meta }, Number.POSITIVE_INFINITY);
    const { idleTimeoutMs } = policy.of(content.values);
    const expiry = new Date(Math.min(content.deadline, this.#now() + idleTimeoutMs)); // a refresh is a use
    try {
      return await this.#records.write(key, record.data, { data, expiry });
    } catch (error) {
      // A browser that is not told would never prove itself: the session would be lost to its own user.
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

/** Names a binding to the browser: its session, and which of the session's bindings it is. */
function identifierOf(sessionId: string, { id }: BindingNote): string {
  return `${sessionId}.${id}`;
}

/** A verdict alone, or with the note that must be in the store for it. */
type Change = Verdict | { note: BindingNote; verdict: Verdict };
