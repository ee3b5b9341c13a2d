import { clearTimer, setTimer, type Timer } from "@scs/core/kit";
import { partsOf } from "../persistence/session-token.js";
import { engineOf, type SessionManager } from "../session-manager.js";

/** An open connection, and its token. */
interface Watched {
  /** The ID of the session. */
  id: string;
  token: string;
  end: () => void;
}

/** Maximum number of look-ups in flight, which a store groups into few statements. */
const MAX_IN_FLIGHT = 64;

/** Ends connections whose token has become invalid: at once if this process caused it, otherwise with the next check. */
export class ConnectionWatch<T extends object, D> {
  readonly #sessions: SessionManager<T, D>;
  readonly #intervalMs: number;
  readonly #onError: (error: Error) => void;
  /** By the ID of the session. */
  readonly #watched: Map<string, Set<Watched>> = new Map();
  readonly #stopListening: (() => void)[];
  #timer: Timer | undefined;

  constructor(sessions: SessionManager<T, D>, intervalMs: number, onError: (error: Error) => void) {
    this.#sessions = sessions;
    this.#intervalMs = intervalMs;
    this.#onError = onError;
    const changed = ({ handle }: { handle: string | undefined }): void => {
      const connections = this.#watched.get(handle?.slice(handle.lastIndexOf(".") + 1) ?? "");
      if (connections !== undefined) void this.#check([...connections]);
    };
    this.#stopListening = (["destroyed", "revoked", "renewed"] as const).map((name) =>
      sessions.on(name, changed),
    );
  }

  /** The number of connections. */
  get size(): number {
    let size = 0;
    for (const connections of this.#watched.values()) size += connections.size;
    return size;
  }

  /**
   * Calls `end` when the token has become invalid.
   *
   * @returns a function that stops watching.
   */
  add(token: string, end: () => void): () => void {
    const id = partsOf(token)?.id ?? "";
    const watched = { id, token, end };
    const connections = this.#watched.get(id) ?? new Set();
    this.#watched.set(id, connections.add(watched));
    this.#schedule();
    void this.#check([watched]); // the session may have ended since it was loaded
    return () => void this.#remove(watched);
  }

  /** Looks up the session of each connection, and ends the connections whose session is over. */
  async checkAll(): Promise<void> {
    const all = [...this.#watched.values()].flatMap((connections) => [...connections]).values();
    const work = async (): Promise<void> => {
      for (const watched of all) await this.#check([watched]);
    };
    await Promise.all(Array.from({ length: MAX_IN_FLIGHT }, work));
  }

  stop(): void {
    this.#unschedule();
    for (const stop of this.#stopListening) stop();
    this.#watched.clear();
  }

  async #check(connections: readonly Watched[]): Promise<void> {
    await Promise.all(
      connections.map(async (watched) => {
        try {
          const { repository } = engineOf(this.#sessions); // not exists(): the upgrade request has proven the device
          if (!(await repository.isLive(watched.token)) && this.#remove(watched)) watched.end();
        } catch (error) {
          this.#onError(error as Error); // the session may still be there: the connection stays
        }
      }),
    );
  }

  /** Stops watching a connection, and returns whether it was watched. */
  #remove(watched: Watched): boolean {
    const connections = this.#watched.get(watched.id);
    const wasWatched = connections?.delete(watched) ?? false;
    if (connections?.size === 0) this.#watched.delete(watched.id);
    if (this.#watched.size === 0) this.#unschedule();
    return wasWatched;
  }

  #schedule(): void {
    if (this.#timer !== undefined) return;
    const timer = setTimer(async () => {
      await this.checkAll();
      if (this.#timer !== timer) return; // stopped or scheduled anew during the check
      this.#timer = undefined;
      if (this.#watched.size > 0) this.#schedule();
    }, this.#intervalMs);
    timer.unref();
    this.#timer = timer;
  }

  #unschedule(): void {
    if (this.#timer !== undefined) clearTimer(this.#timer);
    this.#timer = undefined;
  }
}
