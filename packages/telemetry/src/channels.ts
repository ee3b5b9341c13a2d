import { subscribe, tracingChannel, unsubscribe } from "node:diagnostics_channel";

/** Receives what sessions and stores publish, limited to values for labels: none identifies a user, session or token. */
export interface Observer {
  /** A session event: `created`, `renewed`, `destroyed`, `revoked`, `conflict`, `unknown`. */
  onEvent(event: string, reason: string | undefined): void;
  /** A cleanup of a store has ended. */
  onCleanup(store: string, removed: number, durationMs: number): void;
  /** A load or a save has begun. Returns the function to call at its end. */
  onOperation(operation: "load" | "commit"): (failure: string | undefined) => void;
}

const EVENTS = ["created", "renewed", "destroyed", "revoked", "conflict", "unknown"] as const;
const OPERATIONS = ["load", "commit"] as const;

interface EventMessage {
  reason?: string;
  isMalformed?: boolean;
}

interface CleanupMessage {
  name: string;
  removed: number;
  durationMs: number;
}

/**
 * Subscribes an observer to all session managers and stores in the process.
 *
 * @returns A function that unsubscribes it.
 */
export function observe(observer: Observer): () => void {
  const ends = [...EVENTS.map((event) => onEvent(event, observer)), onCleanup(observer)];
  ends.push(...OPERATIONS.map((operation) => onOperation(operation, observer)));
  return () => {
    for (const end of ends) end();
  };
}

function onEvent(event: (typeof EVENTS)[number], observer: Observer): () => void {
  const listen = (message: unknown): void => {
    const { reason, isMalformed } = message as EventMessage;
    const kind = isMalformed === undefined ? reason : isMalformed ? "malformed" : "not_found";
    observer.onEvent(event, kind);
  };
  return listening(`scs.session.${event}`, listen);
}

function onCleanup(observer: Observer): () => void {
  return listening("scs.store.cleanup", (message) => {
    const { name, removed, durationMs } = message as CleanupMessage;
    observer.onCleanup(name, removed, durationMs);
  });
}

function listening(name: string, listen: (message: unknown) => void): () => void {
  subscribe(name, listen);
  return () => void unsubscribe(name, listen);
}

/** Subscribes to one operation. The channel passes the same object at its start and end. */
function onOperation(operation: (typeof OPERATIONS)[number], observer: Observer): () => void {
  const channel = tracingChannel(`scs.session.${operation}`);
  const running = new WeakMap<object, (failure: string | undefined) => void>();
  const subscribers = {
    start: (context: object) => void running.set(context, observer.onOperation(operation)),
    end: () => undefined,
    asyncStart: () => undefined,
    asyncEnd(context: object) {
      const { error } = context as { error?: unknown };
      running.get(context)?.(error === undefined ? undefined : failureOf(error));
    },
    error: () => undefined,
  };
  channel.subscribe(subscribers);
  return () => channel.unsubscribe(subscribers);
}

/** Returns the code of an error, for a label. Never its message. */
function failureOf(error: unknown): string {
  const { code, name } = Object(error) as { code?: unknown; name?: unknown };
  return typeof code === "string" ? code : typeof name === "string" ? name : "_OTHER";
}
