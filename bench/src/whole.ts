import type { Contender } from "./contender.js";
import { drive, inBulk } from "./drive.js";
import { type Ledger, WrongAnswer } from "./ledger.js";
import { createSession, expired, indexOf, Tokens } from "./sessions.js";
import { type Elapsed, type ServerMeter, startWatch } from "./stopwatch.js";

/** The calls that were made of an operation that takes one for all sessions, each for so many of them. */
export interface WholeCall extends Elapsed {
  sessions: number;
}

/** Checks that each session was given once, as it must be. */
function checkListing(contender: Contender, ledger: Ledger, listed: Iterable<unknown>): void {
  const seen = new Uint8Array(ledger.sessions);
  for (const found of listed) {
    const index = indexOf(contender.read(found));
    if (seen[index] !== 0) throw new WrongAnswer("a session was listed twice, or one that is not there");
    seen[index] = 1;
    ledger.check(index, found);
  }
  if (seen.includes(0)) throw new WrongAnswer("a session was not listed");
}

/** @throws WrongAnswer */
export async function callAll(contender: Contender, ledger: Ledger, meter?: ServerMeter): Promise<WholeCall> {
  const stop = await startWatch(meter);
  const all = await contender.all?.();
  const elapsed = await stop();
  checkListing(contender, ledger, contender.listed?.(all) ?? []);
  return { sessions: ledger.sessions, ...elapsed };
}

/** @throws WrongAnswer */
export async function walkEntries(
  contender: Contender,
  ledger: Ledger,
  meter?: ServerMeter,
): Promise<WholeCall> {
  const listed: unknown[] = [];
  const stop = await startWatch(meter);
  for await (const found of contender.entries?.() ?? []) listed.push(found);
  const elapsed = await stop();
  checkListing(contender, ledger, listed);
  return { sessions: ledger.sessions, ...elapsed };
}

const SOON_MS = 1_000;
const LATER_MS = 86_400_000;
const FILLING = { inFlight: 64, ms: Number.POSITIVE_INFINITY };

/** Removes expired sessions, half of all, from a contender of its own, whose clock can be moved if it takes one. */
export class Expiry {
  readonly #contender: Contender;
  readonly #clock: { now: number };
  readonly #sessions: number;
  readonly #size: number;
  readonly #tokens: Tokens;
  /** Whether the sessions that stay are there. */
  #isFilled = false;

  constructor(
    contender: Contender,
    clock: { now: number },
    { sessions, size }: { sessions: number; size: number },
  ) {
    this.#contender = contender;
    this.#clock = clock;
    this.#sessions = sessions;
    this.#size = size;
    this.#tokens = new Tokens(sessions, 1);
  }

  /** @throws WrongAnswer */
  async call(meter?: ServerMeter): Promise<WholeCall> {
    const contender = this.#contender;
    const count = this.#sessions;
    const tokens = this.#tokens;
    const isExpired = (index: number) => index % 2 === 1;
    await this.#commit(
      Array.from({ length: count }, (_, index) => index).filter(
        (index) => !this.#isFilled || isExpired(index),
      ),
      isExpired,
    );
    this.#isFilled = true;
    const before = await contender.count?.();
    this.#clock.now += 2 * SOON_MS;
    const stop = await startWatch(meter);
    const removed = await contender.deleteExpired?.();
    const elapsed = await stop();
    const expected = Math.floor(count / 2);
    const told = removed ?? Number(before) - Number(await contender.count?.());
    if (told !== expected)
      throw new WrongAnswer(`${told} expired sessions were removed, expected ${expected}`);
    this.#clock.now -= 2 * SOON_MS; // what was not removed is found again
    const { answers } = await drive(
      contender.style,
      { ...FILLING, every: 1, count },
      (index, _lane, callback) => contender.find(tokens.at(index), callback),
    );
    for (const [index, found] of answers) {
      const isThere = found !== undefined && found !== null;
      if (isThere === isExpired(index))
        throw new WrongAnswer(isThere ? "an expired session was found" : "a live session is gone");
      if (isThere && indexOf(contender.read(found)) !== index)
        throw new WrongAnswer("a session that was read back is not what was written");
    }
    return { sessions: expected, ...elapsed };
  }

  async #commit(indexes: readonly number[], isExpired: (index: number) => boolean): Promise<void> {
    const contender = this.#contender;
    const [soon, later] = [new Date(this.#clock.now + SOON_MS), new Date(this.#clock.now + LATER_MS)];
    const contents = indexes.map((index) => {
      const session = createSession(index, 1, this.#size, later);
      return contender.prepare(isExpired(index) ? expired(session) : session);
    });
    const how = { ...FILLING, every: 2 ** 30, count: indexes.length };
    await inBulk(contender, how, (position, _lane, callback) => {
      const index = indexes[position] as number;
      return contender.commit(
        this.#tokens.at(index),
        contents[position],
        isExpired(index) ? soon : later,
        callback,
      );
    });
  }
}
