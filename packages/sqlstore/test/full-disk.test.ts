import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { smallDisk } from "../../../test/small-disk.js";
import { drivers, openStore, soon, sqliteError } from "./fixtures/databases.js";

/** Fills the remaining space of the disk. */
async function fill(path: string): Promise<void> {
  for (let size = 2 ** 20; size >= 1; size = Math.floor(size / 2)) {
    try {
      for (;;) await writeFile(path, Buffer.alloc(size), { flag: "a" });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    }
  }
}

it.for(drivers)(
  "%s: reports a full disk, loses nothing, and works again when there is room",
  async (driver, context) => {
    const disk = await smallDisk(8 * 2 ** 20, context);
    const { store } = await openStore(join(disk, "sessions.db"), { driver });
    const data = new Uint8Array(20_000).fill(7);
    await Promise.all(Array.from({ length: 20 }, (_, n) => store.commit(`old${n}`, data, soon())));
    const ballast = join(disk, "ballast");
    await fill(ballast);

    // The log may still have room for some writes.
    const kept: string[] = [];
    let failure: unknown;
    for (let n = 0; failure === undefined; n++) {
      const calls = Array.from({ length: 5 }, (_, i) => store.commit(`new${n}-${i}`, data, soon()));
      for (const [i, outcome] of (await Promise.allSettled(calls)).entries()) {
        if (outcome.status === "fulfilled") kept.push(`new${n}-${i}`);
        else failure = outcome.reason;
      }
    }
    expect(failure).toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringMatching(
        /^sqlstore: the disk (is full; free some space|failed to read or write)/,
      ),
      cause: sqliteError("FULL", "IOERR"),
    });
    const readable = [...Array.from({ length: 20 }, (_, n) => `old${n}`), ...kept];
    for (const token of readable) expect((await store.find(token))?.data, token).toEqual(data);
    expect([...(await store.all()).keys()].sort()).toEqual(readable.toSorted());

    await rm(ballast);
    await store.commit("again", data, soon());
    expect(await store.touch("old1", soon(90_000))).toBe(true);
    await store.delete("old2");
    expect((await store.all()).size).toBe(readable.length);
  },
);
