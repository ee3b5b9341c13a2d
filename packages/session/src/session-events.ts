import {
  type Channel,
  channel,
  subscribe,
  type TracingChannel,
  tracingChannel,
  unsubscribe,
} from "node:diagnostics_channel";
import type { CleanupMessage } from "@scs/core";

/**
 * Why a session ended: `destroyed` by the app, `expired` at its deadline, or `ended` by its idle timeout or by another
 * request, which destroyed, renewed or revoked it.
 */
export type EndReason = "destroyed" | "expired" | "ended";

/** The events of a session manager. None contains a token or a value. */
export interface SessionEvents {
  /** A session was saved for the first time. */
  created: SessionEvent;
  /** A session got a new token. */
  renewed: SessionEvent;
  /** A request has ended a session, or found that it had ended. */
  destroyed: SessionEvent & { reason: EndReason };
  /** A session was ended by `revoke`, `revokeAll` or the limit `maxPerOwner`. */
  revoked: SessionEvent & { reason: "revoked" | "limit" };
  /** A browser has bound a session to its device. */
  bound: SessionEvent;
  /** A request had the token of a bound session, but no proof of its device: the cookie may be stolen. */
  unproven: SessionEvent;
  /** Two requests changed one session at the same time. The second one merged its changes. */
  conflict: SessionEvent;
  /** A request had a token without a session: expired, ended, invented or malformed. */
  unknown: UnknownToken;
  /** A background cleanup of the manager's store, or `gc()`, has ended. Its channel is `scs.store.cleanup`. */
  cleanup: Cleanup;
}

/** The data of an event about one session. */
export interface SessionEvent {
  /** The owner of the session, for managers with `owner`. */
  owner: string | undefined;
  /** Identifies the session in `inspect` and `revoke`. */
  handle: string | undefined;
}

/** The data of an `unknown` event. */
export interface UnknownToken {
  isMalformed: boolean;
  /** The remote address of the request, which may be a proxy's; `undefined` outside of a request. */
  remoteAddress: string | undefined;
}

/** The data of a `cleanup` event. */
export interface Cleanup {
  /** Number of expired records removed, including owners' lists. */
  removed: number;
  durationMs: number;
}

/** The events of a session manager. */
export type SessionEventName = keyof SessionEvents;

/** For `node:diagnostics_channel`: one channel per event, for all managers of the process. */
const channels: Record<SessionEventName, Channel> = {
  created: channel("scs.session.created"),
  renewed: channel("scs.session.renewed"),
  destroyed: channel("scs.session.destroyed"),
  revoked: channel("scs.session.revoked"),
  bound: channel("scs.session.bound"),
  unproven: channel("scs.session.unproven"),
  conflict: channel("scs.session.conflict"),
  unknown: channel("scs.session.unknown"),
  cleanup: channel("scs.store.cleanup"),
};

type Listener = (event: never) => unknown;

/**
 * Calls the app's listeners and publishes to the diagnostics channels. Costs almost nothing without listeners.
 *
 * @internal
 */
export class SessionEmitter {
  readonly #listeners: Map<SessionEventName, Set<Listener>> = new Map();
  readonly #onError: (error: Error) => void;
  readonly #store: object;

  constructor(onError: (error: Error) => void, store: object) {
    this.#onError = onError;
    this.#store = store;
  }

  /** @returns a function that unsubscribes. */
  on<E extends SessionEventName>(name: E, listener: (event: SessionEvents[E]) => unknown): () => void {
    if (!Object.hasOwn(channels, name)) {
      throw new TypeError(
        `there is no event ${JSON.stringify(name)}; there are: ${Object.keys(channels).join(", ")}`,
      );
    }
    if (name === "cleanup") return this.#onCleanup(listener as Listener);
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    const own: Listener = (event) => listener(event); // distinguishes two calls of `on` with one listener
    listeners.add(own);
    return () => void listeners.delete(own);
  }

  /** Subscribes to the channel of the store, whose cleanup knows no manager. */
  #onCleanup(listener: Listener): () => void {
    const own = (message: unknown): void => {
      const { store, removed, durationMs } = message as CleanupMessage;
      if (store === this.#store) this.#tell(listener, { removed, durationMs });
    };
    subscribe("scs.store.cleanup", own);
    return () => void unsubscribe("scs.store.cleanup", own);
  }

  /** `describe` is called only if somebody listens. */
  emit<E extends Exclude<SessionEventName, "cleanup">>(name: E, describe: () => SessionEvents[E]): void {
    const listeners = this.#listeners.get(name);
    const isHeard = listeners !== undefined && listeners.size > 0;
    if (!isHeard && !channels[name].hasSubscribers) return;
    let event: SessionEvents[E];
    try {
      event = describe(); // calls the app's `owner`
    } catch (error) {
      this.#onError(error as Error);
      return;
    }
    channels[name].publish(event);
    for (const listener of listeners ?? []) this.#tell(listener, event);
  }

  /** Calls a listener, whose errors must not fail a request. */
  #tell(listener: Listener, event: unknown): void {
    try {
      Promise.resolve(listener(event as never)).catch(this.#onError);
    } catch (error) {
      this.#onError(error as Error);
    }
  }
}

/**
 * Tracing channels of the operations that wait for the store: `tracing:scs.session.load:start` and so on.
 *
 * @internal
 */
export const loadTracing: TracingChannel = tracingChannel("scs.session.load");
/** @internal */
export const commitTracing: TracingChannel = tracingChannel("scs.session.commit");

/**
 * Runs `operation`, and traces its duration and failure, but not its result, if there are subscribers.
 *
 * @internal
 */
export function traced<R>(tracing: TracingChannel, operation: () => Promise<R>): Promise<R> {
  const { start, end, asyncStart, asyncEnd, error } = tracing;
  const isHeard =
    start.hasSubscribers ||
    end.hasSubscribers ||
    asyncStart.hasSubscribers ||
    asyncEnd.hasSubscribers ||
    error.hasSubscribers;
  return isHeard ? tracedAloud(tracing, operation) : operation();
}

async function tracedAloud<R>(tracing: TracingChannel, operation: () => Promise<R>): Promise<R> {
  let result: R | undefined;
  await tracing.tracePromise(async () => {
    result = await operation();
  }, {});
  return result as R;
}
