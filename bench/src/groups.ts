import { setImmediate } from "node:timers/promises";

/**
 * Group commit: what arrives while one group is under way forms the next. Gives the function that adds to it, whose
 * promise is that of the group.
 */
export function groups<Item>(
  commit: (items: Item[]) => Promise<unknown>,
  most = 1024,
): (item: Item) => Promise<void> {
  const waiting: { item: Item; resolve: () => void; reject: (error: unknown) => void }[] = [];
  let isUnderWay = false;
  const run = async () => {
    isUnderWay = true;
    await setImmediate(); // lets those that arrive together come together
    while (waiting.length > 0) {
      const group = waiting.splice(0, most);
      try {
        await commit(group.map(({ item }) => item));
        for (const { resolve } of group) resolve();
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
      await setImmediate();
    }
    isUnderWay = false;
  };
  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (!isUnderWay) void run();
    });
}
