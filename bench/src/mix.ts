import type { Callback, Contender } from "./contender.js";
import type { Driven } from "./drive.js";
import { type Ledger, WrongAnswer } from "./ledger.js";
import { MIX } from "./operation.js";
import { random } from "./sessions.js";

const KINDS = ["find", "touch", "replace", "renew"] as const;

/**
 * The mix. Each lane has sessions of its own, so that what each call must give is known; a browser sends its
 * requests mostly one after the other, too.
 */
export class MixedCalls {
  readonly #contender: Contender;
  readonly #ledger: Ledger;
  readonly #touches: unknown[];
  readonly #kinds: Uint8Array;
  readonly #places: Uint32Array;
  readonly #laneOf: Uint32Array;
  /** By lane: the session that was made last and is to be removed next. */
  readonly #made: (string | undefined)[] = [];
  #madeCount = 0;

  constructor(contender: Contender, ledger: Ledger, touches: unknown[], seed: number) {
    this.#contender = contender;
    this.#ledger = ledger;
    this.#touches = touches;
    const next = random(seed);
    const { sessions } = ledger;
    const cards = KINDS.flatMap((kind, number) => new Array<number>(MIX[kind]).fill(number));
    this.#kinds = Uint8Array.from({ length: sessions }, () => cards[next() % cards.length] as number);
    this.#places = Uint32Array.from({ length: sessions }, next);
    this.#laneOf = new Uint32Array(sessions);
  }

  /** Which session a call is about. */
  #sessionOf(index: number, lane: number, inFlight: number): number {
    const each = Math.max(1, Math.floor(this.#ledger.sessions / inFlight));
    return lane + inFlight * ((this.#places[index] as number) % each);
  }

  call(index: number, lane: number, inFlight: number, callback: Callback): unknown {
    const contender = this.#contender;
    const ledger = this.#ledger;
    this.#laneOf[index] = lane;
    const kind = this.#kinds[index] as number;
    if (kind === 3) return this.#renew(lane, callback);
    const session = this.#sessionOf(index, lane, inFlight);
    const token = ledger.tokens.at(session);
    if (kind === 0) return contender.find(token, callback);
    if (kind === 1) {
      const expiry = 1 - (ledger.touched[session] as number);
      ledger.touch(session, expiry);
      return contender.touch?.(token, this.#touches[expiry], ledger.expiries[expiry as 0 | 1], callback);
    }
    const previous = ledger.content(session);
    ledger.put(session, 1 - (ledger.versions[session] as number));
    const next = ledger.content(session);
    const [expiry] = ledger.expiries;
    if (contender.replace !== undefined) return contender.replace(token, previous, next, expiry, callback);
    return this.#withoutResult((ended) => contender.commit(token, next, expiry, ended), callback);
  }

  /** A session is made, and removed by the next such call of the lane. */
  #renew(lane: number, callback: Callback): unknown {
    const made = this.#made[lane];
    if (made !== undefined) {
      this.#made[lane] = undefined;
      return this.#withoutResult((ended) => this.#contender.delete(made, ended), callback);
    }
    const token = `made-${String(this.#madeCount++).padStart(38, "0")}`;
    this.#made[lane] = token;
    const [content, expiry] = [this.#ledger.content(0, 0), this.#ledger.expiries[0]];
    return this.#withoutResult((ended) => this.#contender.commit(token, content, expiry, ended), callback);
  }

  /** What some give for a write is no result: those are counted. */
  #withoutResult(call: (callback: Callback) => unknown, callback: Callback): unknown {
    if (this.#contender.style === "callback") return call((error) => callback(error));
    return Promise.resolve(call(callback)).then(() => undefined);
  }

  /** The state that the ledger had before the calls; {@link check} goes from there. */
  before(): Uint8Array {
    return this.#ledger.versions.slice();
  }

  /**
   * Goes through the calls again, as they were made, and compares.
   *
   * @throws WrongAnswer
   */
  check({ calls, results, answers }: Driven, before: Uint8Array, inFlight: number): void {
    let expected = 0;
    for (let index = 0; index < calls; index++) {
      const kind = KINDS[this.#kinds[index] as number];
      const session = this.#sessionOf(index, this.#laneOf[index] as number, inFlight);
      if (kind === "find") {
        expected++;
        const answer = answers.get(index);
        if (answer !== undefined && answer !== null)
          this.#ledger.checkContent(session, answer, before[session] as number);
      } else if (kind === "touch") {
        if (this.#contender.touchTells) expected++;
      } else if (kind === "replace") {
        if (this.#contender.replace !== undefined) expected++;
        before[session] = 1 - (before[session] as number);
      }
    }
    if (results !== expected) throw new WrongAnswer(`${results} calls gave a result, expected ${expected}`);
  }

  /** Removes what the lanes have made and not removed, having found it. Not for the clock. */
  async finish(call: (make: (callback: Callback) => unknown) => Promise<unknown>): Promise<void> {
    for (const [lane, token] of this.#made.entries()) {
      if (token === undefined) continue;
      const found = await call((callback) => this.#contender.find(token, callback));
      if (found === undefined || found === null) throw new WrongAnswer("a session was not found");
      this.#ledger.checkContent(0, found, 0);
      this.#made[lane] = undefined;
      await call((callback) => this.#contender.delete(token, callback));
    }
  }
}
