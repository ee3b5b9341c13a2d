import type { Awaitable, Steps } from "./backend.js";

/** Bounds the time of a step, and translates its errors. */
type Attempt = <T>(step: () => Awaitable<T>) => Promise<T>;

/** Takes the steps of long work, each by way of `attempt`. Leaving the loop ends the work, and does not wait for it. */
export async function* takeSteps<T>(steps: Steps<T>, attempt: Attempt): AsyncGenerator<T, void> {
  const iterator = Symbol.asyncIterator in steps ? steps[Symbol.asyncIterator]() : steps[Symbol.iterator]();
  let isOver = false;
  try {
    for (;;) {
      const next = await attempt(() => iterator.next());
      isOver = next.done === true;
      if (next.done) return;
      yield next.value;
    }
  } finally {
    if (!isOver) Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}
