import * as fs from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";

/**
 * The calls of the file system that the store makes, in one place, so that a test can make each of them fail. Files
 * are plain descriptors: Node.js warns when it collects a `FileHandle`, as a store that the app has dropped is.
 */
export interface Files {
  open(path: string, flags: number, mode?: number): Promise<number>;
  /** May write less than it was given, as the system's call does. */
  write(
    file: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ bytesWritten: number }>;
  read(
    file: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ bytesRead: number }>;
  size(file: number): Promise<number>;
  datasync(file: number): Promise<void>;
  truncate(file: number, length: number): Promise<void>;
  close(file: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Says of a file that it was changed now. */
  touch(path: string): Promise<void>;
  /** When a file was changed, in ms since the epoch. */
  touchedAt(path: string): Promise<number>;
  list(directory: string): Promise<string[]>;
  /** Makes a directory, with those above it; gives the first that was not there. */
  makeDirectory(path: string): Promise<string | undefined>;
}

const fstat = promisify(fs.fstat);
const mkdir = promisify(fs.mkdir);
const readdir = promisify(fs.readdir);
const stat = promisify(fs.stat);
const utimes = promisify(fs.utimes);

export const systemFiles: Files = {
  open: promisify(fs.open),
  write: promisify(fs.write),
  read: promisify(fs.read),
  size: async (file) => (await fstat(file)).size,
  datasync: promisify(fs.fdatasync),
  truncate: promisify(fs.ftruncate),
  close: promisify(fs.close),
  rename: promisify(fs.rename),
  unlink: promisify(fs.unlink),
  touch: (path) => utimes(path, new Date(), new Date()),
  touchedAt: async (path) => (await stat(path)).mtimeMs,
  list: (directory) => readdir(directory),
  makeDirectory: (path) => mkdir(path, { recursive: true, mode: 0o700 }),
};

/** Writes all of the bytes, in as many calls as the system makes of it. */
export async function writeAll(
  files: Files,
  file: number,
  bytes: Uint8Array,
  position: number,
): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const rest = bytes.length - written;
    const { bytesWritten } = await files.write(file, bytes, written, rest, position + written);
    if (bytesWritten === 0) throw new Error("the system has written nothing, and says no reason");
    written += bytesWritten;
  }
}

/** Makes names that were made, changed or removed in a directory last through a power failure. */
export async function syncDirectory(files: Files, path: string): Promise<void> {
  if (process.platform === "win32") return; // there, a directory cannot be opened
  const directory = await files.open(path, fs.constants.O_RDONLY);
  try {
    await files.datasync(directory);
  } finally {
    await files.close(directory);
  }
}

/** Makes a directory, and those above it, so that they last through a power failure. */
export async function makeDirectory(files: Files, path: string): Promise<void> {
  const first = await files.makeDirectory(path);
  if (first === undefined) {
    // Whoever has made it may have died before its name was on the disk. Not everybody may read what is above.
    await syncDirectory(files, dirname(path)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EACCES" && error.code !== "EPERM") throw error;
    });
    return;
  }
  for (let made = path; made.length >= first.length; made = dirname(made))
    await syncDirectory(files, dirname(made));
}

/** Removes a file that may not be there. */
export async function removeFile(files: Files, path: string): Promise<void> {
  try {
    await files.unlink(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
