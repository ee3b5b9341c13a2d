import { randomBytes, randomInt } from "node:crypto";
import fs from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { StoreError } from "@scs/core";
import { pause, type Verdict } from "@scs/core/kit";
import { FileWindow } from "../log/file-window.js";
import { type Files, removeFile, writeAll } from "../log/files.js";
import { describeSelf, type Holder, judge } from "./holder.js";

/** A lock file whose process is not known to be dead. */
interface Found extends Holder {
  path: string;
  verdict: Verdict;
}

const LATELY_MS = 1;

const PREFIX = "lock.";
const ATTEMPTS = 100;
const MAX_WAIT_MS = 20;
/** Interval at which the owner touches its lock file. */
const TOUCH_MS = 3_000;
/** Number and interval of looks without a touch after which an owner that cannot be examined counts as dead. */
const LOOKS = 30;
const LOOK_MS = 1_000;

/** The ownership of a directory. It is lost when the directory or its lock file is removed. */
export class DirectoryLock {
  readonly #files: Files;
  readonly #path: string;
  readonly #file: number | undefined;
  readonly #timer: NodeJS.Timeout;
  #isLost = false;
  #lookedAt: number = Number.NEGATIVE_INFINITY;
  #isTouching = false;

  constructor(files: Files, path: string) {
    this.#files = files;
    this.#path = path;
    this.#file = fileNumber(path);
    // removeSilent of other processes looks for these touches.
    this.#timer = setInterval(() => void this.#touch(), TOUCH_MS);
    this.#timer.unref?.(); // timers of jsdom are numbers, and do not keep the process alive
  }

  /** @throws StoreError `UNAVAILABLE` if an earlier check has found the ownership lost. Makes no system call. */
  assertNotLost(): void {
    if (this.#isLost) {
      throw new StoreError(
        "UNAVAILABLE",
        "hybridstore: the directory was removed, or taken by another process; dispose of this store, and open it anew",
      );
    }
  }

  /**
   * Checks whether the directory still belongs to this store: one or two system calls, some microseconds.
   *
   * @param file An open file that must still be in the directory.
   * @throws StoreError `UNAVAILABLE` if not, from now on.
   */
  assertHeld(file?: number): void {
    this.#lookedAt = performance.now();
    if (fileNumber(this.#path) !== this.#file) this.#isLost = true;
    if (file !== undefined && fs.fstatSync(file).nlink === 0) this.#isLost = true;
    this.assertNotLost();
  }

  /** Checks as {@link assertHeld} does, unless it has within the last millisecond: taking a directory takes longer. */
  assertHeldLately(): void {
    if (performance.now() - this.#lookedAt > LATELY_MS) this.assertHeld();
    else this.assertNotLost();
  }

  /** Releases the directory. */
  async release(): Promise<void> {
    clearInterval(this.#timer);
    await removeFile(this.#files, this.#path); // a later owner's lock file has another name
  }

  async #touch(): Promise<void> {
    if (this.#isTouching) return; // a disk that hangs must not occupy all threads of the pool
    this.#isTouching = true;
    try {
      await this.#files.touch(this.#path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") this.#isLost = true; // other errors: the next touch retries
    }
    this.#isTouching = false;
  }
}

/** Returns the inode number of a file; `undefined` if there is none. */
const fileNumber = (path: string): number | undefined => fs.statSync(path, { throwIfNoEntry: false })?.ino;

/**
 * Makes this process the owner of a directory. Each contender creates a file with a unique name, and then looks for others:
 * of two contenders, the later sees the earlier. Anybody may remove the file of a dead process at any time, because no other
 * process uses its name.
 *
 * @param wait Resolves after a number of ms; replaced by tests.
 * @throws StoreError `LOCKED` if another process owns it.
 */
export async function lockDirectory(
  files: Files,
  directory: string,
  wait: (ms: number) => Promise<unknown> = pause,
): Promise<DirectoryLock> {
  await removeSilent(files, directory, wait);
  for (let attempt = 1; ; attempt++) {
    const name = PREFIX + randomBytes(8).toString("hex");
    const path = join(directory, name);
    try {
      const other = (await makeFile(files, path, false)) && (await findOther(files, directory, name));
      if (other === "none") {
        await makeFile(files, path, true);
        return new DirectoryLock(files, path);
      }
      if (other && (other.isOwner || attempt >= ATTEMPTS)) throw locked(other);
      if (attempt >= ATTEMPTS) throw new StoreError("UNAVAILABLE", "hybridstore: no lock file can be made");
    } catch (error) {
      await removeFile(files, path).catch(() => undefined);
      throw error;
    }
    await removeFile(files, path);
    await wait(randomInt(1, MAX_WAIT_MS)); // two contenders at once: a random wait lets one come first
  }
}

/**
 * Watches the lock files whose processes cannot be examined, and removes those that are not touched. Counts looks instead of
 * time: clocks are changed, and systems sleep.
 */
async function removeSilent(
  files: Files,
  directory: string,
  wait: (ms: number) => Promise<unknown>,
): Promise<void> {
  const found = await findAll(files, directory);
  if (found.some(({ verdict, isOwner }) => verdict === "alive" && isOwner)) return;
  const silent = new Map<string, number>();
  for (const { path, verdict } of found) {
    const touched = verdict === "unknown" ? await touchedAt(files, path) : undefined;
    if (touched !== undefined) silent.set(path, touched);
  }
  for (let look = 0; silent.size > 0 && look < LOOKS; look++) {
    await wait(LOOK_MS);
    for (const [path, before] of silent) {
      const touched = await touchedAt(files, path);
      if (touched === undefined) silent.delete(path);
      else if (touched !== before) return; // the owner is alive
    }
  }
  for (const path of silent.keys()) await removeFile(files, path);
}

/** Returns when a file was touched; `undefined` if it is gone. */
async function touchedAt(files: Files, path: string): Promise<number | undefined> {
  try {
    return await files.touchedAt(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Creates or replaces a file atomically. Returns `false` if the owner has removed it meanwhile. */
async function makeFile(files: Files, path: string, isOwner: boolean): Promise<boolean> {
  const temporary = `${path}.tmp`;
  const { O_WRONLY, O_CREAT, O_TRUNC } = fs.constants;
  const file = await files.open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0o600);
  try {
    await writeAll(files, file, Buffer.from(JSON.stringify(describeSelf(isOwner))), 0);
  } finally {
    await files.close(file);
  }
  try {
    await files.rename(temporary, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || isOwner) throw error;
    return false; // the owner has removed the temporary file
  }
}

/** Removes the files of dead processes. Returns another holder that may be alive, preferably an owner. */
async function findOther(files: Files, directory: string, own: string): Promise<Found | "none"> {
  const holders = await findAll(files, directory, own);
  return holders.find(({ isOwner }) => isOwner) ?? holders[0] ?? "none";
}

async function findAll(files: Files, directory: string, own?: string): Promise<Found[]> {
  const found: Found[] = [];
  for (const name of await files.list(directory)) {
    if (!/^lock\.[0-9a-f]{16}$/.test(name) || name === own) continue;
    const path = join(directory, name);
    const holder = await readHolder(files, path);
    if (holder === "gone") continue;
    const verdict = holder === "no holder" ? "dead" : judge(holder);
    if (holder !== "no holder" && verdict !== "dead") found.push({ ...holder, path, verdict });
    else await removeFile(files, path);
  }
  return found;
}

/** Reads a lock file. An unreadable one is left from a power failure: it was complete when it got its name. */
async function readHolder(files: Files, path: string): Promise<Holder | "gone" | "no holder"> {
  try {
    const text = await FileWindow.over(files, path, async (window) => {
      await window.load(0, window.size);
      return window.bytes.toString();
    });
    const holder = JSON.parse(text) as Partial<Holder> | null;
    return Number.isSafeInteger(holder?.pid) ? (holder as Holder) : "no holder";
  } catch (error) {
    if (error instanceof SyntaxError) return "no holder";
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "gone";
    throw error;
  }
}

function locked({ pid, host, path, verdict }: Found): StoreError {
  let where = "";
  if (host !== hostname()) where = ` of host ${host}; if that is gone, remove ${path}`;
  else if (verdict === "unknown") where = " of another container of this host";
  return new StoreError("LOCKED", `hybridstore: the directory belongs to process ${pid}${where}`);
}
