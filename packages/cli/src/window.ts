/** Processes items with at most `size` in flight, so that memory is bounded. Rethrows the first error. */
export async function inWindow<T>(
  items: AsyncIterable<T>,
  size: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const running = new Set<Promise<unknown>>();
  const failures: unknown[] = [];
  for await (const item of items) {
    const one = work(item)
      .catch((error: unknown) => failures.push(error))
      .finally(() => running.delete(one));
    running.add(one);
    if (running.size >= size) await Promise.race(running);
    if (failures.length > 0) break;
  }
  await Promise.all(running);
  if (failures.length > 0) throw failures[0];
}
