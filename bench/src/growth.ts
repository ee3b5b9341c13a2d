import { runInChild } from "./child.js";
import { databaseFor } from "./database.js";
import type { EventLoopDelay } from "./event-loop-delay.js";
import type { GrowthRequest } from "./growth-child.js";
import type { Site } from "./site.js";
import { findStore } from "./stores.js";

/** The operations whose curve is drawn; those on all sessions at once show in the delays. */
export const GROWING = ["find", "miss", "insert", "update", "replace", "touch", "delete", "mix"] as const;
export type GrowingOperation = (typeof GROWING)[number];

/** What a store of so many sessions takes. */
export interface GrowthFigures {
  /** Of memory: the heap, and what lies beside it. Not of a store on a server. */
  bytesPerSession?: number;
  /** The longest single `commit` while the store grew from nothing, in ms. */
  longestCommitMs: number;
  /** Of a store that keeps files: what they take, and how long it takes to open them. */
  diskBytesPerSession?: number;
  openingMs?: number;
  /** Calls for sessions at random, 64 in flight. */
  perSecond: Record<GrowingOperation, number>;
  /** How long others had to wait for the event loop meanwhile. `idle` is the machine's own noise. */
  delays: Partial<Record<DelayedBy, EventLoopDelay>>;
}

export const DELAYED_BY = ["idle", "all", "entries", "deleteExpired", "snapshot"] as const;
export type DelayedBy = (typeof DELAYED_BY)[number];

export interface GrowthRow {
  store: string;
  sessions: number;
  size: number;
  rounds: (GrowthFigures | { failure: string })[];
}

export interface GrowthOptions {
  stores: readonly string[];
  sessions: readonly number[];
  size: number;
  rounds: number;
}

/** A million files can take minutes to make. */
const LIMIT_MS = 1_200_000;

/** Fills each store with so many sessions, and measures what that does to it. */
export async function measureGrowth(
  { stores, sessions, size, rounds }: GrowthOptions,
  { directory: run, servers, progress }: Site,
): Promise<GrowthRow[]> {
  const rows: GrowthRow[] = [];
  progress.start(stores.length * sessions.length * rounds);
  for (const store of stores) {
    for (const count of sessions) rows.push({ store, sessions: count, size, rounds: [] });
  }
  for (let round = 0; round < rounds; round++) {
    for (const row of rows) {
      progress.step(`${row.store}: ${row.sessions} sessions`);
      const { server } = findStore(row.store);
      const database = await databaseFor(server, servers);
      const request: GrowthRequest = {
        store: row.store,
        sessions: row.sessions,
        size,
        run,
        ...(database !== undefined && { url: database.url }),
      };
      let figures: GrowthFigures | { failure: string } = { failure: "its process ended before its result" };
      try {
        await runInChild<GrowthFigures>("./growth-child.js", request, {
          onMessage: (message) => {
            figures = message;
          },
          limitMs: LIMIT_MS,
        });
      } catch (error) {
        figures = { failure: error instanceof Error ? error.message : String(error) };
      }
      row.rounds.push(figures);
      await database?.drop();
    }
  }
  return rows;
}
