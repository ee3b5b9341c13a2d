import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { TimeSlice } from "../src/kit/index.js";

let now = 0;

beforeEach(() => {
  now = 1_000_000;
  vi.spyOn(performance, "now").mockImplementation(() => now);
});

afterEach(() => {
  vi.restoreAllMocks();
});

it("is over after 2 ms", () => {
  const slice = new TimeSlice();
  expect(slice.isOver).toBe(false);
  now += 1.999;
  expect(slice.isOver).toBe(false);
  now += 0.001;
  expect(slice.isOver).toBe(true);
});

it("restarts after a turn of the event loop", async () => {
  const slice = new TimeSlice();
  now += 100;
  await slice.next();
  expect(slice.isOver).toBe(false);
  now += 2;
  expect(slice.isOver).toBe(true);
});

it("begins the next slice after the turn, whatever the duration of the turn", async () => {
  const slice = new TimeSlice();
  setImmediate(() => {
    now += 50; // the process handles a request meanwhile
  });
  await slice.next();
  expect(slice.isOver).toBe(false);
});

it("lets waiting callbacks of the event loop run", async () => {
  const turns: string[] = [];
  setImmediate(() => turns.push("another"));
  await new TimeSlice().next();
  turns.push("next slice");
  expect(turns).toEqual(["another", "next slice"]);
});
