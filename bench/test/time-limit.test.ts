import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { limitTime } from "../src/time-limit.js";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
});

afterEach(() => {
  vi.useRealTimers();
});

/** A process that does nothing, under a limit of five seconds, by a clock that is moved. */
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
  /** Lets a second pass, which takes so long by the clock. */
  const tick = (ms = 1_000) => {
    clock.now += ms;
    vi.advanceTimersByTime(1_000);
  };
  return { child, said, end, tick };
}

it("who takes longer is killed, and it is said whether it was computing", async () => {
  const { child, said, tick } = start();
  for (let second = 1; second < 5; second++) tick();
  expect(said).toEqual([]);
  const closed = once(child, "close");
  tick();
  expect(said).toEqual([
    expect.stringMatching(
      process.platform === "linux"
        ? /^it had not ended after 5 s, computing for \d+\.\d s of it$/
        : /^it had not ended after 5 s$/,
    ),
  ]);
  expect((await closed)[1]).toBe("SIGKILL");
});

it("a time in which the whole machine stood still does not count", async () => {
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
