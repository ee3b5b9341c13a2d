// Stored at import, so that fake timers of tests do not stop requests.
const { setInterval, clearInterval } = globalThis;

/** Ticks per timeout. Counting ticks saves reading a clock per call; a call may take up to one tick longer. */
const TICKS = 8;

/** A call in a linked list, ordered by start. */
interface CallInFlight {
  reject: (error: Error) => void;
  /** The tick at its start. */
  tick: number;
  before: CallInFlight | undefined;
  after: CallInFlight | undefined;
}

/**
 * Rejects calls that take longer than a timeout. All calls have the same timeout, so one timer and a linked list
 * suffice, which makes adding and removing a call cheap.
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

  /** Removes a call that has ended. A rejected call was already removed. */
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
      if (this.#tick - call.tick <= TICKS) return; // the following calls began later
      this.remove(call);
      call.reject(this.#timeoutError());
    }
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
