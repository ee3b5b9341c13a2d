import { EventEmitter } from "node:events";
import { messageOf } from "../doctor/writes.js";
import type { Target } from "../stores/target.js";
import { SessionIndex } from "./session-index.js";

/** What the page shows of all sessions. */
export interface Summary {
  store: string;
  sessions: number;
  owners: number;
  bytes: number;
  /** When the last scan ended, in ms since the epoch; 0: none has yet. */
  asOf: number;
  /** How many sessions the scan under way has read; `undefined` if none is. */
  scanned: number | undefined;
  error: string | undefined;
}

/** Number of sessions after which the page is told of a scan under way. */
const REPORT_EACH = 5_000;
/** Share of the time that a scan may take. */
const SHARE = 0.1;

/** Reads all sessions into an index, again and again, and tells how many there are. */
export class Scanner {
  readonly changes: EventEmitter = new EventEmitter();
  readonly #target: Target;
  readonly #minPauseMs: number;
  index: SessionIndex = new SessionIndex();
  #asOf = 0;
  #scanned: number | undefined;
  #error: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  /** Handles that were ended during a scan, which may have read them before. */
  #ended: Set<string> = new Set();

  constructor(target: Target, minPauseMs: number) {
    this.#target = target;
    this.#minPauseMs = minPauseMs;
    this.changes.setMaxListeners(0);
  }

  get summary(): Summary {
    const { index } = this;
    return {
      ...{ store: this.#target.name, sessions: index.sessions, owners: index.owners.active },
      ...{ bytes: index.totalBytes, asOf: this.#asOf, scanned: this.#scanned, error: this.#error },
    };
  }

  /** Begins a scan, unless one is under way. */
  async scan(): Promise<void> {
    if (this.#scanned !== undefined || this.#isClosed) return;
    clearTimeout(this.#timer);
    const start = performance.now();
    try {
      await this.#scan();
      this.#error = undefined;
    } catch (error) {
      this.#error = messageOf(error);
    } finally {
      this.#scanned = undefined;
    }
    if (this.#isClosed) return;
    this.#tell();
    const pause = Math.max(this.#minPauseMs, (performance.now() - start) / SHARE);
    this.#timer = setTimeout(() => void this.scan(), pause);
    this.#timer.unref();
  }

  async #scan(): Promise<void> {
    const index = new SessionIndex();
    this.#ended = new Set();
    this.#scanned = 0;
    this.#tell();
    for await (const session of this.#target.sessions.inspectAll()) {
      if (this.#isClosed) return;
      index.add(session);
      if (++this.#scanned % REPORT_EACH === 0) this.#tell();
    }
    if (this.#ended.size > 0) index.remove(this.#ended);
    this.index = index;
    this.#asOf = Date.now();
  }

  /** Takes out sessions that have been ended here. */
  remove(handles: Iterable<string>): void {
    const ended = new Set(handles);
    for (const handle of ended) this.#ended.add(handle);
    this.index.remove(ended);
    this.#tell();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.changes.removeAllListeners();
  }

  #tell(): void {
    this.changes.emit("change");
  }
}
