import fc from "fast-check";
import { expect, it } from "vitest";
import { fromJulianDay, MAX_JULIAN_DAY, toJulianDay } from "../src/julian-day.js";
import { appDatabase, bytes, drivers, newPath, openStore } from "./fixtures/databases.js";

/** Day 2^25, in the year 87,156, after which doubles are more than half a millisecond apart. */
const DAY_2_25 = 2 ** 25 * 86_400_000 - 210_866_760_000_000;
const instant = fc.integer({ min: -210_866_760_000_000, max: DAY_2_25 - 1 });
const thisCentury = fc.integer({ min: Date.UTC(2000), max: Date.UTC(2100) });

it("converts every millisecond to a Julian day and back", () => {
  fc.assert(
    fc.property(fc.oneof(instant, thisCentury), (ms) => {
      expect(fromJulianDay(toJulianDay(ms))).toBe(ms);
    }),
    { numRuns: 20_000 },
  );
});

it("converts a later millisecond to a greater Julian day", () => {
  fc.assert(
    fc.property(fc.oneof(instant, thisCentury), (ms) => {
      expect(toJulianDay(ms)).toBeLessThan(toJulianDay(ms + 1));
    }),
    { numRuns: 20_000 },
  );
});

it("agrees with SQLite's julianday to the millisecond", async () => {
  const db = await appDatabase("better-sqlite3", ":memory:");
  const julianday = db.prepare("SELECT julianday(?) AS day").pluck();
  fc.assert(
    fc.property(fc.integer({ min: Date.UTC(0), max: Date.UTC(9999) }), (ms) => {
      expect(fromJulianDay(julianday.get(new Date(ms).toISOString()) as number)).toBe(ms);
    }),
    { numRuns: 10_000 },
  );
});

it("converts the latest Date to the latest Julian day", () => {
  expect(fromJulianDay(MAX_JULIAN_DAY)).toBe(8_640_000_000_000_000);
});

it.each(drivers)(
  "%s: a store keeps an expiry to the millisecond, and ends the record at it",
  async (driver) => {
    let now = 0;
    const { store } = await openStore(newPath(), { driver, now: () => now });
    await fc.assert(
      fc.asyncProperty(thisCentury, async (ms) => {
        now = ms - 1;
        await store.commit("t", bytes("one"), new Date(ms));
        expect((await store.find("t"))?.expiry.getTime()).toBe(ms);
        now = ms;
        expect(await store.find("t")).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  },
);
