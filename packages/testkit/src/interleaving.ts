import assert from "node:assert/strict";
import type { AtomicStore, ExpiringStore, SessionRecord, Store, TouchableStore } from "@scs/core";
import fc from "fast-check";
import type { CheckContext } from "./check.js";
import { bytes } from "./expectations.js";

export type OperationKind = "find" | "commit" | "delete" | "replace" | "touch" | "deleteExpired";

/** One call of a client. Few tokens, data and lifetimes, so that calls collide. */
interface Step {
  kind: OperationKind;
  token: number;
  /** Data to write, 0 to 2. */
  data: number;
  /** The data that `replace` expects; -1 for no record. */
  previous: number;
  /** Time from the call to the expiry. */
  lifetimeMs: number;
  /** Whether the client waits for all its calls before the next one. */
  wait: boolean;
}

/** The state of a token in the model. */
type State = { data: number; expiry: number } | undefined;

/** A call with its answer, and the times of its beginning and end on a counter shared by all clients. */
interface Call {
  step: Step;
  expiry: number;
  begun: number;
  ended: number;
  answer: string;
}

const TOKENS = 3;
const CLIENTS = 3;

/** Maximum number of attempts to shrink a failing example. Without a limit, the test runner's timeout comes first. */
const MAX_SHRINKS = 100;
/** Maximum time of these attempts, so that a slow store fails with its calls, not with the timeout of the check. */
const MAX_SHRINK_MS = 30_000;

/** Returns the correct answer to a call and the state after it, if no other call is concurrent. */
function model(state: State, { step, expiry }: Call, now: number): { answer: string; next: State } {
  const live = state !== undefined && state.expiry > now ? state : undefined;
  const written = { data: step.data, expiry };
  switch (step.kind) {
    case "commit":
      return { answer: "undefined", next: written };
    case "delete":
      return { answer: "undefined", next: undefined };
    case "replace":
      return (live?.data ?? -1) === step.previous
        ? { answer: "true", next: written }
        : { answer: "false", next: live };
    case "touch":
      return live
        ? { answer: "true", next: { data: live.data, expiry } }
        : { answer: "false", next: undefined };
    default:
      return { answer: live ? `${live.data} until ${live.expiry}` : "undefined", next: live };
  }
}

/**
 * Returns the possible states of a token after these calls, over all orders that explain the answers: orders that keep
 * each client's own order and real time (a call that ended before another began comes first), and in which the model
 * returns every recorded answer. Empty if there is no such order. Uses Wing and Gong's search, with Lowe's memory of
 * visited configurations.
 */
function explain(calls: readonly Call[][], before: readonly State[], now: number): State[] {
  // For each client and position: the earliest end of the remaining calls.
  const firstEnd = calls.map((own) => {
    const ends = [Number.POSITIVE_INFINITY];
    for (const { ended } of own.toReversed()) ends.unshift(Math.min(ended, ends[0] as number));
    return ends;
  });
  const seen = new Set<string>();
  const after = new Map<string, State>();
  const search = (positions: readonly number[], state: State): void => {
    const place = positions.reduce((sum, position) => sum * 256 + position, 0); // a client makes fewer than 256 calls in a round
    const key = `${place} ${state?.data} ${state?.expiry}`;
    if (seen.has(key)) return;
    seen.add(key);
    let limit = Number.POSITIVE_INFINITY;
    for (let client = 0; client < calls.length; client++) {
      limit = Math.min(limit, firstEnd[client]?.[positions[client] as number] as number);
    }
    if (limit === Number.POSITIVE_INFINITY) after.set(key, state); // no call is left
    for (let client = 0; client < calls.length; client++) {
      const position = positions[client] as number;
      const call = calls[client]?.[position];
      if (call === undefined || call.begun > limit) continue;
      const { answer, next } = model(state, call, now);
      if (answer === call.answer) search(positions.with(client, position + 1), next);
    }
  };
  for (const state of before) {
    search(
      calls.map(() => 0),
      state,
    );
  }
  return [...after.values()];
}

const payload = (data: number): Uint8Array => bytes(`data ${data}`);

/** Formats an answer; a record as its data and expiry. */
function describe(answer: unknown): string {
  if (typeof answer !== "object") return String(answer);
  const { data, expiry } = answer as SessionRecord;
  return `${Buffer.from(data).toString().replace("data ", "")} until ${expiry.getTime()}`;
}

function perform(store: Store, step: Step, token: string, expiry: Date): Promise<unknown> {
  switch (step.kind) {
    case "commit":
      return store.commit(token, payload(step.data), expiry);
    case "delete":
      return store.delete(token);
    case "replace": {
      const previous = step.previous < 0 ? undefined : payload(step.previous);
      return (store as AtomicStore).replace(token, previous, payload(step.data), expiry);
    }
    case "touch":
      return (store as TouchableStore).touch(token, expiry);
    case "deleteExpired":
      // Removes only expired records, so in the model it is a find, which must see no difference.
      return Promise.all([(store as ExpiringStore).deleteExpired(), store.find(token)]).then(
        ([, found]) => found,
      );
    default:
      return store.find(token);
  }
}

/**
 * Makes several clients call `kinds` of operations concurrently, in rounds between which the clock moves, and checks that
 * some allowed order explains the answers. Property-based: a failure prints the seed, and the environment variable
 * `SCS_TEST_SEED` repeats it.
 */
export async function assertLinearizable(
  { store, clock, another }: CheckContext<Store>,
  kinds: readonly OperationKind[],
): Promise<void> {
  const others = await Promise.all(Array.from({ length: CLIENTS - 1 }, another));
  // If all clients are the same store, only the order of the calls is allowed.
  const clients = [...new Set([store, ...others])];
  const step: fc.Arbitrary<Step> = fc.record({
    kind: fc.constantFrom(...kinds),
    token: fc.nat(TOKENS - 1),
    data: fc.nat(2),
    previous: fc.integer({ min: -1, max: 2 }),
    lifetimeMs: fc.constantFrom(0, 1000, 1001, 2000, 9000),
    wait: fc.boolean(),
  });
  const round = fc.record({
    steps: fc.array(fc.array(step, { minLength: 20, maxLength: 40 }), {
      minLength: CLIENTS,
      maxLength: CLIENTS,
    }),
    thenAdvanceMs: fc.constantFrom(0, 999, 1000),
  });
  let run = 0;
  const play = async (rounds: readonly { steps: Step[][]; thenAdvanceMs: number }[]): Promise<void> => {
    run++;
    let counter = 0;
    let states: State[][] = Array.from({ length: TOKENS }, () => [undefined]);
    for (const { steps, thenAdvanceMs } of rounds) {
      const calls: Call[][][] = Array.from({ length: TOKENS }, () => clients.map(() => []));
      await Promise.all(
        steps.map(async (own, index) => {
          const client = index % clients.length;
          let underWay: Promise<void>[] = [];
          for (const step of own) {
            const expiry = clock.in(step.lifetimeMs);
            const call: Call = { step, expiry: expiry.getTime(), begun: ++counter, ended: 0, answer: "" };
            calls[step.token]?.[client]?.push(call);
            const performed = perform(clients[client] as Store, step, `${run}:${step.token}`, expiry);
            underWay.push(
              performed.then((answer) => {
                call.ended = ++counter;
                call.answer = describe(answer);
              }),
            );
            if (step.wait) await Promise.all(underWay.splice(0));
          }
          await Promise.all(underWay);
          underWay = [];
        }),
      );
      const now = clock.now();
      states = states.map((before, token) => {
        const after = explain(calls[token] as Call[][], before, now);
        if (after.length === 0) {
          assert.fail(`no allowed order explains the answers for token ${token}: ${tell(calls[token])}`);
        }
        return after;
      });
      clock.advance(thenAdvanceMs);
    }
  };
  let failedAt = Number.POSITIVE_INFINITY;
  let shrinkUntil = Number.POSITIVE_INFINITY;
  const property = fc.asyncProperty(fc.array(round, { minLength: 2, maxLength: 4 }), async (rounds) => {
    if (run >= failedAt + MAX_SHRINKS || performance.now() >= shrinkUntil) return;
    try {
      await play(rounds);
    } catch (error) {
      failedAt = Math.min(failedAt, run);
      shrinkUntil = Math.min(shrinkUntil, performance.now() + MAX_SHRINK_MS);
      throw error;
    }
  });
  const seed = Number.parseInt(process.env.SCS_TEST_SEED ?? "", 10);
  const outcome = await fc.check(property, { numRuns: 12, ...(Number.isNaN(seed) ? {} : { seed }) });
  if (!outcome.failed) return;
  const { errorInstance: cause } = outcome;
  const message = cause instanceof Error ? cause.message : String(cause);
  assert.fail(`seed: ${outcome.seed} (SCS_TEST_SEED=${outcome.seed} replays it)\n${message}`); // first, because the rest may be cut off
}

function tell(calls: readonly Call[][] = []): string {
  return calls
    .flatMap((own, client) => own.map((call) => ({ client, ...call })))
    .sort((a, b) => a.begun - b.begun)
    .map(({ client, step, expiry, begun, ended, answer }) => {
      const written = {
        commit: `(${step.data}, ${expiry})`,
        replace: `(${step.previous}, ${step.data}, ${expiry})`,
        touch: `(${expiry})`,
      };
      return `\n  client ${client}, ${begun} to ${ended}: ${step.kind}${written[step.kind as "commit"] ?? "()"} = ${answer}`;
    })
    .join("");
}
