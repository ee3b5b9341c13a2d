import type { SessionData } from "express-session";

/** A session as an application of express-session holds it: the cookie and several small fields. */
export interface BenchSession extends SessionData {
  userId: string;
  csrf: string;
  cart: { sku: string; quantity: number }[];
  flash: Record<string, string>;
  /** Fills the session up to the size that was asked for. */
  returnTo: string;
}

/** A pseudo-random generator (mulberry32): every contender and every run gets the same tokens and order. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

const TOKEN_BYTES = 32;

/**
 * Gives tokens by their number, of 43 characters, 32 bytes in base64url, as the session manager's are. Each is a new
 * string: a token comes with a request, and no store has met it. The very string that was stored would have its hash
 * computed already, and be found by its address.
 */
export class Tokens {
  readonly #bytes: Buffer;

  constructor(count: number, seed: number) {
    const next = random(seed);
    this.#bytes = Buffer.alloc(count * TOKEN_BYTES);
    for (let offset = 0; offset < this.#bytes.length; offset += 4) this.#bytes.writeUInt32LE(next(), offset);
  }

  at(index: number): string {
    return this.#bytes.toString("base64url", index * TOKEN_BYTES, (index + 1) * TOKEN_BYTES);
  }
}

const LATER_SEEDS = 100;

/** The same tokens, and more of them beyond the last. */
export class EndlessTokens extends Tokens {
  readonly #count: number;
  readonly #later = new Map<number, Tokens>();

  constructor(count: number, seed: number) {
    super(count, seed);
    this.#count = count;
  }

  override at(index: number): string {
    const generation = Math.floor(index / this.#count);
    if (generation === 0) return super.at(index);
    let later = this.#later.get(generation);
    if (later === undefined) {
      later = new Tokens(this.#count, LATER_SEEDS + generation);
      this.#later.set(generation, later);
    }
    return later.at(index % this.#count);
  }
}

/** Gives the numbers from 0 to `count` - 1 in an order that looks random. */
export function shuffled(count: number, seed: number): Uint32Array {
  const next = random(seed);
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last--) {
    const other = next() % (last + 1);
    [order[last], order[other]] = [order[other] as number, order[last] as number];
  }
  return order;
}

/**
 * Makes sessions whose JSON has exactly `size` bytes. Each `version` of the session at one index has other
 * content than the versions before.
 *
 * @throws RangeError if `size` is less than the fields alone take ({@link leastSize}).
 */
export function createSession(index: number, version: number, size: number, expiry: Date): BenchSession {
  const session: BenchSession = {
    cookie: {
      originalMaxAge: 86_400_000,
      expires: expiry.toISOString(),
      httpOnly: true,
      path: "/",
    } as unknown as SessionData["cookie"],
    userId: String(index).padStart(8, "0"),
    csrf: `v${String(version).padStart(11, "0")}`,
    cart: [{ sku: `A-${index % 997}`, quantity: 1 + (index % 5) }],
    flash: {},
    returnTo: "/",
  };
  const missing = size - JSON.stringify(session).length;
  if (missing < 0) throw new RangeError(`a session has at least ${size - missing} bytes, not ${size}`);
  session.returnTo += "products/".repeat(Math.ceil(missing / 9)).slice(0, missing);
  return session;
}

/** How many bytes of JSON the largest session has of fields alone. */
export function leastSize(): number {
  const enough = 1024;
  const { returnTo } = createSession(996, 1, enough, new Date(0));
  return enough - returnTo.length + "/".length;
}

/** Which session it is, of those that {@link createSession} makes. */
export function indexOf({ userId }: BenchSession): number {
  return Number(userId);
}

/** What a session says beside its cookie, which some stores change, and what some add. */
export function contentOf({ userId, csrf, cart, flash, returnTo }: BenchSession): object {
  return { userId, csrf, cart, flash, returnTo };
}

/** The session as if it had expired, by all that any of the peers goes by. */
export function expired(session: BenchSession): BenchSession {
  const expires = new Date(Date.now() - 60_000).toISOString();
  const cookie = { ...session.cookie, originalMaxAge: 1, maxAge: -60_000, expires };
  return { ...session, cookie: cookie as unknown as SessionData["cookie"] };
}
