import type { FullStore, SessionEntry } from "@scs/core";
import { MemStore } from "@scs/memstore";
import pg from "pg";
import { describe, expect, it } from "vitest";
import { Cluster } from "../../pgstore/test/fixtures/cluster.js";
import { copyStore } from "../src/copy/copy-store.js";
import { Folder, scs, shopIn } from "./fixtures/command.js";

const expiry = new Date(Date.now() + 3_600_000);
const bytes = (text: string) => Buffer.from(text);
const newStore = () => new MemStore({ cleanupIntervalMs: 0 });

async function filled(count: number): Promise<MemStore> {
  const store = newStore();
  for (let n = 0; n < count; n++) await store.commit(`t${n}`, bytes(`data ${n}`), expiry);
  return store;
}

async function contentOf(store: FullStore): Promise<SessionEntry[]> {
  const entries: SessionEntry[] = [];
  for await (const entry of store.entries()) entries.push({ ...entry, data: Buffer.from(entry.data) });
  return entries.sort((a, b) => a.token.localeCompare(b.token));
}

describe("copyStore", () => {
  it("copies every record, data and expiry, and compares each", async () => {
    const [from, to] = [await filled(2_000), newStore()];
    const report = await copyStore(from, to, { extras: "remove" });
    expect(report).toEqual({
      ...{ copied: 2_000, updated: 0, present: 0, removed: 0 },
      ...{ verified: 2_000, changedMeanwhile: 0, isComplete: true },
    });
    expect(await contentOf(to)).toEqual(await contentOf(from));
  });

  it("continues where it was interrupted", async () => {
    const [from, to] = [await filled(2_000), newStore()];
    const abort = new AbortController();
    const first = await copyStore(from, to, {
      extras: "remove",
      signal: abort.signal,
      onProgress: (_, done) => done === 700 && abort.abort(),
    });
    expect(first.isComplete).toBe(false);
    expect(first.copied).toBeGreaterThanOrEqual(700);
    expect(first.copied).toBeLessThan(2_000);
    const second = await copyStore(from, to, { extras: "remove" });
    expect(second).toMatchObject({ present: first.copied, copied: 2_000 - first.copied, isComplete: true });
    expect(await contentOf(to)).toEqual(await contentOf(from));
  });

  it("includes changes, log-ins and log-outs that an app makes during the copy", async () => {
    const [from, to] = [await filled(2_000), newStore()];
    let isDone = false;
    const report = await copyStore(from, to, {
      extras: "remove",
      onProgress(step, done) {
        if (step !== "copying" || done !== 1_500 || isDone) return;
        isDone = true;
        for (let n = 0; n < 50; n++) {
          void from.replace(`t${n}`, bytes(`data ${n}`), bytes(`changed ${n}`), expiry);
          void from.delete(`t${n + 100}`);
          void from.commit(`new ${n}`, bytes("new"), expiry);
          void from.touch(`t${n + 200}`, new Date(expiry.getTime() + 60_000));
        }
      },
    });
    expect(isDone).toBe(true);
    expect(report.isComplete).toBe(true);
    expect(report.removed, "who logged out was not to stay").toBeGreaterThan(10);
    expect(report.changedMeanwhile).toBeGreaterThan(30);
    expect(await contentOf(to)).toEqual(await contentOf(from));
  });

  it("includes a log-in during the copy even if another visitor logs out during the comparison", async () => {
    const [from, to] = [await filled(10), newStore()];
    let isLoggedOut = false;
    const report = await copyStore(from, to, {
      extras: "remove",
      onProgress(step, done) {
        if (step === "copying" && done === 10) void from.commit("new", bytes("new"), expiry);
        if (step !== "verifying" || done !== 10 || isLoggedOut) return;
        isLoggedOut = true;
        void from.delete("t3");
      },
    });
    expect(report).toMatchObject({ isComplete: true, removed: 1 });
    expect(await contentOf(to)).toEqual(await contentOf(from));
  });

  it("removes or keeps records that only the destination has", async () => {
    for (const extras of ["keep", "remove"] as const) {
      const [from, to] = [await filled(10), newStore()];
      await to.commit("its own", bytes("x"), expiry);
      await to.commit("t3", bytes("stale"), expiry);
      const report = await copyStore(from, to, { extras });
      expect(report).toMatchObject({ copied: 9, updated: 1, removed: extras === "remove" ? 1 : 0 });
      expect((await to.find("its own")) === undefined).toBe(extras === "remove");
      expect(Buffer.from((await to.find("t3"))?.data ?? []).toString()).toBe("data 3");
    }
  });

  it("limits the records in flight, and rejects with the store's own error", async () => {
    const [from, to] = [await filled(3_000), newStore()];
    let [running, most, isBroken] = [0, 0, false];
    const { replace } = to;
    to.replace = async (...args) => {
      if (isBroken) throw new Error("the disk is full");
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return replace.apply(to, args);
    };
    await copyStore(from, to, { extras: "remove" });
    expect(most).toBeGreaterThan(100);
    expect(most).toBeLessThanOrEqual(512);
    isBroken = true;
    await from.commit("one more", bytes("x"), expiry);
    await expect(copyStore(from, to, { extras: "remove" })).rejects.toThrow("the disk is full");
  });
});

describe("scs copy", () => {
  it("copies from SQLite to PostgreSQL, and prints the numbers", async () => {
    using folder = new Folder();
    const cluster = await Cluster.start();
    const pool = new pg.Pool({ connectionString: cluster.url });
    try {
      const { url, tokens } = await shopIn(folder, ["ada", "grace"]);
      const sqlite = `sqlite:${folder.in("s.db")}`;
      expect((await scs("copy", url, sqlite)).code).toBe(0);
      const { code, out } = await scs("copy", sqlite, `${cluster.url}?schema=app`, "--json");
      expect([code, JSON.parse(out)]).toEqual([
        0,
        expect.objectContaining({ copied: 4, verified: 4, isComplete: true, peakBytes: expect.any(Number) }),
      ]);
      const { rows } = await pool.query("SELECT token FROM app.sessions WHERE token NOT LIKE '@owner%'");
      expect(rows.map(({ token }) => token).sort()).toEqual(
        tokens.map((token) => token.split(".")[0]).sort(),
      );
    } finally {
      await pool.end();
      await cluster.remove();
    }
  });

  it("refuses a non-empty destination without --merge or --mirror, and asks before removals", async () => {
    using folder = new Folder();
    const { url } = await shopIn(folder, ["ada"]);
    const goal = `hybrid:${folder.in("goal")}`;
    expect((await scs("copy", url, goal)).code).toBe(0);
    expect(await scs("copy", url, goal)).toMatchObject({
      code: 2,
      err: expect.stringContaining("is not empty"),
    });
    expect((await scs("copy", url, goal, "--merge")).code).toBe(0);
    expect(await scs("copy", url, goal, "--mirror")).toMatchObject({
      code: 2,
      err: expect.stringContaining("--yes"),
    });
    expect((await scs("copy", url, goal, "--mirror", "--yes")).code).toBe(0);
    expect((await scs("copy", url, goal, "--mirror", "--merge")).code).toBe(2);
  });
});
