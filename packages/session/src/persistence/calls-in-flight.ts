// Taken at import: a test that puts a clock of its own in their place must not stop requests.
const { setInterval, clearInterval } = globalThis;

/** Ticks per timeout. A call may take up to one tick longer: so that no call reads a clock. */
const TICKS = 8;

/** A call, between its neighbours in the order of their beginnings. */
interface CallInFlight {
  reject: (error: Error) => void;
  /** The tick at which it began. */
  tick: number;
  before: CallInFlight | undefined;
  after: CallInFlight | undefined;
}

/**
 * Rejects calls that take longer than a timeout. All have the same timeout, so that one timer serves them, and a
 * list: what adds and removes a call must cost next to nothing.
 */
export class CallsInFlight {
  readonly #timeoutMs: number;
  readonly #timeoutError: () => Error;
  #oldest: CallInFlight | undefined;
  #newest: CallInFlight | undefined;
  #timer: NodeJS.Timeout | undefined;
  #tick = 0;

  constructor(timeoutMs: number, timeoutError: () => Error) {
    this.#timeoutMs = timeoutMs;
    this.#timeoutError = timeoutError;
  }

  add(reject: (error: Error) => void): CallInFlight {
    const call: CallInFlight = { reject, tick: this.#tick, before: this.#newest, after: undefined };
    if (this.#newest !== undefined) this.#newest.after = call;
    else {
      this.#oldest = call;
      if (this.#timer !== undefined) this.#timer.ref?.();
      else this.#timer = setInterval(() => this.#onTick(), this.#timeoutMs / TICKS);
    }
    this.#newest = call;
    return call;
  }

  /** Takes out a call that has ended; one that was rejected is out already. */
  remove(call: CallInFlight): void {
    const { before, after } = call;
    if (before !== undefined) before.after = after;
    else if (this.#oldest === call) this.#oldest = after;
    else return;
    if (after !== undefined) after.before = before;
    else this.#newest = before;
    call.before = call.after = undefined;
    if (this.#oldest === undefined) this.#timer?.unref?.(); // must not hold the process open
  }

  #onTick(): void {
    this.#tick++;
    for (let call = this.#oldest; call !== undefined; call = this.#oldest) {
      if (this.#tick - call.tick <= TICKS) return; // those after it began later
      this.remove(call);
      call.reject(this.#timeoutError());
    }
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
