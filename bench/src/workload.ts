import type { Contender } from "./contender.js";
import { type Call, callOnce, type Driven, drive, inBulk } from "./drive.js";
import { Ledger, WrongAnswer } from "./ledger.js";
import { MixedCalls } from "./mix.js";
import type { Operation } from "./operation.js";
import { createSession, EndlessTokens, shuffled, Tokens } from "./sessions.js";
import type { ServerMeter } from "./stopwatch.js";

/** Operations of which one call is about one session. */
export type SingleOperation = Exclude<Operation, "all" | "entries" | "deleteExpired">;

type Extent = "some" | "changed" | "all";

/** How calls are made for the clock. */
export interface Pace {
  inFlight: number;
  ms: number;
  every: number;
  kept?: number;
  meter?: ServerMeter;
}

const SEEDS = { stored: 1, unknown: 2, order: 3, mix: 4 };
/** So many times as many sessions are there at most while some are inserted. */
const MOST_INSERTED = 10;
/** In flight where nothing is measured. */
const UNTIMED = { inFlight: 64, ms: Number.POSITIVE_INFINITY, every: 2 ** 30 };
/** Of the sessions that an operation has not written, one in so many is read back after it. */
const SAMPLED = 16;
/** Between two passes so many of those that were written are read back, at most about twice as many. */
const SOME = 512;

/** Calls one contender, keeps account of what it must hold, and checks what it answers. */
export class Workload {
  readonly contender: Contender;
  readonly ledger: Ledger;
  readonly #tokens: EndlessTokens;
  readonly #unknown: Tokens;
  readonly #order: Uint32Array;
  readonly #mix: MixedCalls;
  /** What a peer's `touch` takes of a session is the cookie. By expiry. */
  readonly #touches: unknown[];
  /** Where in the order the next calls begin. */
  #offset = 0;
  /** How many sessions `insert` has made. Those beyond the first `sessions` are removed by {@link fill}. */
  #inserted = 0;
  /** How many of those were read back. */
  #verified = 0;
  #verifications = 0;

  constructor(contender: Contender, { sessions, size }: { sessions: number; size: number }) {
    this.contender = contender;
    this.#tokens = new EndlessTokens(sessions, SEEDS.stored);
    this.#unknown = new Tokens(sessions, SEEDS.unknown);
    this.#order = shuffled(sessions, SEEDS.order);
    const start = Date.now();
    const expiries: [Date, Date] = [new Date(start + 86_400_000), new Date(start + 90_000_000)];
    // Made in the order in which they are used: where they lie in memory is a cost of nobody that is measured.
    const make = (version: number) => {
      const contents = new Array<unknown>(sessions);
      for (const index of this.#order)
        contents[index] = contender.prepare(createSession(index, version, size, expiries[0]));
      return contents;
    };
    this.ledger = new Ledger(contender, this.#tokens, [make(1), make(2)], expiries);
    this.#touches = expiries.map((expiry) => contender.prepare(createSession(0, 1, size, expiry)));
    this.#mix = new MixedCalls(contender, this.ledger, this.#touches, SEEDS.mix);
  }

  get sessions(): number {
    return this.ledger.sessions;
  }

  /** Whether the contender has the operation. */
  has(operation: Operation): boolean {
    const { contender } = this;
    if (operation === "miss") return true;
    if (operation === "insert" || operation === "update") return true;
    return contender[operation === "mix" ? "touch" : operation] !== undefined;
  }

  /**
   * Makes calls, until the time is over or each session had its turn, and checks that as many gave a result as
   * must, and those that were looked at the right one.
   *
   * @throws WrongAnswer
   */
  async run(operation: SingleOperation, pace: Pace): Promise<Driven> {
    if (operation === "mix") return this.#runMix(pace);
    if (operation === "insert") return this.#runInsert(pace);
    const { contender, ledger } = this;
    const removed = ledger.missing().length;
    if (operation === "delete") this.#offset = removed === this.sessions ? 0 : removed;
    const offset = this.#offset;
    const at = (index: number) => this.#order[(offset + index) % this.sessions] as number;
    const count = operation === "delete" ? this.sessions - removed : this.sessions;
    // All that the calls take is made before the clock runs: it comes with a request.
    const source = operation === "miss" ? this.#unknown : this.#tokens;
    const chosen = Array.from({ length: count }, (_, index) => at(index));
    const tokens = chosen.map((session) => source.at(session));
    const token = (index: number) => tokens[index] as string;
    const current = chosen.map((session) => ledger.content(session));
    const next = chosen.map((session) => ledger.content(session, 1 - (ledger.versions[session] as number)));
    const [expiry] = ledger.expiries;
    // The ledger is written after the clock: each session has one call at most.
    const calls: Record<Exclude<SingleOperation, "mix" | "insert">, Call> = {
      find: (index, _lane, callback) => contender.find(token(index), callback),
      miss: (index, _lane, callback) => contender.find(token(index), callback),
      update: (index, _lane, callback) => contender.commit(token(index), next[index], expiry, callback),
      replace: (index, _lane, callback) =>
        contender.replace?.(token(index), current[index], next[index], expiry, callback),
      touch: (index, _lane, callback) => {
        const later = 1 - (ledger.touched[chosen[index] as number] as number);
        return contender.touch?.(
          token(index),
          this.#touches[later],
          ledger.expiries[later as 0 | 1],
          callback,
        );
      },
      delete: (index, _lane, callback) => contender.delete(token(index), callback),
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

  async #runMix(pace: Pace): Promise<Driven> {
    const { contender } = this;
    const before = this.#mix.before();
    const driven = await drive(contender.style, { ...pace, count: this.sessions }, (index, lane, callback) =>
      this.#mix.call(index, lane, pace.inFlight, callback),
    );
    this.#mix.check(driven, before, pace.inFlight);
    await this.#mix.finish((make) => callOnce(contender.style, make));
    return driven;
  }

  async #runInsert(pace: Pace): Promise<Driven> {
    const { contender, ledger } = this;
    if (this.#inserted >= this.sessions * MOST_INSERTED) await this.empty();
    const from = this.#inserted;
    const tokens = Array.from({ length: this.sessions }, (_, index) => this.#tokens.at(from + index));
    const [expiry] = ledger.expiries;
    const driven = await drive(contender.style, { ...pace, count: this.sessions }, (index, _lane, callback) =>
      contender.commit(
        tokens[index] as string,
        ledger.content((from + index) % this.sessions, 0),
        expiry,
        callback,
      ),
    );
    this.#inserted = from + driven.calls;
    for (let index = from; index < Math.min(this.#inserted, this.sessions); index++) ledger.put(index, 0);
    return driven;
  }

  /** Brings the contender to hold just the first `sessions`. Not for the clock. */
  async fill(): Promise<void> {
    const { contender, ledger } = this;
    await this.#removeInserted(this.sessions);
    const missing = ledger.missing();
    const [expiry] = ledger.expiries;
    await inBulk(contender, { ...UNTIMED, count: missing.length }, (index, _lane, callback) => {
      const session = missing[index] as number;
      return contender.commit(this.#tokens.at(session), ledger.content(session, 0), expiry, callback);
    });
    for (const session of missing) ledger.put(session, 0);
    this.#inserted = this.sessions;
  }

  /** Makes room for `insert`: it goes on where it ended, and begins anew if the sessions are all there. */
  async startInserting(): Promise<void> {
    if (this.#inserted >= this.sessions) await this.empty();
  }

  /** Removes all that was inserted. Not for the clock. */
  async empty(): Promise<void> {
    await this.#removeInserted(0);
    for (let session = 0; session < this.sessions; session++) this.ledger.remove(session);
    this.#inserted = 0;
  }

  async #removeInserted(from: number): Promise<void> {
    const { contender } = this;
    const count = Math.max(0, this.#inserted - from);
    await inBulk(contender, { ...UNTIMED, count }, (index, _lane, callback) =>
      contender.delete(this.#tokens.at(from + index), callback),
    );
    this.#inserted -= count;
    this.#verified = Math.min(this.#verified, this.#inserted);
  }

  /**
   * Reads back, from the contender or one that was opened again, what was written since the last time, and some of the
   * others, or all of them. Or some of what was written, others each time: the rest is still to be read back.
   *
   * @throws WrongAnswer
   */
  async verify(which: Extent = "changed", contender: Contender = this.contender): Promise<void> {
    const { ledger } = this;
    const from = this.sessions;
    const first = which === "all" ? from : Math.max(from, this.#verified);
    const beyond = Array.from({ length: Math.max(0, this.#inserted - first) }, (_, index) => first + index);
    const read = Array.from(ledger.present.keys())
      .filter(
        (index) =>
          which === "all" || ledger.changed[index] === 1 || (which === "changed" && index % SAMPLED === 0),
      )
      .concat(beyond);
    const every = which === "some" ? Math.max(1, Math.floor(read.length / SOME)) : 1;
    const phase = this.#verifications++ % every;
    const chosen = every === 1 ? read : read.filter((_, position) => position % every === phase);
    const driven = await drive(
      contender.style,
      { ...UNTIMED, every: 1, count: chosen.length },
      (index, _lane, callback) => contender.find(this.#tokens.at(chosen[index] as number), callback),
    );
    for (const [position, found] of driven.answers) {
      const index = chosen[position] as number;
      if (index < from) ledger.check(index, found);
      else if (found === undefined || found === null) throw new WrongAnswer("a session was not found");
      else ledger.checkContent(index % from, found, 0);
    }
    if (which === "some") return;
    ledger.changed.fill(0);
    this.#verified = this.#inserted;
  }
}
