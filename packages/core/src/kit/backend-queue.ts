import type { Backend } from "./backend.js";
import { BatchQueue } from "./batch-queue.js";
import type { Answer, Call } from "./call.js";
import { backendError } from "./to-store-error.js";

const CONCURRENCY = 64;

/**
 * Creates the queue of a backend. Returns `undefined` for a synchronous backend.
 *
 * @throws TypeError if the backend does not say how it carries out calls.
 */
export function queueOf(
  backend: Backend,
  { name, timeoutMs }: { name: string; timeoutMs: number },
): BatchQueue | undefined {
  const answerFailure = (_: Call, error: unknown): Error => backendError(backend, name, error);
  if (backend.queue !== undefined)
    return new BatchQueue({ name, timeoutMs, answerFailure, ...backend.queue });
  const { execute, executeNow, concurrency = CONCURRENCY } = backend;
  if (execute === undefined) {
    if (executeNow !== undefined) return undefined;
    throw new TypeError(`${name}: the backend must have executeNow, execute or queue`);
  }
  return new BatchQueue({
    name,
    timeoutMs,
    answerFailure,
    lanes: [{ workers: concurrency, maxCalls: 1 }],
    lateMessage: (_, call) => backend.lateMessage?.(call),
    async execute(batch) {
      const answers: Answer[] = [];
      for (const call of batch) answers.push(await execute.call(backend, call));
      return answers;
    },
  });
}
