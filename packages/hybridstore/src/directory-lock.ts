import { randomBytes, randomInt } from "node:crypto";
import { constants, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { StoreError } from "@scs/core";
import { FileWindow } from "./file-window.js";
import { type Files, removeFile, writeAll } from "./files.js";

/** Who has made a lock file. `started` and `boot` are empty where the system does not tell. */
interface Holder {
  pid: number;
  started: string;
  boot: string;
  host: string;
  isOwner: boolean;
}

const PREFIX = "lock.";
const ATTEMPTS = 100;
const MAX_WAIT_MS = 20;

/**
 * Makes this process the owner of a directory. Each that wants it makes a file of a name of its own, and then looks
 * for others: of two, the later one sees the earlier. So the file of a process that has died can be removed by
 * anybody, at any time; there is no name that a third could have taken meanwhile.
 *
 * @returns What gives the directory back.
 * @throws StoreError `LOCKED` if another has it.
 */
export async function lockDirectory(files: Files, directory: string): Promise<() => Promise<void>> {
  for (let attempt = 1; ; attempt++) {
    const name = PREFIX + randomBytes(8).toString("hex");
    const path = join(directory, name);
    const unlock = (): Promise<void> => removeFile(files, path);
    try {
      const other = (await makeFile(files, path, false)) && (await findOther(files, directory, name));
      if (other === "none") {
        await makeFile(files, path, true);
        return unlock;
      }
      if (other && (other.isOwner || attempt >= ATTEMPTS)) throw locked(directory, other);
      if (attempt >= ATTEMPTS) throw new StoreError("UNAVAILABLE", "hybridstore: no lock file can be made");
    } catch (error) {
      await unlock().catch(() => undefined);
      throw error;
    }
    await unlock();
    await setTimeout(randomInt(1, MAX_WAIT_MS)); // two that were there at once: one of them comes first next time
  }
}

/** Puts a whole file there, or its new content in its place, so that nobody sees a part of it. */
async function makeFile(files: Files, path: string, isOwner: boolean): Promise<boolean> {
  const temporary = `${path}.tmp`;
  const { O_WRONLY, O_CREAT, O_TRUNC } = constants;
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
    return false; // the owner has tidied up
  }
}

/** Gives another living holder, an owner first, having removed the files of those that have died. */
async function findOther(
  files: Files,
  directory: string,
  own: string,
): Promise<(Holder & { name: string }) | "none"> {
  const holders: (Holder & { name: string })[] = [];
  for (const name of await files.list(directory)) {
    if (!/^lock\.[0-9a-f]{16}$/.test(name) || name === own) continue;
    const path = join(directory, name);
    const holder = await readHolder(files, path);
    if (holder === "gone") continue;
    if (holder !== "no holder" && isAlive(holder)) holders.push({ ...holder, name });
    else await removeFile(files, path);
  }
  return holders.find(({ isOwner }) => isOwner) ?? holders[0] ?? "none";
}

/** A file that tells nothing is left from a power failure: it was whole when it got its name. */
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

function describeSelf(isOwner: boolean): Holder {
  const { pid } = process;
  return { pid, started: startOf(pid) ?? "", boot: bootId(), host: hostname(), isOwner };
}

/** Whether the process may still be there. Of another machine nobody here knows: it counts as alive. */
function isAlive({ pid, started, boot, host }: Holder): boolean {
  if (host !== hostname()) return true;
  if (boot !== bootId()) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  return started === "" || startOf(pid) === started; // another may have got the number since
}

/** When a process was started, in a unit of the system's; `undefined` if there is none, or none that is not dead. */
function startOf(pid: number): string | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").at(-1)?.split(" ") ?? [];
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  } catch {
    return "";
  }
}

function locked(directory: string, { pid, host, name }: Holder & { name: string }): StoreError {
  const where =
    host === hostname() ? "" : ` of host ${host}; if that is gone, remove ${join(directory, name)}`;
  return new StoreError("LOCKED", `hybridstore: the directory belongs to process ${pid}${where}`);
}
