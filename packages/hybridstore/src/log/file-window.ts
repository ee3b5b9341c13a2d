import { constants } from "node:fs";
import type { Files } from "./files.js";

/** How many bytes are read at a time. */
const STEP_BYTES = 1_048_576;

/** A part of a file in memory, which moves on through it. */
export class FileWindow {
  readonly #files: Files;
  readonly #file: number;
  readonly size: number;
  /** Where in the file the window begins. */
  start = 0;
  bytes: Buffer = Buffer.alloc(0);

  private constructor(files: Files, file: number, size: number) {
    this.#files = files;
    this.#file = file;
    this.size = size;
  }

  /** Opens a file for `read`, and closes it. */
  static async over<T>(files: Files, path: string, read: (window: FileWindow) => Promise<T>): Promise<T> {
    const file = await files.open(path, constants.O_RDONLY);
    try {
      return await read(new FileWindow(files, file, await files.size(file)));
    } finally {
      await files.close(file);
    }
  }

  /** Whether so many bytes from `position` on, or all that there are, are in the window. */
  has(position: number, length: number): boolean {
    return position >= this.start && Math.min(position + length, this.size) <= this.start + this.bytes.length;
  }

  /** Brings them into the window. What was changed in it before is kept, from `position` on. */
  async load(position: number, length: number): Promise<void> {
    const wanted = Math.min(Math.max(length, STEP_BYTES), this.size - position);
    const offset = position - this.start;
    const kept = offset < 0 ? Buffer.alloc(0) : this.bytes.subarray(offset);
    const bytes = Buffer.allocUnsafeSlow(Math.max(wanted, kept.length));
    let filled = kept.copy(bytes);
    while (filled < bytes.length) {
      const rest = bytes.length - filled;
      const { bytesRead } = await this.#files.read(this.#file, bytes, filled, rest, position + filled);
      if (bytesRead === 0) break; // somebody has cut it short
      filled += bytesRead;
    }
    this.start = position;
    this.bytes = bytes.subarray(0, filled);
  }

  /** Whether there is nothing but zeros from `position` on. */
  async isZeroFrom(position: number): Promise<boolean> {
    for (let next = position; next < this.size; next = this.start + this.bytes.length) {
      if (!this.has(next, 1)) await this.load(next, 1);
      for (let offset = next - this.start; offset < this.bytes.length; offset++) {
        if (this.bytes[offset] !== 0) return false;
      }
    }
    return true;
  }
}
