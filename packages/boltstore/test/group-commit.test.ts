import { join } from "node:path";
import { open } from "lmdb";
import { expect, it, onTestFinished, vi } from "vitest";
import { GroupCommit } from "../src/group-commit.js";
import { makeDirectory } from "./directory.js";

function openDatabase() {
  const db = open<string, string>({ path: join(makeDirectory(), "file"), noSubdir: true });
  onTestFinished(() => db.close());
  return { db, writes: new GroupCommit(db, { untilFlushed: true, busyTimeoutMs: 5000 }) };
}

it("what is asked for while a transaction is under way forms the next", async () => {
  const { db, writes } = openDatabase();
  const transaction = vi.spyOn(db, "childTransaction");
  const clock = vi.spyOn(performance, "now").mockReturnValue(0); // no transaction ends for want of time
  onTestFinished(() => clock.mockRestore());
  const first = writes.run("a", () => undefined);
  await first;
  expect(transaction).toHaveBeenCalledTimes(1);
  let others: Promise<unknown> | undefined;
  await writes.run("a", () => {
    queueMicrotask(() => {
      others = Promise.all(
        Array.from({ length: 50 }, (_, n) => writes.run(`t${n}`, () => db.put(`k${n}`, "v"))),
      );
    });
  });
  await others;
  expect(transaction).toHaveBeenCalledTimes(3);
  expect(db.getCount({ start: "k" })).toBe(50);
});

it("one that throws fails alone and is undone, the others are made in their order", async () => {
  const { db, writes } = openDatabase();
  const order: number[] = [];
  const outcomes = await Promise.allSettled(
    [0, 1, 2, 3].map((n) =>
      writes.run("t", () => {
        order.push(n);
        db.put("last", `${n}`);
        db.put(`k${n}`, "v");
        if (n === 1) throw new Error("of the driver");
        return n;
      }),
    ),
  );
  expect(
    outcomes.map((outcome) => (outcome.status === "fulfilled" ? outcome.value : outcome.reason)),
  ).toEqual([
    0,
    expect.objectContaining({
      code: "UNAVAILABLE",
      cause: expect.objectContaining({ message: "of the driver" }),
    }),
    2,
    3,
  ]);
  expect(order).toEqual([0, 1, 0, 1, 2, 3]);
  expect(db.get("last")).toBe("3");
  expect(db.get("k0")).toBe("v");
  expect(db.get("k1")).toBeUndefined();
});

it("knows which tokens have writes that are not answered, and when there are none", async () => {
  const { writes } = openDatabase();
  expect(writes.isPending()).toBe(false);
  await writes.idle();
  const written = Promise.all([writes.run("a", () => 1), writes.run("a", () => 2), writes.run("b", () => 3)]);
  expect([writes.isPending(), writes.isPending("a"), writes.isPending("c")]).toEqual([true, true, false]);
  await writes.idle();
  expect([writes.isPending(), writes.isPending("a")]).toEqual([false, false]);
  expect(await written).toEqual([1, 2, 3]);
});
