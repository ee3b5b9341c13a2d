import type { SessionData } from "express-session";

/** A session as express-session applications hold it: the cookie and several small fields. */
export interface BenchSession extends SessionData {
  userId: string;
  csrf: string;
  cart: { sku: string; quantity: number }[];
  flash: Record<string, string>;
  /** Pads the session to the requested size. */
  returnTo: string;
}

/** Creates a pseudo-random generator (mulberry32): every contender and run gets the same tokens and order. */
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
 * Returns tokens by number: 32 bytes in base64url. Each call creates a new string, as the token of a request is one. V8
 * would already know the hash of a reused string.
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

/** Returns the numbers from 0 to `count` - 1 in a pseudo-random order. */
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
 * Creates a session whose JSON has exactly `size` bytes. The content depends on `index` and `version`.
 *
 * @throws RangeError if `size` is less than {@link leastSize}.
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

/** Returns the minimum size of a session in bytes: the size of its fields without padding. */
export function leastSize(): number {
  const enough = 1024;
  const { returnTo } = createSession(996, 1, enough, new Date(0));
  return enough - returnTo.length + "/".length;
}

/** Returns the index that {@link createSession} was called with. */
export function indexOf({ userId }: BenchSession): number {
  return Number(userId);
}

/** Returns the session's own fields, without the cookie, which some stores change, and without fields that some add. */
export function contentOf({ userId, csrf, cart, flash, returnTo }: BenchSession): object {
  return { userId, csrf, cart, flash, returnTo };
}

/** Returns the session with an expired cookie, in every form that a peer may read. */
export function expired(session: BenchSession): BenchSession {
  const expires = new Date(Date.now() - 60_000).toISOString();
  const cookie = { ...session.cookie, originalMaxAge: 1, maxAge: -60_000, expires };
  return { ...session, cookie: cookie as unknown as SessionData["cookie"] };
}
