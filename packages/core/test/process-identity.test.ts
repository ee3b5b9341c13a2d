import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { expect, it, onTestFinished, vi } from "vitest";
import { identifyProcess, judgeProcess, type ProcessIdentity } from "../src/kit/index.js";

const self = identifyProcess();
const isLinux = process.platform === "linux";

/** Returns the ID of an ended process. */
const ended = (): number => spawnSync(process.execPath, ["--version"]).pid;

it.each<[string, Partial<ProcessIdentity>, string]>([
  ["itself", {}, isLinux ? "alive" : "unknown"],
  ["a process that has ended", { pid: ended() }, "dead"],
  ["one whose ID is another's by now", { start: "1" }, isLinux ? "dead" : "unknown"],
  ["one before the system was started", { boot: "another" }, isLinux ? "dead" : "unknown"],
  ["one of another container", { namespace: "1" }, "unknown"],
  ["one of another container, by an ID that is nobody's here", { namespace: "1", pid: 2 ** 30 }, "unknown"],
  ["one whose start nobody noted", { start: "" }, "unknown"],
  ["one that was not told the start of the system", { boot: "" }, isLinux ? "unknown" : "alive"],
  ["an ID that is a group's", { pid: 0 }, "unknown"],
  ["an ID that is none", { pid: Number.NaN }, "unknown"],
])("judges %s", (_what, changes, verdict) => {
  expect(judgeProcess({ ...self, ...changes })).toBe(verdict);
});

it.skipIf(!isLinux)("a process whose /proc cannot be read is unknown, never dead", () => {
  const read = fs.readFileSync;
  const spy = vi.spyOn(fs, "readFileSync").mockImplementation(((path: fs.PathLike, ...rest: []) => {
    if (String(path).startsWith(`/proc/${process.pid}/`))
      throw Object.assign(new Error(), { code: "EACCES" });
    return read(path, ...rest);
  }) as typeof fs.readFileSync);
  onTestFinished(() => spy.mockRestore());
  expect(judgeProcess(self)).toBe("unknown");
  expect(judgeProcess({ ...self, pid: ended() })).toBe("dead"); // certain, because there is no such process
});
