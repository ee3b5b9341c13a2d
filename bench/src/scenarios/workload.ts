import type { Contender } from "../harness/contender.js";
import { type Call, type Driven, drive, inBulk } from "../harness/drive.js";
import { createSession, shuffled, Tokens } from "../harness/sessions.js";
import { Ledger } from "./ledger.js";
import { isRequest, type Operation, type SingleOperation } from "./operation.js";
import { WrongAnswer } from "./outcome.js";

type Extent = "some" | "changed" | "all";

/** Settings of the timed calls: see `Drive`. */
export interface Pace {
  inFlight: number;
  ms: number;
  every: number;
  kept?: number;
}

const SEEDS = { stored: 1, unknown: 2, order: 3 };
/** Settings of the calls that are not timed. */
const UNTIMED = { inFlight: 64, ms: Number.POSITIVE_INFINITY, every: 2 ** 30 };
/** One in this many of the unchanged sessions is read back. */
const SAMPLED = 16;
/** Minimum number of written sessions read back between two passes; the maximum is twice that. */
const SOME = 512;

/** Calls one contender, records the expected content, and checks the answers. */
export class Workload {
  readonly contender: Contender;
  readonly ledger: Ledger;
  readonly #tokens: Tokens;
  readonly #unknown: Tokens;
  readonly #order: Uint32Array;
  /** By expiry: the session that a peer's `touch` takes; it only reads the cookie. */
  readonly #touches: unknown[];
  /** Position in the order at which the next calls begin. */
  #offset = 0;
  /** Number of sessions that `insert` has created so far, in the order of their index. */
  #inserted = 0;
  #verifications = 0;

  constructor(contender: Contender, { sessions, size }: { sessions: number; size: number }) {
    this.contender = contender;
    this.#tokens = new Tokens(sessions, SEEDS.stored);
    this.#unknown = new Tokens(sessions, SEEDS.unknown);
    this.#order = shuffled(sessions, SEEDS.order);
    const start = Date.now();
    const expiries: [Date, Date] = [new Date(start + 86_400_000), new Date(start + 90_000_000)];
    // Created in the order of use, so that all contenders access memory in the same pattern.
    const make = (version: number) => {
      const contents = new Array<unknown>(sessions);
      for (const index of this.#order)
        contents[index] = contender.prepare(createSession(index, version, size, expiries[0]));
      return contents;
    };
    this.ledger = new Ledger(contender, this.#tokens, [make(1), make(2)], expiries);
    this.#touches = expiries.map((expiry) => contender.prepare(createSession(0, 1, size, expiry)));
  }

  get sessions(): number {
    return this.ledger.sessions;
  }

  /** Whether the contender has the operation. */
  has(operation: Operation): boolean {
    const { contender } = this;
    if (isRequest(operation)) return false;
    if (operation === "miss" || operation === "insert" || operation === "update") return true;
    return contender[operation] !== undefined;
  }

  /**
   * Makes calls until the time is over or every session was used once. Checks the number of results, and the kept
   * answers.
   *
   * @throws WrongAnswer
   */
  async run(operation: SingleOperation, pace: Pace): Promise<Driven> {
    if (operation === "insert") return this.#runInsert(pace);
    const { contender, ledger } = this;
    const removed = ledger.missing().length;
    if (operation === "delete") this.#offset = removed === this.sessions ? 0 : removed;
    const offset = this.#offset;
    const at = (index: number) => this.#order[(offset + index) % this.sessions] as number;
    const count = operation === "delete" ? this.sessions - removed : this.sessions;
    // Arguments are created before the clock starts: in an application they arrive with the request.
    const source = operation === "miss" ? this.#unknown : this.#tokens;
    const chosen = Array.from({ length: count }, (_, index) => at(index));
    const tokens = chosen.map((session) => source.at(session));
    const token = (index: number) => tokens[index] as string;
    const current = chosen.map((session) => ledger.content(session));
    const next = chosen.map((session) => ledger.content(session, 1 - (ledger.versions[session] as number)));
    const [expiry] = ledger.expiries;
    // The ledger is updated after the clock stops, which is safe because each session has at most one call.
    const calls: Record<Exclude<SingleOperation, "insert">, Call> = {
      find: (index, callback) => contender.find(token(index), callback),
      miss: (index, callback) => contender.find(token(index), callback),
      update: (index, callback) => contender.commit(token(index), next[index], expiry, callback),
      replace: (index, callback) =>
        contender.replace?.(token(index), current[index], next[index], expiry, callback),
      touch: (index, callback) => {
        const later = 1 - (ledger.touched[chosen[index] as number] as number);
        return contender.touch?.(
          token(index),
          this.#touches[later],
          ledger.expiries[later as 0 | 1],
          callback,
        );
      },
      delete: (index, callback) => contender.delete(token(index), callback),
    };
    const driven = await drive(contender.style, { ...pace, count }, calls[operation]);
    const isTold =
      operation === "find" || operation === "replace" || (operation === "touch" && contender.touchTells);
    if (isTold || operation === "miss") {
      const expected = isTold ? driven.calls : 0;
      if (driven.results !== expected)
        throw new WrongAnswer(`${driven.results} calls gave a result, expected ${expected}`);
    }
    if (operation === "find") for (const [index, found] of driven.answers) ledger.check(at(index), found);
    for (let index = 0; index < driven.calls; index++) {
      const session = at(index);
      if (operation === "delete") ledger.remove(session);
      else if (operation === "touch") ledger.touch(session, 1 - (ledger.touched[session] as number));
      else if (operation === "update" || operation === "replace")
        ledger.put(session, 1 - (ledger.versions[session] as number));
    }
    this.#offset = (offset + driven.calls) % this.sessions;
    return driven;
  }

  async #runInsert(pace: Pace): Promise<Driven> {
    const { contender, ledger } = this;
    if (this.#inserted >= this.sessions) await this.empty();
    const from = this.#inserted;
    const count = this.sessions - from;
    const tokens = Array.from({ length: count }, (_, index) => this.#tokens.at(from + index));
    const [expiry] = ledger.expiries;
    const driven = await drive(contender.style, { ...pace, count }, (index, callback) =>
      contender.commit(tokens[index] as string, ledger.content(from + index, 0), expiry, callback),
    );
    this.#inserted = from + driven.calls;
    for (let index = from; index < this.#inserted; index++) ledger.put(index, 0);
    return driven;
  }

  /** Writes all missing sessions. Not timed. */
  async fill(): Promise<void> {
    const { contender, ledger } = this;
    const missing = ledger.missing();
    const [expiry] = ledger.expiries;
    await inBulk(contender, { ...UNTIMED, count: missing.length }, (index, callback) => {
      const session = missing[index] as number;
      return contender.commit(this.#tokens.at(session), ledger.content(session, 0), expiry, callback);
    });
    for (const session of missing) ledger.put(session, 0);
    this.#inserted = this.sessions;
  }

  /** Removes all sessions. Not timed. */
  async empty(): Promise<void> {
    const { contender, ledger } = this;
    const existing = Array.from(ledger.present.keys()).filter((index) => ledger.present[index] === 1);
    await inBulk(contender, { ...UNTIMED, count: existing.length }, (index, callback) =>
      contender.delete(this.#tokens.at(existing[index] as number), callback),
    );
    for (const session of existing) ledger.remove(session);
    this.#inserted = 0;
  }

  /**
   * Compares stored sessions with the ledger: `all`; `changed`: those written since the last verification, and a sample
   * of the others; `some`: a part of the changed ones, a different part each time. `contender` may be a reopened one.
   *
   * @throws WrongAnswer
   */
  async verify(which: Extent = "changed", contender: Contender = this.contender): Promise<void> {
    const { ledger } = this;
    const read = Array.from(ledger.present.keys()).filter(
      (index) =>
        which === "all" || ledger.changed[index] === 1 || (which === "changed" && index % SAMPLED === 0),
    );
    const every = which === "some" ? Math.max(1, Math.floor(read.length / SOME)) : 1;
    const phase = this.#verifications++ % every;
    const chosen = every === 1 ? read : read.filter((_, position) => position % every === phase);
    const driven = await drive(
      contender.style,
      { ...UNTIMED, every: 1, count: chosen.length },
      (index, callback) => contender.find(this.#tokens.at(chosen[index] as number), callback),
    );
    for (const [position, found] of driven.answers) ledger.check(chosen[position] as number, found);
    if (which !== "some") ledger.changed.fill(0);
  }
}
