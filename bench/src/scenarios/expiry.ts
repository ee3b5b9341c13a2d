import type { Contender } from "../harness/contender.js";
import { drive, inBulk } from "../harness/drive.js";
import { createSession, expired, indexOf, Tokens } from "../harness/sessions.js";
import { startWatch } from "../harness/stopwatch.js";
import type { WholeCall } from "./listing.js";
import { WrongAnswer } from "./outcome.js";

const SOON_MS = 1_000;
const LATER_MS = 86_400_000;
const UNTIMED = { inFlight: 64, ms: Number.POSITIVE_INFINITY };

/** Makes half of the sessions expire, and removes them. Moves the contender's clock if it accepts one. */
export class Expiry {
  readonly #contender: Contender;
  readonly #clock: { now: number };
  readonly #sessions: number;
  readonly #size: number;
  readonly #tokens: Tokens;
  /** Whether the sessions that do not expire have been written. */
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
  async call(): Promise<WholeCall> {
    const contender = this.#contender;
    await this.#commit();
    const before = await contender.count?.();
    this.#clock.now += 2 * SOON_MS;
    const stop = startWatch();
    const removed = await contender.deleteExpired?.();
    const elapsed = stop();
    const sessions = Math.floor(this.#sessions / 2);
    const told = removed ?? Number(before) - Number(await contender.count?.());
    if (told !== sessions)
      throw new WrongAnswer(`${told} expired sessions were removed, expected ${sessions}`);
    this.#clock.now -= 2 * SOON_MS; // an expired session that was not removed is found again
    await this.#verify();
    return { sessions, ...elapsed };
  }

  async #commit(): Promise<void> {
    const contender = this.#contender;
    const [soon, later] = [new Date(this.#clock.now + SOON_MS), new Date(this.#clock.now + LATER_MS)];
    const indexes = Array.from({ length: this.#sessions }, (_, index) => index).filter(
      (index) => !this.#isFilled || isExpiring(index),
    );
    this.#isFilled = true;
    const contents = indexes.map((index) => {
      const session = createSession(index, 1, this.#size, later);
      return contender.prepare(isExpiring(index) ? expired(session) : session);
    });
    const how = { ...UNTIMED, every: 2 ** 30, count: indexes.length };
    await inBulk(contender, how, (position, callback) => {
      const index = indexes[position] as number;
      const expiry = isExpiring(index) ? soon : later;
      return contender.commit(this.#tokens.at(index), contents[position], expiry, callback);
    });
  }

  async #verify(): Promise<void> {
    const contender = this.#contender;
    const { answers } = await drive(
      contender.style,
      { ...UNTIMED, every: 1, count: this.#sessions },
      (index, callback) => contender.find(this.#tokens.at(index), callback),
    );
    for (const [index, found] of answers) {
      const isThere = found !== undefined && found !== null;
      if (isThere === isExpiring(index))
        throw new WrongAnswer(isThere ? "an expired session was found" : "a live session is gone");
      if (isThere && indexOf(contender.read(found)) !== index)
        throw new WrongAnswer("a session that was read back differs from the one written");
    }
  }
}

const isExpiring = (index: number) => index % 2 === 1;
