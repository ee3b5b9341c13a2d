import { type Session, SessionManager } from "../../src/index.js";
import { GatedStore } from "./gated-store.js";

/** The values of the sessions. `mark` names the original session of the values. */
export interface Values {
  mark: string;
  userId: string;
  a: number;
  b: number;
  extra: number;
}

export type Manager = SessionManager<Values, string>;

export const START = 1_700_000_000_000;
export const GRACE_MS = 60_000;
const LIFETIME_MS = 3_600_000;

/** The answer of an operation. */
export interface Answer {
  name: string;
  /** Whether the operation found its session. */
  isFound: boolean;
  /** Whether the session was reported as ended, and its changes dropped. */
  isDropped: boolean;
  /** The client's new token. */
  token?: string | undefined;
  result?: unknown;
}

/** Sessions in a store, a clock, and managers over them. */
export class World {
  now: number = START;
  readonly store: GatedStore;
  readonly managers: readonly Manager[];
  readonly maxPerOwner: number;
  /** The first token of each session, by mark. */
  readonly tokens: Map<string, string>;
  readonly handles: Map<string, string>;
  #marks = 0;
  readonly answers: (Answer | undefined)[] = [];
  /** Which operations rejected. */
  readonly errors: Map<number, unknown> = new Map();

  /** With `other`, copies its present state, with new managers. */
  constructor(managers: number, maxPerOwner: number, other?: World) {
    this.maxPerOwner = maxPerOwner;
    this.now = other?.now ?? START;
    this.store = new GatedStore(() => this.now, other?.store);
    this.tokens = new Map(other?.tokens);
    this.handles = new Map(other?.handles);
    this.managers = Array.from({ length: managers }, () => this.newManager());
  }

  /** Returns an unused mark. */
  nextMark(): string {
    return `N${++this.#marks}`;
  }

  newManager(): Manager {
    return new SessionManager<Values, string>({
      store: this.store,
      lifetimeMs: LIFETIME_MS,
      idleTimeoutMs: LIFETIME_MS / 2,
      touchAfterMs: 1000,
      cookie: { secure: false },
      owner: (data) => data.userId,
      describe: (data) => data.mark ?? "",
      maxPerOwner: this.maxPerOwner,
      now: () => this.now,
      onError: () => undefined,
    });
  }

  async begin(mark: string, userId?: string): Promise<void> {
    const manager = this.newManager();
    const session = await manager.load(undefined);
    session.set("mark", mark).set("a", 0);
    if (userId !== undefined) session.set("userId", userId);
    await manager.commit(session);
    this.tokens.set(mark, session.token as string);
    if (session.handle !== undefined) this.handles.set(mark, session.handle);
  }

  /** Returns the values of each live session, by mark. */
  async live(): Promise<Map<string, Partial<Values>[]>> {
    const live = new Map<string, Partial<Values>[]>();
    await this.newManager().iterate((session) => {
      const values = valuesOf(session);
      live.set(values.mark ?? "", [...(live.get(values.mark ?? "") ?? []), values]);
    });
    return live;
  }

  /** Returns the mark of a token's session. */
  async leadsTo(token: string | undefined): Promise<string | undefined> {
    return valuesOf(await this.newManager().load(token)).mark;
  }
}

function valuesOf(session: Session<Values>): Partial<Values> {
  return Object.fromEntries([...session.keys()].map((key) => [key, session.get(key)]));
}
