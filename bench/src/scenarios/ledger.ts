import { isDeepStrictEqual } from "node:util";
import type { Contender } from "../harness/contender.js";
import { contentOf, type Tokens } from "../harness/sessions.js";
import { WrongAnswer } from "./outcome.js";

/** Records the sessions that a contender must hold, and compares its answers with them. */
export class Ledger {
  readonly #contender: Contender;
  readonly tokens: Tokens;
  /** The two alternating contents of each session. */
  readonly #contents: readonly [unknown[], unknown[]];
  readonly expiries: readonly [Date, Date];
  /** By session: 1 if it exists. */
  readonly present: Uint8Array;
  /** By session: the index of its content. */
  readonly versions: Uint8Array;
  /** By session: the index of its expiry. */
  readonly touched: Uint8Array;
  /** By session: 1 if it was written since the last verification. */
  readonly changed: Uint8Array;

  constructor(
    contender: Contender,
    tokens: Tokens,
    contents: readonly [unknown[], unknown[]],
    expiries: readonly [Date, Date],
  ) {
    this.#contender = contender;
    this.tokens = tokens;
    this.#contents = contents;
    this.expiries = expiries;
    const { length } = contents[0];
    this.present = new Uint8Array(length);
    this.versions = new Uint8Array(length);
    this.touched = new Uint8Array(length);
    this.changed = new Uint8Array(length);
  }

  get sessions(): number {
    return this.present.length;
  }

  content(index: number, version: number = this.versions[index] as number): unknown {
    return this.#contents[version]?.[index];
  }

  /** Records that a session was written. */
  put(index: number, version: number): void {
    this.present[index] = 1;
    this.versions[index] = version;
    this.touched[index] = 0;
    this.changed[index] = 1;
  }

  touch(index: number, expiry: number): void {
    this.touched[index] = expiry;
    this.changed[index] = 1;
  }

  remove(index: number): void {
    this.present[index] = 0;
    this.changed[index] = 1;
  }

  /** Returns the indexes of sessions that do not exist. */
  missing(): number[] {
    return Array.from(this.present.keys()).filter((index) => this.present[index] === 0);
  }

  /**
   * Compares an answer of `find` with the session that must be there.
   *
   * @throws WrongAnswer
   */
  check(index: number, found: unknown): void {
    if (this.present[index] === 0) {
      if (found !== undefined && found !== null)
        throw new WrongAnswer("a session was found that does not exist");
      return;
    }
    if (found === undefined || found === null) throw new WrongAnswer("a session was not found");
    this.checkContent(index, found, this.versions[index] as number);
    const expiry = this.#contender.expiryOf?.(found);
    if (expiry !== undefined && expiry.getTime() !== this.expiries[this.touched[index] as 0 | 1].getTime()) {
      throw new WrongAnswer("a session has a different expiry from the one written");
    }
  }

  /** @throws WrongAnswer if the content is not this version of the session */
  checkContent(index: number, found: unknown, version: number): void {
    const { bytesOf, read } = this.#contender;
    const content = this.content(index, version);
    const isSame =
      bytesOf === undefined
        ? isDeepStrictEqual(contentOf(read(found)), contentOf(content as Parameters<typeof contentOf>[0]))
        : Buffer.compare(bytesOf(found), content as Uint8Array) === 0;
    if (!isSame) throw new WrongAnswer("a session that was read back differs from the one written");
  }
}
