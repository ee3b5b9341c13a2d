import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { limitTime } from "../src/harness/time-limit.js";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
});

afterEach(() => {
  vi.useRealTimers();
});

/** Starts an idle process under a limit of five seconds, on a clock that the test moves. */
function start() {
  const child = spawn(process.execPath, ["-e", "process.stdin.resume()"], {
    stdio: ["pipe", "ignore", "ignore"],
  });
  const clock = { now: 0 };
  const said: string[] = [];
  const end = limitTime(
    child,
    5_000,
    (what) => said.push(what),
    () => clock.now,
  );
  /** Moves the clock by `ms`, and runs the check of that second. */
  const tick = (ms = 1_000) => {
    clock.now += ms;
    vi.advanceTimersByTime(1_000);
  };
  return { child, said, end, tick };
}

it("kills a process that runs longer than its limit", async () => {
  const { child, said, tick } = start();
  for (let second = 1; second < 5; second++) tick();
  expect(said).toEqual([]);
  const closed = once(child, "close");
  tick();
  expect(said).toEqual(["it did not end within 5 s"]);
  expect((await closed)[1]).toBe("SIGKILL");
});

it("does not count time during which the machine was suspended", async () => {
  const { child, said, end, tick } = start();
  tick();
  tick(3_600_000);
  tick();
  expect(said).toEqual([]);
  end();
  tick(10_000);
  tick(10_000);
  expect(said).toEqual([]);
  const closed = once(child, "close");
  child.stdin?.end();
  expect(await closed).toEqual([0, null]);
});
