import { setImmediate } from "node:timers/promises";
import { StoreError } from "../store-error.js";
import { type BatchOptions, type Execute, PulledBatch, type Source } from "./batch.js";
import { AGAIN, type Answer, type Call } from "./call.js";
import { Fifo } from "./fifo.js";
import type { LaneOptions } from "./lane-options.js";
import type { PendingCall } from "./pending-call.js";

/** The parts of a queue that a lane uses. */
export interface LaneOwner {
  readonly execute: Execute;
  readonly mayConcernOneCall: (error: unknown) => boolean;
  /** Answers a call that failed alone. Never rejects. */
  fail(call: PendingCall, error: unknown): void | Promise<void>;
  /** Releases finished calls, and starts workers for the calls that waited for them. */
  release(calls: readonly PendingCall[]): void;
}

type CheckedLaneOptions = BatchOptions &
  Required<Pick<LaneOptions, "workers" | "minShare" | "maxCalls">> & {
    groupOf: LaneOptions["groupOf"] | undefined;
  };

/** Calls that are ready for a batch, and the workers that execute batches. */
export class Lane {
  readonly #owner: LaneOwner;
  readonly #options: CheckedLaneOptions;
  readonly #groups: Map<string, Fifo<PendingCall>> = new Map();
  /** The group of a lane without `groupOf`. */
  readonly #only: Fifo<PendingCall> | undefined;
  /** Batches to repeat before all other calls. The next one is at the end. */
  readonly #repeats: PendingCall[][] = [];
  /** Number of workers that have taken no call yet. */
  #starting = 0;
  /** Number of workers that have taken a call. */
  #working = 0;
  /** Number of batches so far that have taken a call. */
  #begun = 0;

  constructor(owner: LaneOwner, options: LaneOptions) {
    this.#owner = owner;
    this.#options = {
      workers: options.workers ?? 1,
      minShare: options.minShare ?? 1,
      groupOf: options.groupOf,
      extraBytes: options.extraBytes,
      maxCalls: options.maxCalls ?? 128,
      maxBytes: options.maxBytes ?? 2 ** 20,
    };
    if (options.groupOf === undefined) {
      this.#only = new Fifo();
      this.#groups.set("", this.#only);
    }
  }

  /** Whether a batch is in flight. */
  get isWorking(): boolean {
    return this.#working > 0;
  }

  /** Enters a call that is ready for a batch. {@link pump} follows. */
  push(call: PendingCall): void {
    if (this.#only !== undefined) {
      this.#only.push(call);
      return;
    }
    let name: string;
    try {
      name = this.#options.groupOf?.(call as Call) ?? "";
    } catch (error) {
      void this.#refuse([call], error);
      return;
    }
    let group = this.#groups.get(name);
    if (group === undefined) {
      group = new Fifo();
      this.#groups.set(name, group);
    }
    group.push(call);
  }

  /** Drops calls at the head whose callers have given up. */
  dropUnwanted(): void {
    for (const group of this.#groups.values()) while (group.first?.isWanted === false) group.shift();
  }

  #count(): number {
    if (this.#only !== undefined) return this.#only.size + this.#repeats.length;
    let count = this.#repeats.length;
    for (const { size } of this.#groups.values()) count += size;
    return count;
  }

  /** Starts workers for waiting calls. */
  pump(): void {
    const { workers, minShare } = this.#options;
    while (this.#starting + this.#working < workers) {
      const count = this.#count();
      if (count === 0 || (this.#starting > 0 && count <= this.#starting * minShare)) return;
      void this.#work();
    }
  }

  async #work(): Promise<void> {
    this.#starting++;
    const begunBefore = this.#begun;
    const batch = new PulledBatch(this.#options, {
      begin: () => this.#begin(),
      hasNext: () => this.#hasNext(),
      refuse: (call, error) => void this.#refuse([call], error),
    });
    let answers: readonly Answer[] | undefined;
    let error: unknown;
    try {
      answers = await this.#owner.execute(batch);
    } catch (thrown) {
      error = thrown;
    }
    const left = batch.end();
    if (left.length > 0) this.#repeats.push(left);
    const { taken } = batch;
    if (!batch.isBegun) this.#starting--;
    else if (taken.length === 0) this.#working--; // every call that it should have repeated has run out of time
    let done: readonly PendingCall[] = taken;
    try {
      if (answers !== undefined) done = this.#answer(taken, answers);
      else if (taken.length > 0) done = await this.#failed(taken, error);
      else if (this.#starting + this.#working > 0)
        return; // the other workers go on; this one cannot start
      else if (this.#begun === begunBefore) await this.#failAll(error);
    } catch (cause) {
      const malformed = new StoreError("UNAVAILABLE", "the backend returned a malformed answer", { cause });
      for (const call of taken) call.answer(malformed);
    }
    if (taken.length > 0) this.#working--;
    else if (answers !== undefined) await setImmediate(); // a worker that takes nothing must not spin
    this.#owner.release(done);
  }

  #hasNext(): boolean {
    this.dropUnwanted();
    return this.#count() > 0;
  }

  /** Chooses the calls for a batch: those to repeat, or the group with the oldest call. */
  #begin(): Source | undefined {
    const repeated = this.#repeats.pop();
    let calls: Fifo<PendingCall> | undefined;
    if (repeated !== undefined) {
      calls = new Fifo();
      for (const call of repeated) calls.push(call);
    } else {
      this.dropUnwanted();
      for (const group of this.#groups.values()) {
        const { first } = group;
        if (first !== undefined && !(calls?.first !== undefined && calls.first.number < first.number))
          calls = group;
      }
    }
    if (calls === undefined) return undefined;
    const { minShare, maxCalls } = this.#options;
    const share = Math.max(minShare, Math.ceil(calls.size / this.#starting));
    this.#starting--;
    this.#working++;
    this.#begun++;
    const isRepeat = repeated !== undefined;
    return { calls, most: isRepeat ? calls.size : Math.min(maxCalls, share), isRepeat };
  }

  /** Answers calls. Returns those that are finished. */
  #answer(taken: readonly PendingCall[], answers: readonly Answer[]): readonly PendingCall[] {
    const again: PendingCall[] = [];
    for (let index = 0; index < taken.length; index++) {
      const call = taken[index] as PendingCall;
      const answer = answers[index];
      if (answer === AGAIN && call.isWanted) again.push(call);
      else if (answer === AGAIN)
        continue; // it has run out of time
      else if (index < answers.length) call.answer(answer);
      else
        call.answer(
          new StoreError("UNAVAILABLE", "the backend returned fewer answers than it was given calls"),
        );
    }
    if (again.length === 0) return taken;
    this.#repeat(again);
    const repeated = new Set(again);
    return taken.filter((call) => !repeated.has(call));
  }

  /** Fails calls, or splits the batch into halves if one call may have failed the others. Returns the finished calls. */
  async #failed(calls: readonly PendingCall[], error: unknown): Promise<readonly PendingCall[]> {
    if (calls.length > 1 && this.#mayConcernOneCall(error)) {
      const middle = calls.length >> 1;
      for (const half of [calls.slice(middle), calls.slice(0, middle)]) {
        const wanted = half.filter(({ isWanted }) => isWanted);
        if (wanted.length > 0) this.#repeat(wanted);
      }
      return calls.filter(({ isWanted }) => !isWanted);
    }
    for (const call of calls) await this.#owner.fail(call, error);
    return calls;
  }

  #mayConcernOneCall(error: unknown): boolean {
    try {
      return this.#owner.mayConcernOneCall(error);
    } catch {
      return false;
    }
  }

  #repeat(calls: PendingCall[]): void {
    for (const call of calls) call.isTaken = false; // the backend has undone it
    this.#repeats.push(calls);
  }

  async #failAll(error: unknown): Promise<void> {
    const waiting: PendingCall[] = [];
    for (const calls of this.#repeats.splice(0).reverse()) waiting.push(...calls);
    for (const group of this.#groups.values())
      for (let call = group.shift(); call !== undefined; call = group.shift()) waiting.push(call);
    await this.#refuse(waiting, error);
  }

  /** Fails calls that are in no batch and in no group. */
  async #refuse(calls: readonly PendingCall[], error: unknown): Promise<void> {
    for (const call of calls) call.isTaken = true; // no later find may wait for their answer
    for (const call of calls) if (call.isWanted) await this.#owner.fail(call, error);
    this.#owner.release(calls.filter(({ isReleased }) => !isReleased));
  }
}
