import type { SessionEvent } from "../session-events.js";
import type { SessionRecords } from "./session-records.js";
import type { WriterOptions } from "./session-writer.js";
import { type FoundSession, publicHandleOf } from "./stored-session.js";

/** Ends sessions, in the store and on their owners' lists. */
export class SessionEnding {
  readonly #options: WriterOptions;
  readonly #records: SessionRecords;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#records = options.records;
  }

  /**
   * Ends a session if `isMeant` returns true for what others may have made of it.
   *
   * @returns the session at its end; `undefined` if it had ended, or is not meant.
   */
  async end(
    session: FoundSession,
    isMeant?: (current: FoundSession) => boolean,
  ): Promise<FoundSession | undefined> {
    const ended = await this.#records.end(session, isMeant);
    const note = ended?.content.meta.owner;
    if (ended !== undefined && note !== undefined) {
      await this.#options.owners?.lists.remove(note.hash, [{ id: ended.id, stamps: [note.stamp] }]);
    }
    return ended;
  }

  /** Ends a session unless others have changed it. Returns what they have made of it, if so. */
  async endUnchanged(session: FoundSession): Promise<FoundSession | undefined> {
    let changed: FoundSession | undefined;
    await this.end(session, (current) => {
      if (current === session) return true;
      changed = current;
      return false;
    });
    return changed;
  }

  emitDestroyed(session: FoundSession): void {
    this.#options.events.emit("destroyed", () => ({ ...this.naming(session), reason: "destroyed" }));
  }

  naming({ id, content: { meta, values } }: FoundSession): SessionEvent {
    return { owner: this.#options.home.ownerOf(values), handle: publicHandleOf({ id, meta }) };
  }
}
